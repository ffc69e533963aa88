#pragma once

#include <millrace/storage/file.hpp>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace millrace::test {

/// The machine's files, where a sync can be made to wait until it is let go. Any thread.
class pausing_file_system final : public storage::file_system {
public:
  ~pausing_file_system() override { release(); }

  /// Every sync waits from now on.
  void hold() {
    const std::lock_guard lock{mutex_};
    holding_ = true;
  }
  void release() {
    const std::lock_guard lock{mutex_};
    holding_ = false;
    changed_.notify_all();
  }
  /// Waits until a sync waits; false where none does in time.
  bool holds_one(std::chrono::milliseconds patience) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, patience, [this] { return held_ > 0; });
  }

  storage::result<std::unique_ptr<storage::file>> open(const std::filesystem::path& path,
                                                       storage::file_mode mode) override {
    return base_.open(path, mode).map([this](std::unique_ptr<storage::file> opened) {
      return std::unique_ptr<storage::file>{std::make_unique<pausing_file>(*this, std::move(opened))};
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
  class pausing_file final : public storage::file {
  public:
    pausing_file(pausing_file_system& owner, std::unique_ptr<storage::file> base)
      : owner_(owner), base_(std::move(base)) {}

    storage::result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) override {
      return base_->read_at(offset, into);
    }
    storage::result<> write_at(std::uint64_t offset, std::string_view bytes) override {
      return base_->write_at(offset, bytes);
    }
    storage::result<> sync() override {
      owner_.wait();
      return base_->sync();
    }
    storage::result<> preallocate(std::uint64_t bytes) override { return base_->preallocate(bytes); }
    storage::result<> truncate(std::uint64_t bytes) override { return base_->truncate(bytes); }
    storage::result<std::uint64_t> size() override { return base_->size(); }

  private:
    pausing_file_system& owner_;
    std::unique_ptr<storage::file> base_;
  };

  void wait() {
    std::unique_lock lock{mutex_};
    ++held_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !holding_; });
    --held_;
  }

  storage::file_system& base_ = storage::posix_file_system();
  std::mutex mutex_; ///< Guards all below.
  std::condition_variable changed_;
  bool holding_ = false;
  int held_ = 0;
};

} // namespace millrace::test
