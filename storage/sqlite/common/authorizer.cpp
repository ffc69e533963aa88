#include "authorizer.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace millrace::storage::sqlite {

namespace {

char lower(char letter) noexcept {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

bool same(std::string_view left, std::string_view right) noexcept {
  return std::ranges::equal(left, right, {}, lower, lower);
}

bool begins(std::string_view text, std::string_view prefix) noexcept {
  return text.size() >= prefix.size() && same(text.substr(0, prefix.size()), prefix);
}

template <std::size_t Size>
bool contains(const std::array<std::string_view, Size>& names, std::string_view name) noexcept {
  return std::ranges::any_of(names, [name](std::string_view known) { return same(known, name); });
}

/// Not what `millrace load` keeps, which is written by transactions like any other.
bool is_ours(std::string_view table) noexcept {
  return begins(table, "millrace_") && !begins(table, "millrace_load_");
}

/// Functions whose value depends on the program, the connection or the file's layout rather than on the log, or that
/// reach out of the database.
constexpr std::array<std::string_view, 9> foreign_functions{"total_changes",
                                                            "load_extension",
                                                            "sqlite_offset",
                                                            "sqlite_log",
                                                            "sqlite_version",
                                                            "sqlite_source_id",
                                                            "sqlite_compileoption_get",
                                                            "sqlite_compileoption_used",
                                                            "fts3_tokenizer"};

/// Virtual tables that show the connection or the file's layout.
constexpr std::array<std::string_view, 3> foreign_tables{"dbstat", "sqlite_stmt", "sqlite_dbpage"};

/// Pragmas that only describe the schema.
constexpr std::array<std::string_view, 8> describing_pragmas{"table_info",       "table_xinfo",  "table_list",
                                                             "index_list",       "index_info",   "index_xinfo",
                                                             "foreign_key_list", "database_list"};

/// Pragmas that SQLite's full-text and R-tree modules ask on their own behalf; without effect as they have no argument.
constexpr std::array<std::string_view, 2> module_pragmas{"data_version", "page_size"};

/// Modules whose tables are a function of what was written to them.
constexpr std::array<std::string_view, 6> modules{"fts3", "fts4", "fts5", "fts5vocab", "rtree", "rtree_i32"};

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
      return "DROP of a temporary";
    case SQLITE_DROP_TRIGGER:
      return "DROP TRIGGER";
    case SQLITE_DROP_VIEW:
      return "DROP VIEW";
    case SQLITE_INSERT:
      return "INSERT INTO";
    case SQLITE_PRAGMA:
      return "PRAGMA";
    case SQLITE_SAVEPOINT:
      return "SAVEPOINT:";
    case SQLITE_TRANSACTION:
      return "transaction control:";
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

bool is_temporary(int action) noexcept {
  return (action >= SQLITE_CREATE_TEMP_INDEX && action <= SQLITE_CREATE_TEMP_VIEW)
         || (action >= SQLITE_DROP_TEMP_INDEX && action <= SQLITE_DROP_TEMP_VIEW);
}

std::string_view view_of(const char* text) noexcept {
  return text == nullptr ? std::string_view{} : std::string_view{text};
}

} // namespace

authorizer::scope::scope(authorizer& owner, authority who) noexcept : owner_(owner), before_(owner.who_) {
  owner_.who_ = who;
  owner_.refusal_.reset();
  owner_.saw_changes_ = false;
  owner_.saw_module_pragma_ = false;
  owner_.actions_ = 0;
}

void authorizer::install(sqlite3* database) noexcept {
  sqlite3_set_authorizer(database, &authorizer::on_action, this);
}

int authorizer::on_action(void* self, int action, const char* first, const char* second, const char*,
                          const char*) noexcept {
  try {
    return static_cast<authorizer*>(self)->decide(action, view_of(first), view_of(second));
  } catch (...) {
    // No memory for the refusal's text; an exception must not pass through SQLite.
    return SQLITE_DENY;
  }
}

int authorizer::decide(int action, std::string_view first, std::string_view second) {
  ++actions_;
  // Connecting to a virtual table shows as this action, whoever causes it. A real one is stopped by SQLite itself,
  // which lets nobody write to its schema table in defensive mode.
  if (action == SQLITE_UPDATE && (same(first, "sqlite_master") || same(first, "sqlite_temp_master"))) {
    return SQLITE_OK;
  }
  switch (who_) {
    case authority::transaction:
      return decide_transaction(action, first, second);
    case authority::script:
      return decide_script(action, first, second);
    case authority::query:
      return decide_query(action, first, second);
    case authority::internal:
      break;
  }
  return SQLITE_OK;
}

int authorizer::decide_transaction(int action, std::string_view first, std::string_view second) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_READ:
      return decide_log_read(first);
    case SQLITE_FUNCTION:
      return decide_function(second);
    case SQLITE_PRAGMA:
      return decide_pragma(first, second);
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
      if (!is_ours(first) && !begins(first, "sqlite_")) {
        return SQLITE_OK;
      }
      break;
    default:
      break;
  }
  return refuse_action(action, first, second, errc::not_permitted);
}

