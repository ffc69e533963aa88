#pragma once

#include "forwarding_file_system.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace millrace::test {

/// The machine's files, but what is written stays inside this process until it is synced. So a process that is killed
/// loses what a machine without power would, and a sync that fails keeps nothing. Used by one thread at a time.
class forgetful_file_system final : public forwarding_file_system {
public:
  /// After `syncs_until_failure` syncs each further one fails; 0 for never.
  explicit forgetful_file_system(std::uint64_t syncs_until_failure)
    : syncs_left_(syncs_until_failure == 0 ? UINT64_MAX : syncs_until_failure) {}

private:
  storage::result<> perform(const file_operation& asked, const action& proceed) override {
    if (asked.what == operation::write) {
      unsynced_[asked.file].emplace_back(asked.offset, asked.bytes);
      return {};
    }
    if (asked.what != operation::sync) {
      return proceed();
    }
    const auto writes = std::exchange(unsynced_[asked.file], {});
    // The time of a sync passes first, so that there is a while in which killing the process loses them.
    auto synced = proceed();
    if (syncs_left_ == 0) {
      return storage::fail(errc::io_error, "injected: what was written is gone");
    }
    --syncs_left_;
    for (auto write = writes.begin(); synced && write != writes.end(); ++write) {
      synced = asked.base->write_at(write->first, write->second);
    }
    return synced;
  }

  std::map<std::uint64_t, std::vector<std::pair<std::uint64_t, std::string>>> unsynced_; ///< By open file.
  std::uint64_t syncs_left_;
};

} // namespace millrace::test
