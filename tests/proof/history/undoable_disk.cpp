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

storage::result<> undoable_disk::perform(const file_operation& asked, const action& proceed) {
  switch (asked.what) {
    case operation::read:
    case operation::size:
    case operation::list:
    case operation::make_folder:
      return proceed();
    case operation::sync:
    case operation::sync_folder:
      return sync(asked, proceed);
    default:
      break;
  }
  const std::lock_guard lock{mutex_};
  if (asked.what == operation::rename || asked.what == operation::remove) {
    return replace(asked, proceed);
  }
  remember_before(asked);
  auto done = proceed();
  if (done && asked.what == operation::create) {
    remember_name([path = asked.path] { ::unlink(path.c_str()); });
  }
  if (done && remembers_ && asked.mode != storage::file_mode::read) {
    opened_[asked.file] = ::open(asked.path.c_str(), O_RDWR | O_CLOEXEC);
  }
  return done;
}

storage::result<> undoable_disk::sync(const file_operation& asked, const action& proceed) {
  const bool of_folder = asked.what == operation::sync_folder;
  if (!of_folder && !remembers_) {
    return proceed();
  }
  std::this_thread::sleep_for(sync_time);
  auto done = proceed();
  const std::lock_guard lock{mutex_};
  if (!of_folder) {
    forget(opened(asked.file));
  } else if (done) {
    // All names of the queue stand in one folder.
    std::erase_if(changes_, [](const change& one) { return one.descriptor < 0; });
  }
  return done;
}

void undoable_disk::remember_before(const file_operation& asked) {
  if (asked.what == operation::write) {
    remember_bytes(opened(asked.file), static_cast<std::int64_t>(asked.offset), asked.bytes.size());
  } else if (asked.what == operation::preallocate) {
    remember_bytes(opened(asked.file), 0, 0);
  } else if (asked.what == operation::truncate) {
    remember_bytes(opened(asked.file), static_cast<std::int64_t>(asked.size), SIZE_MAX);
  }
}

/// A rename or a removal: what it puts away is archived, and kept for as long as it may come back.
storage::result<> undoable_disk::replace(const file_operation& asked, const action& proceed) {
  const bool renames = asked.what == operation::rename;
  const auto& lost = renames ? asked.to : asked.path;
  archive(asked.path);
  const auto kept = remembers_ && fs::exists(lost) ? keep_aside(lost) : fs::path{};
  auto done = proceed();
  if (done) {
    remember_name([renames, from = asked.path, lost, kept] {
      if (renames) {
        ::rename(lost.c_str(), from.c_str());
      }
      if (!kept.empty()) {
        ::rename(kept.c_str(), lost.c_str());
      }
    });
  }
  return done;
}

int undoable_disk::opened(std::uint64_t file) const {
  const auto found = opened_.find(file);
  return found == opened_.end() ? -1 : found->second;
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