int authorizer::decide_script(int action, std::string_view first, std::string_view second) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
    case SQLITE_ANALYZE: // Names every table, ours too, and changes none.
      return SQLITE_OK;
    case SQLITE_READ:
      return decide_log_read(first);
    case SQLITE_FUNCTION:
      return decide_function(second);
    case SQLITE_PRAGMA:
      return decide_pragma(first, second);
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
      return refuse_action(action, first, second, errc::not_permitted);
    case SQLITE_CREATE_VTABLE:
      if (!contains(modules, second)) {
        return refuse("virtual tables of the module " + std::string{second});
      }
      break;
    default:
      break;
  }
  // Temporary objects are gone after a restart, so they are no function of the log. SQLite itself writes to its own
  // sqlite_… tables when the schema changes; the defensive mode keeps everybody else out of them.
  if (is_temporary(action) || is_ours(first) || is_ours(second)) {
    return refuse_action(action, first, second, errc::not_permitted);
  }
  return SQLITE_OK;
}

int authorizer::decide_query(int action, std::string_view first, std::string_view second) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
    case SQLITE_READ:
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      return same(second, "load_extension") || same(second, "fts3_tokenizer")
               ? refuse("the function " + std::string{second} + "()")
               : SQLITE_OK;
    case SQLITE_PRAGMA:
      return contains(describing_pragmas, first) ? SQLITE_OK : decide_pragma(first, second);
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
      return refuse_action(action, first, second, errc::not_permitted);
    default:
      return refuse_action(action, first, second, errc::not_a_query);
  }
}

int authorizer::decide_pragma(std::string_view pragma, std::string_view argument) {
  if (argument.empty() && contains(module_pragmas, pragma)) {
    saw_module_pragma_ = true;
    return SQLITE_OK;
  }
  return refuse_action(SQLITE_PRAGMA, pragma, argument, errc::not_permitted);
}

int authorizer::decide_function(std::string_view function) {
  saw_changes_ = saw_changes_ || same(function, "changes");
  return contains(foreign_functions, function) ? refuse("the function " + std::string{function} + "()") : SQLITE_OK;
}

int authorizer::decide_log_read(std::string_view table) {
  return contains(foreign_tables, table) || begins(table, "pragma_") ? refuse("reading " + std::string{table})
                                                                     : SQLITE_OK;
}

int authorizer::refuse(std::string what, errc code) {
  if (!refusal_) {
    refusal_ = failure{code, std::move(what)};
  }
  return SQLITE_DENY;
}

int authorizer::refuse_action(int action, std::string_view first, std::string_view second, errc code) {
  std::string what{verb(action)};
  // SQLite names the database before the table here.
  const auto object = action == SQLITE_ALTER_TABLE ? second : first;
  const bool schema_table = begins(object, "sqlite_master") || begins(object, "sqlite_temp_master");
  if (schema_table && (action == SQLITE_INSERT || action == SQLITE_DELETE)) {
    what = "a schema change";
  } else if (!object.empty()) {
    what += ' ';
    what += object;
  }
  return refuse(std::move(what), code);
}

} // namespace millrace::storage::sqlite
