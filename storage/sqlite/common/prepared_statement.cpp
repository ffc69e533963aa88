#include "prepared_statement.hpp"

#include "error.hpp"

namespace millrace::storage::sqlite {

result<prepared_statement> prepared_statement::prepare(sqlite3* database, const char* sql, int bytes,
                                                       const char** tail) {
  sqlite3_stmt* handle = nullptr;
  const int code = sqlite3_prepare_v3(database, sql, bytes, SQLITE_PREPARE_PERSISTENT, &handle, tail);
  if (code != SQLITE_OK) {
    return tl::unexpected{failure_of(database, code)};
  }
  prepared_statement made;
  made.handle_.reset(handle);
  return made;
}

result<prepared_statement> prepared_statement::prepare(sqlite3* database, const char* sql) {
  return prepare(database, sql, -1, nullptr);
}

int prepared_statement::run() noexcept {
  int code = step();
  while (code == SQLITE_ROW) {
    code = step();
  }
  reset();
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

result<std::int64_t> prepared_statement::run_for_number() {
  reset_at_end guard{*this};
  return first_number();
}

result<std::int64_t> prepared_statement::first_number() {
  const int code = step();
  if (code == SQLITE_ROW) {
    return sqlite3_column_int64(get(), 0);
  }
  if (code == SQLITE_DONE) {
    return fail(errc::corrupt, "a row that Millrace keeps about itself is missing from the database");
  }
  return tl::unexpected{failure_of(sqlite3_db_handle(get()), code)};
}

} // namespace millrace::storage::sqlite
