#pragma once

#include "memory_file_system.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace millrace::test {

/// Files in memory on a disk that has no room for a file above 64 KiB: a header may announce any capacity.
class small_disk final : public storage::file_system {
public:
  static constexpr std::uint64_t file_bytes_max = 64 * 1024;

  explicit small_disk(memory_file_system& files) : files_(files) {}

  storage::result<std::unique_ptr<storage::file>> open(const std::filesystem::path& path,
                                                       storage::file_mode mode) override {
    return files_.open(path, mode).map([](std::unique_ptr<storage::file> opened) {
      return std::unique_ptr<storage::file>{std::make_unique<small_file>(std::move(opened))};
    });
  }
  storage::result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    return files_.rename(from, to);
  }
  storage::result<> remove(const std::filesystem::path& path) override { return files_.remove(path); }
  storage::result<std::vector<std::string>> list(const std::filesystem::path& folder) override {
    return files_.list(folder);
  }
  storage::result<> make_folder(const std::filesystem::path& folder) override { return files_.make_folder(folder); }
  storage::result<> sync_folder(const std::filesystem::path& folder) override { return files_.sync_folder(folder); }

private:
  class small_file final : public storage::file {
  public:
    explicit small_file(std::unique_ptr<storage::file> under) : under_(std::move(under)) {}

    storage::result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) override {
      return under_->read_at(offset, into);
    }
    storage::result<> write_at(std::uint64_t offset, std::string_view bytes) override {
      return offset > file_bytes_max ? full() : under_->write_at(offset, bytes);
    }
    storage::result<> sync() override { return under_->sync(); }
    storage::result<> preallocate(std::uint64_t bytes) override {
      return bytes > file_bytes_max ? full() : under_->preallocate(bytes);
    }
    storage::result<> truncate(std::uint64_t bytes) override { return under_->truncate(bytes); }
    storage::result<std::uint64_t> size() override { return under_->size(); }

  private:
    static storage::result<> full() { return storage::fail(errc::disk_full, "the file is too large for this disk"); }

    std::unique_ptr<storage::file> under_;
  };

  memory_file_system& files_;
};

} // namespace millrace::test
