#include "error.hpp"

#include "budget.hpp"

#include <millrace/storage/base/full_disk.hpp>

#include <system_error>

namespace millrace::storage::sqlite {

namespace {

constexpr int primary(int result_code) noexcept {
  return result_code & 0xff;
}

} // namespace

errc code_of(int result_code) noexcept {
  if (result_code == SQLITE_IOERR_CORRUPTFS || result_code == SQLITE_IOERR_DATA) {
    return errc::corrupt;
  }
  if (result_code == SQLITE_IOERR_NOMEM) {
    return errc::out_of_memory;
  }
  if (result_code == SQLITE_CORRUPT_VTAB) {
    return errc::out_of_step;
  }
  switch (primary(result_code)) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
      return errc::none;
    case SQLITE_ERROR:
    case SQLITE_LOCKED: // Without a shared cache nobody else can be in the way of a statement but itself.
      return errc::bad_sql;
    case SQLITE_CONSTRAINT:
      return errc::constraint;
    case SQLITE_MISMATCH:
      return errc::value_type;
    case SQLITE_TOOBIG:
      return errc::too_large;
    case SQLITE_AUTH:
      return errc::not_permitted;
    case SQLITE_RANGE:
      return errc::parameter_mismatch;
    case SQLITE_BUSY:
    case SQLITE_PROTOCOL:
    case SQLITE_SCHEMA:
      return errc::locked;
    case SQLITE_INTERRUPT:
      return errc::deadline_exceeded;
    case SQLITE_FULL:
      return errc::disk_full;
    case SQLITE_NOMEM:
      return errc::out_of_memory;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return errc::corrupt;
    default:
      return errc::io_error;
  }
}

failure failure_of(sqlite3* database, int result_code) {
  if (auto overrun = budget::overrun()) {
    return *overrun;
  }
  auto code = code_of(result_code);
  // A full disk shows as an I/O error where SQLite extends its shared-memory file, and a limit of the process always.
  const int system = database == nullptr ? 0 : sqlite3_system_errno(database);
  if (code == errc::io_error && means_full_disk(system)) {
    code = errc::disk_full;
  }
  // The connection's message belongs to its last call; where that was another one, only the code is known.
  const bool current = database != nullptr && primary(sqlite3_errcode(database)) == primary(result_code);
  std::string detail = current ? sqlite3_errmsg(database) : sqlite3_errstr(result_code);
  if (code == errc::out_of_step) {
    detail = "a virtual table"; // SQLite's words are those for a damaged database.
  }
  // SQLite guards its schema table and the tables behind virtual tables itself, with a plain error.
  if (code == errc::bad_sql && detail.find("may not be modified") != std::string::npos) {
    code = errc::not_permitted;
  }
  if (system != 0 && (primary(result_code) == SQLITE_CANTOPEN || primary(result_code) == SQLITE_IOERR)) {
    detail += ": " + std::generic_category().message(system);
  }
  if (code == errc::too_large && database != nullptr) {
    detail += ": a statement has at most " + std::to_string(sqlite3_limit(database, SQLITE_LIMIT_SQL_LENGTH, -1))
              + " bytes, a value or row at most " + std::to_string(sqlite3_limit(database, SQLITE_LIMIT_LENGTH, -1));
  }
  detail += " (SQLite code " + std::to_string(current ? sqlite3_extended_errcode(database) : result_code) + ")";
  return {code, std::move(detail)};
}

remedy remedy_after(errc code) noexcept {
  switch (code) {
    case errc::locked:
    case errc::disk_full:
    case errc::io_error:
    case errc::out_of_memory:
    case errc::deadline_exceeded:
      return remedy::same_connection;
    default:
      return remedy::reopen;
  }
}

bool is_outcome(errc code) noexcept {
  switch (code) {
    case errc::bad_sql:
    case errc::parameter_mismatch:
    case errc::constraint:
    case errc::row_count_mismatch:
    case errc::not_permitted:
    case errc::too_large:
    case errc::malformed:
    case errc::value_type:
    case errc::not_found:
    case errc::schema_changed:
    case errc::schema_conflict:
      return true;
    default:
      return false;
  }
}

} // namespace millrace::storage::sqlite
