#include "undoable_disk.hpp"

#include <millrace/storage/queue/format.hpp>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace millrace::test::histories {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t sector_bytes = 512;
/// A sync takes a while, in which the process may end.
constexpr std::chrono::microseconds sync_time{300};

std::int64_t size_of(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 ? status.st_size : 0;
}

/// What tells a file from others, whatever its name and through whichever descriptor.
std::uint64_t identity_of(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 ? status.st_ino : 0;
}

bool is_undone(std::string_view path) {
  return path.ends_with("-wal") || path.ends_with(".sqlite3");
}

} // namespace

class undoable_disk::disk_file final : public storage::file {
public:
  disk_file(undoable_disk& owner, std::unique_ptr<storage::file> base, int descriptor)
    : owner_(owner), base_(std::move(base)), descriptor_(descriptor) {}

  storage::result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) override {
    return base_->read_at(offset, into);
  }
  storage::result<> write_at(std::uint64_t offset, std::string_view bytes) override {
    return changing(offset, bytes.size(), [&] { return base_->write_at(offset, bytes); });
  }
  storage::result<> sync() override {
    std::this_thread::sleep_for(sync_time);
    auto synced = base_->sync();
    const std::lock_guard lock{owner_.mutex_};
    owner_.forget(descriptor_);
    return synced;
  }
  storage::result<> preallocate(std::uint64_t bytes) override {
    return changing(0, 0, [&] { return base_->preallocate(bytes); });
  }
  storage::result<> truncate(std::uint64_t bytes) override {
    return changing(bytes, SIZE_MAX, [&] { return base_->truncate(bytes); });
  }
  storage::result<std::uint64_t> size() override { return base_->size(); }

private:
  template <class Change>
  storage::result<> changing(std::uint64_t offset, std::size_t count, Change change) {
    const std::lock_guard lock{owner_.mutex_};
    owner_.remember_bytes(descriptor_, static_cast<std::int64_t>(offset), count);
    return change();
  }

  undoable_disk& owner_;
  std::unique_ptr<storage::file> base_;
  int descriptor_; ///< Stays open for as long as something may be undone: until the process ends.
};

undoable_disk::undoable_disk(fs::path archive, fs::path trash, bool remembers)
  : archive_(std::move(archive)), trash_(std::move(trash)), remembers_(remembers) {
  fs::create_directories(archive_);
  fs::remove_all(trash_);
  fs::create_directories(trash_);
}

void undoable_disk::lose_power(std::uint64_t seed, std::mutex& witnesses) {
  std::mt19937_64 random{seed};
  const bool all = random() % 4 == 0;
  std::unique_lock lock{mutex_};
  // Mostly in the middle of a sync, when a frame may be torn.
  for (int i = 0; i < 1'000 && !all && !writes_frame(); ++i) {
    lock.unlock();
    std::this_thread::sleep_for(std::chrono::microseconds{50});
    lock.lock();
  }
  witnesses.lock();
  for (auto one = changes_.rbegin(); one != changes_.rend(); ++one) {
    if (one->descriptor < 0) {
      one->undo(); // All names, since an older one cannot be undone under a newer one.
      continue;
    }
    for (std::size_t at = 0; at < one->bytes_before.size(); at += sector_bytes) {
      const auto count = std::min(sector_bytes, one->bytes_before.size() - at);
      if (all || random() % 2 == 0) {
        static_cast<void>(
          ::pwrite(one->descriptor, one->bytes_before.data() + at, count, one->offset + static_cast<std::int64_t>(at)));
      }
    }
    if (all || random() % 2 == 0) {
      static_cast<void>(::ftruncate(one->descriptor, one->size_before));
    }
  }
  ::_exit(0);
}

storage::result<std::unique_ptr<storage::file>> undoable_disk::open(const fs::path& path, storage::file_mode mode) {
  const std::lock_guard lock{mutex_};
  auto opened = base_.open(path, mode);
  if (!opened || !remembers_ || mode == storage::file_mode::read) {
    return opened;
  }
  if (mode == storage::file_mode::create_new) {
    remember_name([path] { ::unlink(path.c_str()); });
  }
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  return std::make_unique<disk_file>(*this, std::move(*opened), descriptor);
}

storage::result<> undoable_disk::rename(const fs::path& from, const fs::path& to) {
  const std::lock_guard lock{mutex_};
  archive(from);
  const auto replaced = remembers_ && fs::exists(to) ? keep_aside(to) : fs::path{};
  auto done = base_.rename(from, to);
  if (done) {
    remember_name([from, to, replaced] {
      ::rename(to.c_str(), from.c_str());
      if (!replaced.empty()) {
        ::rename(replaced.c_str(), to.c_str());
      }
    });
  }
  return done;
}

