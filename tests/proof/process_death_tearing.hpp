#pragma once

#include <millrace/storage/file.hpp>
#include <millrace/storage/test_switches.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace millrace::test {

/// The machine's files, but frames are written in two halves with the failpoint `file.half_written` between them, as
/// the kernel may be interrupted in a write. Without it no process could leave a torn frame.
class tearing_file_system final : public storage::file_system {
public:
  storage::result<std::unique_ptr<storage::file>> open(const std::filesystem::path& path,
                                                       storage::file_mode mode) override {
    return base_.open(path, mode).map([](std::unique_ptr<storage::file> opened) {
      return std::unique_ptr<storage::file>{std::make_unique<tearing_file>(std::move(opened))};
    });
  }
  storage::result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    return base_.rename(from, to);
  }
  storage::result<> remove(const std::filesystem::path& path) override { return base_.remove(path); }
  storage::result<std::vector<std::string>> list(const std::filesystem::path& folder) override {
    return base_.list(folder);
  }
  storage::result<> make_folder(const std::filesystem::path& folder) override { return base_.make_folder(folder); }
  storage::result<> sync_folder(const std::filesystem::path& folder) override { return base_.sync_folder(folder); }

private:
  static constexpr std::size_t block_bytes = 4096; ///< Of a segment's header.

  class tearing_file final : public storage::file {
  public:
    explicit tearing_file(std::unique_ptr<storage::file> base) : base_(std::move(base)) {}

    storage::result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) override {
      return base_->read_at(offset, into);
    }
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
    storage::result<> sync() override { return base_->sync(); }
    storage::result<> preallocate(std::uint64_t bytes) override { return base_->preallocate(bytes); }
    storage::result<> truncate(std::uint64_t bytes) override { return base_->truncate(bytes); }
    storage::result<std::uint64_t> size() override { return base_->size(); }

  private:
    std::unique_ptr<storage::file> base_;
  };

  storage::file_system& base_ = storage::posix_file_system();
};

} // namespace millrace::test
