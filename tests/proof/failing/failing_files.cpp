#include "failing_files.hpp"

#include <algorithm>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace millrace::test {

std::string describe(const file_fault& fault) {
  if (fault.nth == 0) {
    return "no fault";
  }
  return std::string{fault.owner == file_owner::queue ? "queue" : "database"} + " operation "
         + std::to_string(fault.nth) + (fault.full ? ", ENOSPC" : ", EIO") + (fault.lasts ? ", lasting" : ", once")
         + (fault.torn ? ", torn" : "") + (fault.drops ? ", unsynced bytes dropped" : "");
}

auto fault_plan::judge(file_owner owner, bool needs_room, std::string_view what, std::string_view path) -> verdict {
  const std::lock_guard lock{mutex_};
  if (dead_) {
    return {true, false};
  }
  if (owner != fault_.owner) {
    return {};
  }
  const auto number = ++done_[owner];
  if (healed_ || fault_.nth == 0 || number < fault_.nth || (number > fault_.nth && !fault_.lasts)) {
    return {};
  }
  if (fault_.lasts && fault_.full && !needs_room) {
    return {};
  }
  if (struck_.empty()) {
    struck_ = std::string{what} + " " + std::filesystem::path{path}.filename().string();
    changed_.notify_all();
  }
  return {true, fault_.full && needs_room};
}

void fault_plan::heal() {
  const std::lock_guard lock{mutex_};
  healed_ = true;
  changed_.notify_all();
}

void fault_plan::die() {
  const std::lock_guard lock{mutex_};
  dead_ = true;
}

bool fault_plan::dead() const {
  const std::lock_guard lock{mutex_};
  return dead_;
}

void fault_plan::revive() {
  const std::lock_guard lock{mutex_};
  dead_ = false;
}

void fault_plan::wait_until_struck() {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return healed_ || !struck_.empty(); });
}

std::string fault_plan::struck() const {
  const std::lock_guard lock{mutex_};
  return struck_;
}

std::uint64_t fault_plan::operations(file_owner owner) const {
  const std::lock_guard lock{mutex_};
  const auto found = done_.find(owner);
  return found == done_.end() ? 0 : found->second;
}

class failing_file_system::failing_file final : public storage::file {
public:
  failing_file(failing_file_system& owner, std::unique_ptr<storage::file> base, std::filesystem::path path)
    : owner_(owner), base_(std::move(base)), path_(std::move(path)) {}

  storage::result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) override {
    return owner_.check("reading", path_).and_then([&] { return base_->read_at(offset, into); });
  }

  storage::result<> write_at(std::uint64_t offset, std::string_view bytes) override {
    auto allowed = owner_.check("writing", path_, may_meet_full_disk());
    if (!allowed) {
      if (owner_.plan_.fault().torn && !owner_.plan_.dead()) {
        static_cast<void>(write_through(offset, bytes.substr(0, bytes.size() / 2)));
      }
      return allowed;
    }
    return write_through(offset, bytes);
  }

  storage::result<> sync() override {
    if (sync_failed_) {
      owner_.plan_.sync_tried_again();
    }
    auto allowed = owner_.check("syncing", path_, may_meet_full_disk());
    if (!allowed) {
      sync_failed_ = true;
      owner_.plan_.sync_failed();
      drop_unsynced();
      return allowed;
    }
    unsynced_.clear();
    return base_->sync();
  }

  storage::result<> preallocate(std::uint64_t bytes) override {
    return owner_.check("reserving", path_, true).and_then([&] { return base_->preallocate(bytes); });
  }
  storage::result<> truncate(std::uint64_t bytes) override {
    return owner_.check("truncating", path_).and_then([&] { return base_->truncate(bytes); });
  }
  storage::result<std::uint64_t> size() override {
    return owner_.check("looking at", path_).and_then([&] { return base_->size(); });
  }

private:
  /// Room is reserved before anything is written, so a disk that stays full lets that be written.
  bool may_meet_full_disk() const { return !owner_.plan_.fault().lasts; }

  storage::result<> write_through(std::uint64_t offset, std::string_view bytes) {
    if (owner_.plan_.fault().drops) {
      std::string before(bytes.size(), '\0');
      if (const auto given = base_->read_at(offset, {before.data(), before.size()})) {
        before.resize(*given);
        unsynced_.emplace_back(offset, std::move(before));
      }
    }
    return base_->write_at(offset, bytes);
  }

  /// As the kernel does: the pages are clean after a failure, and what the disk has is read next.
  void drop_unsynced() {
    for (auto write = unsynced_.rbegin(); write != unsynced_.rend(); ++write) {
      static_cast<void>(base_->write_at(write->first, write->second));
    }
    unsynced_.clear();
  }

  failing_file_system& owner_;
  std::unique_ptr<storage::file> base_;
  std::filesystem::path path_;
  std::vector<std::pair<std::uint64_t, std::string>> unsynced_; ///< What stood there before.
  bool sync_failed_ = false;
};

