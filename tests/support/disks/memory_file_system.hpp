#pragma once

#include <millrace/storage/base/file.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace millrace::test {

/// Files in memory that know what was synced, so that a test can copy a folder, damage it at will, and take the power
/// away.
class memory_file_system final : public storage::file_system {
public:
  struct node {
    std::string now;
    std::string synced;
    bool dirty = false; ///< Whether a sync has something to write.
    bool lost = false;  ///< Whether a sync failed, which left what it had to write in memory alone.
  };
  using entries = std::map<std::filesystem::path, std::shared_ptr<node>>;

  memory_file_system() = default;
  memory_file_system(memory_file_system&&) = default;
  memory_file_system& operator=(memory_file_system&&) = default;

  /// Every file as it reads now, synced.
  memory_file_system copy() const {
    memory_file_system other;
    for (const auto& [path, file] : now_) {
      other.put(path, file->now);
    }
    other.folders_ = folders_;
    return other;
  }

  void put(const std::filesystem::path& path, const std::string& bytes) {
    now_[path] = std::make_shared<node>(node{bytes, bytes});
    synced_ = {now_};
  }

  /// All files by path, for comparing folders.
  std::map<std::filesystem::path, std::string> contents() const {
    std::map<std::filesystem::path, std::string> all;
    for (const auto& [path, file] : now_) {
      all[path] = file->now;
    }
    return all;
  }

  /// The next sync fails and leaves what was written in memory alone, where later syncs do not find it any more.
  void lose_next_sync() { limits_->loses_sync = true; }
  /// From now on there is no room for a file above so many bytes.
  void limit_files(std::uint64_t bytes_max) { limits_->file_bytes_max = bytes_max; }

  std::string& bytes(const std::filesystem::path& path) { return now_.at(path)->now; }

  /// What a power loss leaves: names as after any of the operations since the folder was synced, and of what was
  /// written but not synced any sectors.
  memory_file_system after_power_loss(std::mt19937_64& random) const {
    memory_file_system other;
    other.folders_ = folders_;
    for (const auto& [path, file] : synced_[random() % synced_.size()]) {
      auto bytes = file->synced;
      bytes.resize(random() % 2 == 0 ? file->now.size() : std::min(bytes.size(), file->now.size()));
      for (std::size_t at = 0; at < bytes.size(); at += sector_bytes) {
        if (random() % 2 == 0) {
          bytes.replace(at, sector_bytes, file->now, at, sector_bytes);
        }
      }
      other.put(path, bytes);
    }
    return other;
  }

  storage::result<std::unique_ptr<storage::file>> open(const std::filesystem::path& path,
                                                       storage::file_mode mode) override {
    const auto found = now_.find(path);
    if (mode == storage::file_mode::create_new) {
      if (found != now_.end()) {
        return storage::fail(errc::io_error, "creating " + path.string() + ": it exists");
      }
      auto made = std::make_shared<node>();
      now_[path] = made;
      synced_.push_back(now_);
      return std::make_unique<memory_file>(std::move(made), limits_);
    }
    if (found == now_.end()) {
      return storage::fail(errc::file_not_found, "opening " + path.string());
    }
    return std::make_unique<memory_file>(found->second, limits_);
  }

  storage::result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    auto moved = now_.extract(from);
    if (moved.empty()) {
      return storage::fail(errc::file_not_found, "renaming " + from.string());
    }
    now_[to] = moved.mapped();
    synced_.push_back(now_);
    return {};
  }

  storage::result<> remove(const std::filesystem::path& path) override {
    if (now_.erase(path) == 0) {
      return storage::fail(errc::file_not_found, "removing " + path.string());
    }
    synced_.push_back(now_);
    return {};
  }

  storage::result<std::vector<std::string>> list(const std::filesystem::path& folder) override {
    if (std::find(folders_.begin(), folders_.end(), folder) == folders_.end()) {
      return storage::fail(errc::file_not_found, "listing " + folder.string());
    }
    std::vector<std::string> names;
    for (const auto& [path, file] : now_) {
      if (path.parent_path() == folder) {
        names.push_back(path.filename());
      }
    }
    return names;
  }

  storage::result<> make_folder(const std::filesystem::path& folder) override {
    folders_.push_back(folder);
    return {};
  }

  storage::result<> sync_folder(const std::filesystem::path&) override {
    synced_ = {now_};
    return {};
  }

private:
  static constexpr std::size_t sector_bytes = 512;

  struct limits {
    bool loses_sync = false;
    std::uint64_t file_bytes_max = UINT64_MAX;
  };

  class memory_file final : public storage::file {
  public:
    memory_file(std::shared_ptr<node> data, std::shared_ptr<limits> limit)
      : data_(std::move(data)), limits_(std::move(limit)) {}

    storage::result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) override {
      if (offset >= data_->now.size()) {
        return std::size_t{0};
      }
      return data_->now.copy(into.data(), into.size(), static_cast<std::size_t>(offset));
    }
    storage::result<> write_at(std::uint64_t offset, std::string_view bytes) override {
      if (offset > limits_->file_bytes_max) {
        return full();
      }
      const auto at = static_cast<std::size_t>(offset);
      data_->now.resize(std::max(data_->now.size(), at + bytes.size()));
      data_->now.replace(at, bytes.size(), bytes);
      data_->dirty = true;
      return {};
    }
    storage::result<> sync() override {
      const bool loses = std::exchange(limits_->loses_sync, false);
      if (std::exchange(data_->dirty, false) && !loses) {
        data_->synced = data_->now;
      }
      data_->lost = data_->lost || loses;
      return loses ? storage::fail(errc::io_error, "syncing: lost") : storage::result<>{};
    }
    void forget_cached() noexcept override {
      if (data_->lost && !data_->dirty) {
        data_->now = data_->synced;
      }
    }
    storage::result<> preallocate(std::uint64_t bytes) override {
      if (bytes > limits_->file_bytes_max) {
        return full();
      }
      data_->dirty = true;
      data_->now.resize(std::max(data_->now.size(), static_cast<std::size_t>(bytes)));
      return {};
    }
    storage::result<> truncate(std::uint64_t bytes) override {
      data_->dirty = true;
      data_->now.resize(static_cast<std::size_t>(bytes));
      return {};
    }
    storage::result<std::uint64_t> size() override { return data_->now.size(); }

  private:
    static storage::result<> full() { return storage::fail(errc::disk_full, "the file is too large for this disk"); }

    std::shared_ptr<node> data_;
    std::shared_ptr<limits> limits_;
  };

  entries now_;
  std::vector<entries> synced_{{}}; ///< Names when the folder was synced, and after each operation since.
  std::vector<std::filesystem::path> folders_;
  std::shared_ptr<limits> limits_ = std::make_shared<limits>();
};

} // namespace millrace::test
