#pragma once

#include <millrace/storage/base/failpoint.hpp>
#include <millrace/tests/support/disks/forwarding_file_system.hpp>

#include <filesystem>
#include <memory>
#include <utility>

namespace millrace::test {

/// The machine's files, but frames are written in two halves with the failpoint `file.half_written` between them, as
/// the kernel may be interrupted in a write. Without it no process could leave a torn frame.
class tearing_file_system final : public forwarding_file_system {
public:
  storage::result<std::unique_ptr<storage::file>> open(const std::filesystem::path& path,
                                                       storage::file_mode mode) override {
    return base_.open(path, mode).map([](std::unique_ptr<storage::file> opened) {
      return std::unique_ptr<storage::file>{std::make_unique<tearing_file>(std::move(opened))};
    });
  }

private:
  static constexpr std::size_t block_bytes = 4096; ///< Of a segment's header.

  class tearing_file final : public forwarding_file {
  public:
    using forwarding_file::forwarding_file;

    storage::result<> write_at(std::uint64_t offset, std::string_view bytes) override {
      if (offset < block_bytes || bytes.size() >= block_bytes) {
        return base_->write_at(offset, bytes);
      }
      const auto half = bytes.size() / 2;
      return base_->write_at(offset, bytes.substr(0, half)).and_then([&] {
        storage::failpoint("file.half_written");
        return base_->write_at(offset + half, bytes.substr(half));
      });
    }
  };
};

} // namespace millrace::test
