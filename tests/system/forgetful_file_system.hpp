#pragma once

#include <millrace/storage/file.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace millrace::test {

/// The machine's files, but what is written stays inside this process until it is synced. So a process that is killed
/// loses what a machine without power would, and a sync that fails keeps nothing. Used by one thread at a time.
class forgetful_file_system final : public storage::file_system {
public:
  /// After `syncs_until_failure` syncs each further one fails; 0 for never.
  explicit forgetful_file_system(std::uint64_t syncs_until_failure)
    : syncs_left_(syncs_until_failure == 0 ? UINT64_MAX : syncs_until_failure) {}

  storage::result<std::unique_ptr<storage::file>> open(const std::filesystem::path& path,
                                                       storage::file_mode mode) override {
    return base_.open(path, mode).map([this](std::unique_ptr<storage::file> opened) {
      return std::unique_ptr<storage::file>{std::make_unique<forgetful_file>(*this, std::move(opened))};
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
  class forgetful_file final : public storage::file {
  public:
    forgetful_file(forgetful_file_system& owner, std::unique_ptr<storage::file> base)
      : owner_(owner), base_(std::move(base)) {}

    storage::result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) override {
      return base_->read_at(offset, into);
    }
    storage::result<> write_at(std::uint64_t offset, std::string_view bytes) override {
      unsynced_.emplace_back(offset, bytes);
      return {};
    }
    storage::result<> sync() override {
      const auto writes = std::exchange(unsynced_, {});
      // The time of a sync passes first, so that there is a while in which killing the process loses them.
      auto synced = base_->sync();
      if (owner_.syncs_left_ == 0) {
        return storage::fail(errc::io_error, "injected: what was written is gone");
      }
      --owner_.syncs_left_;
      for (auto write = writes.begin(); synced && write != writes.end(); ++write) {
        synced = base_->write_at(write->first, write->second);
      }
      return synced;
    }
    storage::result<> preallocate(std::uint64_t bytes) override { return base_->preallocate(bytes); }
    storage::result<> truncate(std::uint64_t bytes) override { return base_->truncate(bytes); }
    storage::result<std::uint64_t> size() override { return base_->size(); }

  private:
    forgetful_file_system& owner_;
    std::unique_ptr<storage::file> base_;
    std::vector<std::pair<std::uint64_t, std::string>> unsynced_;
  };

  storage::file_system& base_ = storage::posix_file_system();
  std::uint64_t syncs_left_;
};

} // namespace millrace::test
