#include "file_guard.hpp"

#include <sys/stat.h>

namespace millrace::storage::sqlite {

file_guard file_guard::watch(const connection& owner) {
  file_guard made;
  made.database_ = owner.get();
  made.log_path_ = sqlite3_filename_wal(sqlite3_db_filename(owner.get(), "main"));
  made.log_ = id_of(made.log_path_);
  return made;
}

std::optional<failure> file_guard::trouble() const {
  int moved = 1;
  const int code = sqlite3_file_control(database_, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  if (code != SQLITE_OK || moved != 0) {
    return failure{errc::database_gone, sqlite3_db_filename(database_, "main")};
  }
  if (const auto now = id_of(log_path_); !now || now != log_) {
    return failure{errc::database_gone, log_path_};
  }
  return std::nullopt;
}

auto file_guard::id_of(const char* path) noexcept -> std::optional<file_id> {
  struct stat state {};
  if (::stat(path, &state) != 0) {
    return std::nullopt;
  }
  return file_id{.device = state.st_dev, .inode = state.st_ino};
}

} // namespace millrace::storage::sqlite
