#include "failing_files.hpp"

#include <filesystem>
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

namespace {

/// How it is told, and whether it can meet a full disk.
struct described_operation {
  const char* what;
  bool needs_room = false;
};

/// Room is reserved before anything is written, so a disk that stays full lets that be written.
described_operation described(operation what, bool stays_full) {
  switch (what) {
    case operation::open:
      return {"opening"};
    case operation::create:
      return {"creating", true};
    case operation::read:
      return {"reading"};
    case operation::write:
      return {"writing", !stays_full};
    case operation::sync:
      return {"syncing", !stays_full};
    case operation::preallocate:
      return {"reserving", true};
    case operation::truncate:
      return {"truncating"};
    case operation::size:
      return {"looking at"};
    case operation::rename:
      return {"renaming"};
    case operation::remove:
      return {"removing"};
    case operation::list:
      return {"listing"};
    case operation::make_folder:
      return {"making", true};
    case operation::sync_folder:
      return {"syncing folder"};
  }
  return {""};
}

} // namespace

storage::result<> failing_file_system::check(const file_operation& asked) {
  const auto [what, needs_room] = described(asked.what, plan_.fault().lasts);
  const auto verdict = plan_.judge(file_owner::queue, needs_room, what, asked.path.native());
  if (!verdict.fails) {
    return {};
  }
  return storage::fail(verdict.full ? errc::disk_full : errc::io_error,
                       "injected: " + std::string{what} + " " + asked.path.string());
}

storage::result<> failing_file_system::perform(const file_operation& asked, const action& proceed) {
  if (asked.what == operation::sync && file_of(asked).sync_failed) {
    plan_.sync_tried_again();
  }
  if (auto allowed = check(asked); !allowed) {
    return fail(asked, std::move(allowed));
  }
  if (asked.what == operation::write) {
    remember(asked, asked.bytes.size());
  } else if (asked.what == operation::sync) {
    file_of(asked).unsynced.clear();
  }
  return proceed();
}

storage::result<> failing_file_system::fail(const file_operation& asked, storage::result<> why) {
  if (asked.what == operation::write && plan_.fault().torn && !plan_.dead()) {
    const auto half = asked.bytes.size() / 2;
    remember(asked, half);
    static_cast<void>(asked.base->write_at(asked.offset, asked.bytes.substr(0, half)));
  } else if (asked.what == operation::sync) {
    auto& file = file_of(asked);
    file.sync_failed = true;
    plan_.sync_failed();
    // As the kernel does: the pages are clean after a failure, and what the disk has is read next.
    for (auto write = file.unsynced.rbegin(); write != file.unsynced.rend(); ++write) {
      static_cast<void>(asked.base->write_at(write->first, write->second));
    }
    file.unsynced.clear();
  }
  return why;
}

auto failing_file_system::file_of(const file_operation& asked) -> open_file& {
  const std::lock_guard lock{mutex_};
  return files_[asked.file];
}

/// What stands where it is to be written to.
void failing_file_system::remember(const file_operation& asked, std::size_t bytes) {
  if (!plan_.fault().drops) {
    return;
  }
  std::string before(bytes, '\0');
  if (const auto given = asked.base->read_at(asked.offset, {before.data(), before.size()})) {
    before.resize(*given);
    file_of(asked).unsynced.emplace_back(asked.offset, std::move(before));
  }
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
