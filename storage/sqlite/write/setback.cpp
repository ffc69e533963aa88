#include "setback.hpp"

#include <millrace/storage/sqlite/common/error.hpp>
#include <millrace/storage/sqlite/common/prepared_statement.hpp>

#include <utility>

namespace millrace::storage::sqlite {

namespace {

/// Whether some table has given out the largest row id: SQLite then answers each insertion that draws one as if the
/// disk were full. That a statement inserts no row does not keep it from taking the id (SQLite: autoinc.html).
bool row_ids_are_used_up(sqlite3* database) {
  auto largest = prepared_statement::prepare(database, "SELECT 1 FROM sqlite_sequence WHERE seq = 9223372036854775807");
  return largest && largest->step() == SQLITE_ROW;
}

/// SQLite's modules say of what a statement asks of them, too, that the database is damaged.
bool is_met_for_ever(sqlite3* database, int result_code) {
  return sqlite3_extended_errcode(database) == SQLITE_CORRUPT_VTAB
         || (code_of(result_code) == errc::disk_full && row_ids_are_used_up(database));
}

} // namespace

tl::unexpected<setback> set_back(failure reason) {
  const auto how_far = is_outcome(reason.code) ? reach::group : reach::call;
  return tl::unexpected{setback{how_far, std::move(reason)}};
}

tl::unexpected<setback> set_back(sqlite3* database, int result_code) {
  auto trouble = set_back(failure_of(database, result_code));
  if (is_met_for_ever(database, result_code)) {
    trouble.value().how_far = reach::death;
  }
  return trouble;
}

} // namespace millrace::storage::sqlite
