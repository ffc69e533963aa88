#pragma once

#include "recording.hpp"

#include <millrace/tests/support/disks/vfs_shim.hpp>

#include <functional>
#include <shared_mutex>
#include <vector>

namespace millrace::test {

/// Puts down what SQLite does to the files of data folders that are recorded. Its shared memory is not among them:
/// SQLite makes it anew after a power loss.
class recording_observer final : public vfs_observer {
public:
  /// A recording takes part for as long as this lives.
  class part {
  public:
    part(recording_observer& observer, recording& into);
    part(const part&) = delete;
    part& operator=(const part&) = delete;
    ~part();

  private:
    recording_observer& observer_;
    recording& into_;
  };

  int before(const vfs_operation& operation) override;
  void after(const vfs_operation& operation, int code) override;

private:
  recording* of(std::string_view path);

  std::shared_mutex mutex_;
  std::vector<recording*> recordings_; ///< Guarded by `mutex_`.
};

} // namespace millrace::test
