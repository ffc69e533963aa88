#pragma once

#include "recording.hpp"

#include <millrace/tests/support/disks/forwarding_file_system.hpp>

#include <cstdint>
#include <map>

namespace millrace::test {

/// The machine's files, with everything put down that is done to them. Used by one thread at a time.
class recording_file_system final : public forwarding_file_system {
public:
  explicit recording_file_system(recording& into) : into_(into) {}

private:
  storage::result<> perform(const file_operation& asked, const action& proceed) override;
  void note_done(const file_operation& asked);

  recording& into_;
  std::map<std::uint64_t, std::uint32_t> numbers_; ///< In the recording, by open file.
};

} // namespace millrace::test
