#include "setback.hpp"

#include <millrace/storage/sqlite/common/error.hpp>

#include <utility>

namespace millrace::storage::sqlite {

namespace {

/// What looks like the machine's fault comes of the work, too, that asks for more room or memory than there is.
bool may_be_of_work(errc code) noexcept {
  return code == errc::disk_full || code == errc::io_error;
}

} // namespace

tl::unexpected<setback> set_back(failure reason) {
  const auto how_far = is_outcome(reason.code)       ? reach::group
                       : may_be_of_work(reason.code) ? reach::suspect
                                                     : reach::call;
  return tl::unexpected{setback{how_far, std::move(reason)}};
}

tl::unexpected<setback> set_back(sqlite3* database, int result_code) {
  auto trouble = set_back(failure_of(database, result_code));
  // SQLite's modules say of what a statement asks of them, too, that the database is damaged.
  if (sqlite3_extended_errcode(database) == SQLITE_CORRUPT_VTAB) {
    trouble.value().how_far = reach::suspect;
  }
  return trouble;
}

} // namespace millrace::storage::sqlite
