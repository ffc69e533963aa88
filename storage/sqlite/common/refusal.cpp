#include "refusal.hpp"

#include "names.hpp"

#include <sqlite3.h>

namespace millrace::storage::sqlite {

namespace {

std::string_view verb(int action) noexcept {
  switch (action) {
    case SQLITE_CREATE_INDEX:
      return "CREATE INDEX";
    case SQLITE_CREATE_TABLE:
      return "CREATE TABLE";
    case SQLITE_CREATE_TEMP_INDEX:
    case SQLITE_CREATE_TEMP_TABLE:
    case SQLITE_CREATE_TEMP_TRIGGER:
    case SQLITE_CREATE_TEMP_VIEW:
      return "CREATE TEMP";
    case SQLITE_CREATE_TRIGGER:
      return "CREATE TRIGGER";
    case SQLITE_CREATE_VIEW:
      return "CREATE VIEW";
    case SQLITE_CREATE_VTABLE:
      return "CREATE VIRTUAL TABLE";
    case SQLITE_DELETE:
      return "DELETE FROM";
    case SQLITE_DROP_INDEX:
      return "DROP INDEX";
    case SQLITE_DROP_TABLE:
    case SQLITE_DROP_VTABLE:
      return "DROP TABLE";
    case SQLITE_DROP_TEMP_INDEX:
    case SQLITE_DROP_TEMP_TABLE:
    case SQLITE_DROP_TEMP_TRIGGER:
    case SQLITE_DROP_TEMP_VIEW:
      return "DROP of the temporary";
    case SQLITE_DROP_TRIGGER:
      return "DROP TRIGGER";
    case SQLITE_DROP_VIEW:
      return "DROP VIEW";
    case SQLITE_INSERT:
      return "INSERT INTO";
    case SQLITE_PRAGMA:
      return "PRAGMA";
    case SQLITE_TRANSACTION: // What is done is the object.
      return "";
    case SQLITE_UPDATE:
      return "UPDATE of";
    case SQLITE_ATTACH:
      return "ATTACH";
    case SQLITE_DETACH:
      return "DETACH";
    case SQLITE_ALTER_TABLE:
      return "ALTER TABLE";
    case SQLITE_REINDEX:
      return "REINDEX";
    case SQLITE_ANALYZE:
      return "ANALYZE";
    default:
      return "this statement";
  }
}

std::string_view why_no_pragma(authority who) noexcept {
  switch (who) {
    case authority::query:
      return "settings are Millrace's own; a query may read what describes the database, such as PRAGMA table_info(t) "
             "and PRAGMA user_version";
    case authority::script:
    case authority::seed:
      return "settings are Millrace's own, so the line is to be left out; only PRAGMA foreign_keys may stand in a "
             "script, where a script of sqlite3's .dump has it";
    default:
      return "settings are Millrace's own; what describes the database is asked by a query";
  }
}

} // namespace

/// What `millrace load` records is a table of its own, which it makes and writes like any other program.
bool is_ours(std::string_view name) noexcept {
  return begins(name, "millrace_") && !begins(name, "millrace_load_");
}

bool changes_rows(int action) noexcept {
  return action == SQLITE_INSERT || action == SQLITE_UPDATE || action == SQLITE_DELETE;
}

bool is_temporary(int action) noexcept {
  return (action >= SQLITE_CREATE_TEMP_INDEX && action <= SQLITE_CREATE_TEMP_VIEW)
         || (action >= SQLITE_DROP_TEMP_INDEX && action <= SQLITE_DROP_TEMP_VIEW);
}

std::string action_text(int action, std::string_view object) {
  // SQLite makes its tables of statistics before it says what for.
  if (action == SQLITE_CREATE_TABLE && begins(object, "sqlite_stat")) {
    return "ANALYZE";
  }
  std::string text{verb(action)};
  text += text.empty() || object.empty() ? "" : " ";
  return text += object;
}

std::string savepoint_text(std::string_view done, std::string_view name) {
  const std::string verb{done == "BEGIN" ? "SAVEPOINT" : done == "ROLLBACK" ? "ROLLBACK TO" : done};
  return verb + ' ' + std::string{name};
}

std::string_view why_refused(authority who, int action, std::string_view object) noexcept {
  if (is_ours(object) && action != SQLITE_SAVEPOINT) {
    return "names that begin with millrace_ are kept for Millrace";
  }
  if (changes_rows(action)) {
    return "tables that begin with sqlite_ are SQLite's own";
  }
  if (is_temporary(action)) {
    return "what is temporary is gone after a restart, so no data may depend on it; use WITH, or a table of the schema";
  }
  const bool scripted = who == authority::script || who == authority::seed;
  switch (action) {
    case SQLITE_TRANSACTION:
      return scripted ? "a script is one transaction; BEGIN may only stand before everything else, COMMIT after it"
                      : "a transaction begins and ends by itself; send all its statements as one "
                        "(transaction{}.add(…).add(…))";
    case SQLITE_SAVEPOINT:
      return scripted ? "a script is applied as a whole or not at all"
                      : "what may fail alone is a group of a transaction's statements (in_group)";
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
      return "an engine has one database; open another engine for another one";
    case SQLITE_PRAGMA:
      return why_no_pragma(who);
    default:
      return who == authority::seed
               ? "a seed is rows alone, and changes no schema; write a migration"
               : "the schema changes by migrations (`millrace migrate`), by an operator's SQL (`millrace sql`), or by "
                 "schema "
                 "scripts when the engine is opened";
  }
}

failure vacuum_refused() {
  return {
    errc::not_permitted,
    "VACUUM: free space is used again by what is written next; to make the file smaller, let SQLite's own tool do "
    "it while no engine has the folder open"};
}

failure module_pragma_refused(authority who) {
  return {errc::not_permitted, "PRAGMA: " + std::string{why_no_pragma(who)}};
}

} // namespace millrace::storage::sqlite