storage::result<> failing_file_system::check(std::string_view what, const std::filesystem::path& path,
                                             bool needs_room) {
  const auto verdict = plan_.judge(file_owner::queue, needs_room, what, path.native());
  if (!verdict.fails) {
    return {};
  }
  return storage::fail(verdict.full ? errc::disk_full : errc::io_error,
                       "injected: " + std::string{what} + " " + path.string());
}

storage::result<std::unique_ptr<storage::file>> failing_file_system::open(const std::filesystem::path& path,
                                                                          storage::file_mode mode) {
  const bool makes = mode == storage::file_mode::create_new;
  return check(makes ? "creating" : "opening", path, makes)
    .and_then([&] { return base_.open(path, mode); })
    .map([&](std::unique_ptr<storage::file> opened) {
      return std::unique_ptr<storage::file>{std::make_unique<failing_file>(*this, std::move(opened), path)};
    });
}

storage::result<> failing_file_system::rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  return check("renaming", from).and_then([&] { return base_.rename(from, to); });
}

storage::result<> failing_file_system::remove(const std::filesystem::path& path) {
  return check("removing", path).and_then([&] { return base_.remove(path); });
}

storage::result<std::vector<std::string>> failing_file_system::list(const std::filesystem::path& folder) {
  return check("listing", folder).and_then([&] { return base_.list(folder); });
}

storage::result<> failing_file_system::make_folder(const std::filesystem::path& folder) {
  return check("making", folder, true).and_then([&] { return base_.make_folder(folder); });
}

storage::result<> failing_file_system::sync_folder(const std::filesystem::path& folder) {
  return check("syncing folder", folder).and_then([&] { return base_.sync_folder(folder); });
}

namespace {

using kind = vfs_operation::kind;

/// What SQLite's own file system answers where the operation fails.
struct failing_call {
  const char* what;
  int code;
  bool needs_room = false;
};

failing_call call_of(const vfs_operation& operation) {
  switch (operation.what) {
    case kind::open:
      return {"opening", SQLITE_CANTOPEN, (operation.flags & SQLITE_OPEN_CREATE) != 0};
    case kind::read:
      return {"reading", SQLITE_IOERR_READ};
    case kind::write:
      return {"writing", SQLITE_IOERR_WRITE, true};
    case kind::sync:
      return {"syncing", SQLITE_IOERR_FSYNC}; // The write before it met the full disk.
    case kind::truncate:
      return {"truncating", SQLITE_IOERR_TRUNCATE};
    case kind::size:
      return {"looking at", SQLITE_IOERR_FSTAT};
    case kind::remove:
      return {"removing", SQLITE_IOERR_DELETE};
    case kind::lock:
      return {"locking", SQLITE_IOERR_LOCK};
    case kind::shm_map:
      return {"mapping", SQLITE_IOERR_SHMMAP, operation.flags != 0};
    case kind::access:
      return {"asking for", SQLITE_IOERR_ACCESS};
    case kind::full_path:
      return {"finding", SQLITE_CANTOPEN};
    case kind::close:
    case kind::unlock:
      break;
  }
  return {"", SQLITE_OK};
}

} // namespace

failing_database::~failing_database() {
  for (const auto& [path, descriptor] : torn_) {
    ::close(descriptor);
  }
}

int failing_database::before(const vfs_operation& operation) {
  const auto call = call_of(operation);
  if (call.code == SQLITE_OK) {
    return SQLITE_OK;
  }
  const auto verdict = plan_.judge(file_owner::database, call.needs_room, call.what, operation.path);
  if (!verdict.fails) {
    return SQLITE_OK;
  }
  if (operation.what != kind::write) {
    return call.code;
  }
  if (plan_.fault().torn && !plan_.dead()) {
    write_first_half(operation);
  }
  return verdict.full ? SQLITE_FULL : call.code;
}

void failing_database::write_first_half(const vfs_operation& operation) {
  if (operation.path.empty()) {
    return;
  }
  const std::lock_guard lock{mutex_};
  auto found = torn_.find(operation.path);
  if (found == torn_.end()) {
    const std::string path{operation.path};
    found = torn_.emplace(path, ::open(path.c_str(), O_RDWR | O_CLOEXEC)).first;
  }
  const auto half = operation.bytes.substr(0, operation.bytes.size() / 2);
  static_cast<void>(::pwrite(found->second, half.data(), half.size(), operation.offset) < 0);
}

} // namespace millrace::test
