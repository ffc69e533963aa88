#include "recording_observer.hpp"

namespace millrace::test {

namespace {

using kind = vfs_operation::kind;

bool is_left_out(const recording& into, const vfs_operation& sync) {
  return (sync.path.ends_with("-wal") && into.leaves_out(missing_sync::database_log))
         || (sync.path.ends_with(".sqlite3") && into.leaves_out(missing_sync::database));
}

} // namespace

recording_observer::part::part(recording_observer& observer, recording& into) : observer_(observer), into_(into) {
  const std::lock_guard lock{observer_.mutex_};
  observer_.recordings_.push_back(&into_);
}

recording_observer::part::~part() {
  const std::lock_guard lock{observer_.mutex_};
  std::erase(observer_.recordings_, &into_);
}

recording* recording_observer::of(std::string_view path) {
  const std::shared_lock lock{mutex_};
  for (auto* const one : recordings_) {
    if (one->concerns(path)) {
      return one;
    }
  }
  return nullptr;
}

int recording_observer::before(const vfs_operation& operation) {
  auto* const into = of(operation.path);
  if (into == nullptr) {
    return SQLITE_OK;
  }
  switch (operation.what) {
    case kind::write:
      into->written(into->file_at(operation.path), static_cast<std::uint64_t>(operation.offset), operation.bytes);
      break;
    case kind::truncate:
      into->truncated(into->file_at(operation.path), static_cast<std::uint64_t>(operation.size));
      break;
    case kind::sync:
      return is_left_out(*into, operation) ? skip : SQLITE_OK;
    default:
      break;
  }
  return SQLITE_OK;
}

void recording_observer::after(const vfs_operation& operation, int code) {
  auto* const into = code == SQLITE_OK ? of(operation.path) : nullptr;
  if (into == nullptr) {
    return;
  }
  switch (operation.what) {
    case kind::open:
      if ((operation.flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0) {
        into->journal_opened(operation.path);
      } else {
        into->file_at(operation.path);
      }
      break;
    case kind::sync:
      into->synced(into->file_at(operation.path));
      break;
    case kind::remove:
      into->removed(operation.path);
      if ((operation.flags & 1) != 0) {
        into->folder_synced(std::filesystem::path{operation.path}.parent_path());
      }
      break;
    default:
      break;
  }
}

} // namespace millrace::test
