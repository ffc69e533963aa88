#include "hardening.hpp"

#include "error.hpp"

#include <millrace/messages/limits.hpp>
#include <millrace/storage/codec/codec.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace millrace::storage::sqlite {

namespace {

void set_limits(sqlite3* database) {
  // Any work can be set aside, and that row is the work and some numbers.
  constexpr int row_bytes_max = work_bytes_max + 1'024;
  sqlite3_limit(database, SQLITE_LIMIT_LENGTH, row_bytes_max);
  sqlite3_limit(database, SQLITE_LIMIT_SQL_LENGTH, static_cast<int>(limits::sql_bytes_max));
  sqlite3_limit(database, SQLITE_LIMIT_VARIABLE_NUMBER, static_cast<int>(limits::parameters_max));
  sqlite3_limit(database, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_limit(database, SQLITE_LIMIT_WORKER_THREADS, 0);
  sqlite3_limit(database, SQLITE_LIMIT_TRIGGER_DEPTH, 100);
  // SQLite's own default. The deepest chains that it takes were compiled within 1 MiB of a thread's stack; what else it
  // compiles by recursion is bounded by the budget (budget.hpp).
  sqlite3_limit(database, SQLITE_LIMIT_EXPR_DEPTH, 1'000);
}

result<> set_switches(sqlite3* database, role purpose) {
  const std::pair<int, int> switches[] = {
    {SQLITE_DBCONFIG_DEFENSIVE, 1},
    {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
    {SQLITE_DBCONFIG_DQS_DDL, 0},
    {SQLITE_DBCONFIG_DQS_DML, 0},
    {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
    {SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0},
    {SQLITE_DBCONFIG_ENABLE_FKEY, 1},
    {SQLITE_DBCONFIG_ENABLE_TRIGGER, 1},
    {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, purpose == role::reader ? 1 : 0},
  };
  for (const auto& [name, on] : switches) {
    int now = -1;
    if (const int code = sqlite3_db_config(database, name, on, &now); code != SQLITE_OK || now != on) {
      return fail(errc::io_error, "SQLite refused the safety switch " + std::to_string(name));
    }
  }
  return {};
}

constexpr int patience_ms = 1'000;

} // namespace

result<> harden(sqlite3* database, role purpose, int cache_kib) {
  set_limits(database);
  // After a crash the first connection recovers SQLite's log, and those opened beside it meet its lock for a moment.
  sqlite3_busy_timeout(database, patience_ms);
  if (auto done = set_switches(database, purpose); !done) {
    return done;
  }
  const bool reads = purpose == role::reader;
  const auto pragmas =
    std::string{
      "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA synchronous=NORMAL;"
      "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=67108864;"}
    + (reads ? "PRAGMA temp_store=FILE;" : "PRAGMA temp_store=MEMORY;") + "PRAGMA cache_size=-"
    + std::to_string(std::max(cache_kib, 1));
  if (const int code = sqlite3_exec(database, pragmas.c_str(), nullptr, nullptr, nullptr); code != SQLITE_OK) {
    return tl::unexpected{failure_of(database, code)};
  }
  return {};
}

} // namespace millrace::storage::sqlite