storage::result<> undoable_disk::remove(const fs::path& path) {
  const std::lock_guard lock{mutex_};
  archive(path);
  const auto kept = remembers_ && fs::exists(path) ? keep_aside(path) : fs::path{};
  auto done = base_.remove(path);
  if (done) {
    remember_name([path, kept] { ::rename(kept.c_str(), path.c_str()); });
  }
  return done;
}

storage::result<std::vector<std::string>> undoable_disk::list(const fs::path& folder) {
  return base_.list(folder);
}

storage::result<> undoable_disk::make_folder(const fs::path& folder) {
  return base_.make_folder(folder);
}

/// All names of the queue stand in one folder.
storage::result<> undoable_disk::sync_folder(const fs::path& folder) {
  std::this_thread::sleep_for(sync_time);
  const std::lock_guard lock{mutex_};
  std::erase_if(changes_, [](const change& one) { return one.descriptor < 0; });
  return base_.sync_folder(folder);
}

int undoable_disk::before(const vfs_operation& operation) {
  using kind = vfs_operation::kind;
  if (!remembers_ || !is_undone(operation.path)
      || (operation.what != kind::write && operation.what != kind::truncate)) {
    return SQLITE_OK;
  }
  const std::lock_guard lock{mutex_};
  const bool cuts = operation.what == kind::truncate;
  remember_bytes(descriptor_of(std::string{operation.path}), cuts ? operation.size : operation.offset,
                 cuts ? SIZE_MAX : operation.bytes.size());
  return SQLITE_OK;
}

void undoable_disk::after(const vfs_operation& operation, int) {
  using kind = vfs_operation::kind;
  if (!remembers_ || !is_undone(operation.path) || (operation.what != kind::sync && operation.what != kind::remove)) {
    return;
  }
  const std::lock_guard lock{mutex_};
  const std::string path{operation.path};
  if (const auto known = descriptors_.find(path); known != descriptors_.end()) {
    forget(known->second);
    if (operation.what == kind::remove) {
      descriptors_.erase(known);
    }
  }
}

/// Whether a frame of several sectors is written and not synced.
bool undoable_disk::writes_frame() const {
  return std::ranges::any_of(changes_, [this](const change& one) {
    const bool of_sqlite = std::ranges::any_of(descriptors_,
                                               [&](const auto& known) { return known.second == one.descriptor; });
    return !of_sqlite && one.bytes_before.size() > 2 * sector_bytes;
  });
}

int undoable_disk::descriptor_of(const std::string& path) {
  auto& descriptor = descriptors_.try_emplace(path, -1).first->second;
  if (descriptor < 0) {
    descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  }
  return descriptor;
}

void undoable_disk::remember_bytes(int descriptor, std::int64_t offset, std::size_t count) {
  if (!remembers_ || descriptor < 0) {
    return;
  }
  change one{.descriptor = descriptor, .file = identity_of(descriptor), .offset = offset};
  one.size_before = size_of(descriptor);
  const auto there = std::max<std::int64_t>(one.size_before - offset, 0);
  one.bytes_before.resize(std::min(count, static_cast<std::size_t>(there)));
  const auto given = ::pread(descriptor, one.bytes_before.data(), one.bytes_before.size(), offset);
  one.bytes_before.resize(static_cast<std::size_t>(std::max<ssize_t>(given, 0)));
  changes_.push_back(std::move(one));
}

void undoable_disk::remember_name(std::function<void()> undo) {
  if (remembers_) {
    changes_.push_back({.undo = std::move(undo)});
  }
}

void undoable_disk::forget(int descriptor) {
  std::erase_if(
    changes_, [file = identity_of(descriptor)](const change& one) { return one.descriptor >= 0 && one.file == file; });
}

fs::path undoable_disk::keep_aside(const fs::path& path) {
  auto aside = trash_ / std::to_string(++put_aside_);
  fs::create_hard_link(path, aside);
  return aside;
}

void undoable_disk::archive(const fs::path& path) const {
  const auto name = path.filename().string();
  if (!storage::segment_of_name(name) || !fs::exists(path)) {
    return;
  }
  const auto half = archive_ / (name + ".half");
  fs::copy_file(path, half, fs::copy_options::overwrite_existing);
  fs::rename(half, archive_ / name);
}

} // namespace millrace::test::histories
