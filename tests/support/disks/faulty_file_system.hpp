#pragma once

#include "forwarding_file_system.hpp"

#include <cstdint>
#include <vector>

namespace millrace::test {

/// Makes another file system's operations fail by count.
class faulty_file_system final : public forwarding_file_system {
public:
  using forwarding_file_system::forwarding_file_system;

  /// From the `after`-th following operation of this kind on (0: the next), `times` of them fail with `code`.
  /// A write that fails leaves `torn_bytes` of its bytes behind.
  void fail(operation kind, errc code, std::uint64_t after = 0, std::uint64_t times = UINT64_MAX,
            std::size_t torn_bytes = 0) {
    faults_.push_back({kind, code, after, times, torn_bytes});
  }

  /// Everything fails from the `after`-th following operation of any kind that changes the disk.
  void die(std::uint64_t after) { changes_left_ = after; }
  bool dead() const noexcept { return dead_; }
  void heal() {
    faults_.clear();
    changes_left_ = UINT64_MAX;
    dead_ = false;
  }
  /// Operations so far that change the disk.
  std::uint64_t changes() const noexcept { return changes_; }

private:
  struct fault {
    operation kind;
    errc code;
    std::uint64_t after;
    std::uint64_t times;
    std::size_t torn_bytes;
  };

  static bool changes_the_disk(operation kind) noexcept {
    return kind != operation::read && kind != operation::size && kind != operation::open && kind != operation::list;
  }

  storage::result<> perform(const file_operation& asked, const action& proceed) override {
    if (asked.what == operation::make_folder) {
      return proceed();
    }
    if (changes_the_disk(asked.what)) {
      ++changes_;
      dead_ = dead_ || changes_left_ == 0;
      changes_left_ -= changes_left_ == 0 || changes_left_ == UINT64_MAX ? 0 : 1;
    }
    if (dead_) {
      return storage::fail(errc::io_error, "injected: the power is gone");
    }
    for (auto& planned : faults_) {
      if (planned.kind != asked.what) {
        continue;
      }
      if (planned.after > 0) {
        --planned.after;
      } else if (planned.times > 0) {
        --planned.times;
        if (asked.what == operation::write && planned.torn_bytes > 0) {
          static_cast<void>(asked.base->write_at(asked.offset, asked.bytes.substr(0, planned.torn_bytes)));
        }
        return storage::fail(planned.code, "injected");
      }
    }
    return proceed();
  }

  std::vector<fault> faults_;
  std::uint64_t changes_ = 0;
  std::uint64_t changes_left_ = UINT64_MAX;
  bool dead_ = false;
};

} // namespace millrace::test
