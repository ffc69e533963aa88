#pragma once

#include <millrace/storage/base/file.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace millrace::test {

/// What of a file system can go wrong.
enum class operation {
  read,
  write,
  sync,
  preallocate,
  truncate,
  size,
  open,
  create,
  rename,
  remove,
  list,
  sync_folder
};

/// Wraps another file system and makes its operations fail by count.
class faulty_file_system final : public storage::file_system {
public:
  explicit faulty_file_system(storage::file_system& base) : base_(base) {}

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

  storage::result<std::unique_ptr<storage::file>> open(const std::filesystem::path& path,
                                                       storage::file_mode mode) override {
    const auto kind = mode == storage::file_mode::create_new ? operation::create : operation::open;
    if (auto allowed = check(kind); !allowed) {
      return tl::unexpected{allowed.error()};
    }
    return base_.open(path, mode).map([this](std::unique_ptr<storage::file> opened) {
      return std::unique_ptr<storage::file>{std::make_unique<faulty_file>(*this, std::move(opened))};
    });
  }
  storage::result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    return check(operation::rename).and_then([&] { return base_.rename(from, to); });
  }
  storage::result<> remove(const std::filesystem::path& path) override {
    return check(operation::remove).and_then([&] { return base_.remove(path); });
  }
  storage::result<std::vector<std::string>> list(const std::filesystem::path& folder) override {
    return check(operation::list).and_then([&] { return base_.list(folder); });
  }
  storage::result<> make_folder(const std::filesystem::path& folder) override { return base_.make_folder(folder); }
  storage::result<> sync_folder(const std::filesystem::path& folder) override {
    return check(operation::sync_folder).and_then([&] { return base_.sync_folder(folder); });
  }

private:
  struct fault {
    operation kind;
    errc code;
    std::uint64_t after;
    std::uint64_t times;
    std::size_t torn_bytes;
  };

  class faulty_file final : public storage::file {
  public:
    faulty_file(faulty_file_system& faults, std::unique_ptr<storage::file> base)
      : faults_(faults), base_(std::move(base)) {}

    storage::result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) override {
      return faults_.check(operation::read).and_then([&] { return base_->read_at(offset, into); });
    }
    storage::result<> write_at(std::uint64_t offset, std::string_view bytes) override {
      std::size_t torn_bytes = 0;
      auto allowed = faults_.check(operation::write, &torn_bytes);
      if (!allowed && torn_bytes > 0) {
        static_cast<void>(base_->write_at(offset, bytes.substr(0, torn_bytes)));
      }
      return allowed ? base_->write_at(offset, bytes) : allowed;
    }
    storage::result<> sync() override {
      return faults_.check(operation::sync).and_then([&] { return base_->sync(); });
    }
    storage::result<> preallocate(std::uint64_t bytes) override {
      return faults_.check(operation::preallocate).and_then([&] { return base_->preallocate(bytes); });
    }
    storage::result<> truncate(std::uint64_t bytes) override {
      return faults_.check(operation::truncate).and_then([&] { return base_->truncate(bytes); });
    }
    storage::result<std::uint64_t> size() override {
      return faults_.check(operation::size).and_then([&] { return base_->size(); });
    }
    void forget_cached() noexcept override { base_->forget_cached(); }

  private:
    faulty_file_system& faults_;
    std::unique_ptr<storage::file> base_;
  };

  static bool changes_the_disk(operation kind) noexcept {
    return kind != operation::read && kind != operation::size && kind != operation::open && kind != operation::list;
  }

  storage::result<> check(operation kind, std::size_t* torn_bytes = nullptr) {
    if (changes_the_disk(kind)) {
      ++changes_;
      dead_ = dead_ || changes_left_ == 0;
      changes_left_ -= changes_left_ == 0 || changes_left_ == UINT64_MAX ? 0 : 1;
    }
    if (dead_) {
      return storage::fail(errc::io_error, "injected: the power is gone");
    }
    for (auto& planned : faults_) {
      if (planned.kind != kind) {
        continue;
      }
      if (planned.after > 0) {
        --planned.after;
      } else if (planned.times > 0) {
        --planned.times;
        if (torn_bytes != nullptr) {
          *torn_bytes = planned.torn_bytes;
        }
        return storage::fail(planned.code, "injected");
      }
    }
    return {};
  }

  storage::file_system& base_;
  std::vector<fault> faults_;
  std::uint64_t changes_ = 0;
  std::uint64_t changes_left_ = UINT64_MAX;
  bool dead_ = false;
};

} // namespace millrace::test
