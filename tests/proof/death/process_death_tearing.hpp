#pragma once

#include <millrace/storage/base/failpoint.hpp>
#include <millrace/tests/support/disks/forwarding_file_system.hpp>

namespace millrace::test {

/// The machine's files, but frames are written in two halves with the failpoint `file.half_written` between them, as
/// the kernel may be interrupted in a write. Without it no process could leave a torn frame.
class tearing_file_system final : public forwarding_file_system {
  static constexpr std::size_t block_bytes = 4096; ///< Of a segment's header.

  storage::result<> perform(const file_operation& asked, const action& proceed) override {
    if (asked.what != operation::write || asked.offset < block_bytes || asked.bytes.size() >= block_bytes) {
      return proceed();
    }
    const auto half = asked.bytes.size() / 2;
    return asked.base->write_at(asked.offset, asked.bytes.substr(0, half)).and_then([&] {
      storage::failpoint("file.half_written");
      return asked.base->write_at(asked.offset + half, asked.bytes.substr(half));
    });
  }
};

} // namespace millrace::test
