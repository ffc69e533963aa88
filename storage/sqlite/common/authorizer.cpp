#include "authorizer.hpp"

#include "names.hpp"
#include "refusal.hpp"
#include "sql_tokens.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace millrace::storage::sqlite {

namespace {

/// Functions whose value follows from their arguments, the rows and the log. Others depend on the program, the
/// connection or the file's layout, reach out of the database, or are unknown.
constexpr auto functions_of_the_log = std::to_array<std::string_view>({"->",
                                                                       "->>",
                                                                       "abs",
                                                                       "acos",
                                                                       "acosh",
                                                                       "asin",
                                                                       "asinh",
                                                                       "atan",
                                                                       "atan2",
                                                                       "atanh",
                                                                       "avg",
                                                                       "bm25",
                                                                       "ceil",
                                                                       "ceiling",
                                                                       "changes",
                                                                       "char",
                                                                       "coalesce",
                                                                       "concat",
                                                                       "concat_ws",
                                                                       "cos",
                                                                       "cosh",
                                                                       "count",
                                                                       "cume_dist",
                                                                       "current_date",
                                                                       "current_time",
                                                                       "current_timestamp",
                                                                       "date",
                                                                       "datetime",
                                                                       "degrees",
                                                                       "dense_rank",
                                                                       "exp",
                                                                       "first_value",
                                                                       "floor",
                                                                       "format",
                                                                       "glob",
                                                                       "group_concat",
                                                                       "hex",
                                                                       "highlight",
                                                                       "if",
                                                                       "ifnull",
                                                                       "iif",
                                                                       "instr",
                                                                       "json",
                                                                       "json_array",
                                                                       "json_array_length",
                                                                       "json_each",
                                                                       "json_error_position",
                                                                       "json_extract",
                                                                       "json_group_array",
                                                                       "json_group_object",
                                                                       "json_insert",
                                                                       "json_object",
                                                                       "json_patch",
                                                                       "json_pretty",
                                                                       "json_quote",
                                                                       "json_remove",
                                                                       "json_replace",
                                                                       "json_set",
                                                                       "json_type",
                                                                       "json_valid",
                                                                       "jsonb",
                                                                       "jsonb_array",
                                                                       "jsonb_extract",
                                                                       "jsonb_group_array",
                                                                       "jsonb_group_object",
                                                                       "jsonb_insert",
                                                                       "jsonb_object",
                                                                       "jsonb_patch",
                                                                       "jsonb_remove",
                                                                       "jsonb_replace",
                                                                       "jsonb_set",
                                                                       "julianday",
                                                                       "lag",
                                                                       "last_insert_rowid",
                                                                       "last_value",
                                                                       "lead",
                                                                       "length",
                                                                       "like",
                                                                       "likelihood",
                                                                       "likely",
                                                                       "ln",
                                                                       "log",
                                                                       "log10",
                                                                       "log2",
                                                                       "lower",
                                                                       "ltrim",
                                                                       "match",
                                                                       "matchinfo",
                                                                       "max",
                                                                       "min",
                                                                       "mod",
                                                                       "nth_value",
                                                                       "ntile",
                                                                       "nullif",
                                                                       "octet_length",
                                                                       "offsets",
                                                                       "optimize",
                                                                       "percent_rank",
                                                                       "pi",
                                                                       "pow",
                                                                       "power",
                                                                       "printf",
                                                                       "quote",
                                                                       "radians",
                                                                       "random",
                                                                       "randomblob",
                                                                       "rank",
                                                                       "regexp",
                                                                       "replace",
                                                                       "round",
                                                                       "row_number",
                                                                       "rtreecheck",
                                                                       "rtreedepth",
                                                                       "rtreenode",
                                                                       "rtrim",
                                                                       "sign",
                                                                       "sin",
                                                                       "sinh",
                                                                       "snippet",
                                                                       "soundex",
                                                                       "sqrt",
                                                                       "strftime",
                                                                       "string_agg",
                                                                       "substr",
                                                                       "substring",
                                                                       "subtype",
                                                                       "sum",
                                                                       "tan",
                                                                       "tanh",
                                                                       "time",
                                                                       "timediff",
                                                                       "total",
                                                                       "trim",
                                                                       "trunc",
                                                                       "typeof",
                                                                       "unhex",
                                                                       "unicode",
                                                                       "unistr",
                                                                       "unixepoch",
                                                                       "unlikely",
                                                                       "upper",
                                                                       "zeroblob"});

/// What the ends of the tables' names are in which SQLite's full-text modules keep their index. It depends on how the
/// log was cut into calls.
constexpr std::array<std::string_view, 5> index_endings{"_data", "_idx", "_segments", "_segdir", "_stat"};

/// Virtual tables that show the file's layout.
constexpr std::array<std::string_view, 1> foreign_tables{"dbstat"};

/// Of the names that Millrace and SQLite keep for themselves, what clients may read: neither what others sent, nor the
/// ids under which they did, nor the statements of others that this connection has compiled, nor pages as they are.
constexpr std::array<std::string_view, 11> shown_tables{
  "millrace_meta",   "millrace_schema", "millrace_migrations", "millrace_seeds", "sqlite_master", "sqlite_temp_master",
  "sqlite_sequence", "sqlite_stat1",    "sqlite_stat2",        "sqlite_stat3",   "sqlite_stat4"};

/// Pragmas that only describe the schema, or look for rows that break it, whatever their argument is.
constexpr std::array<std::string_view, 9> describing_pragmas{"table_info",       "table_xinfo",   "table_list",
                                                             "index_list",       "index_info",    "index_xinfo",
                                                             "foreign_key_list", "database_list", "foreign_key_check"};

/// Pragmas that without an argument only tell something of the database or of SQLite.
constexpr std::array<std::string_view, 14> telling_pragmas{
  "application_id", "auto_vacuum",    "collation_list", "compile_options", "encoding",
  "foreign_keys",   "freelist_count", "function_list",  "module_list",     "page_count",
  "page_size",      "schema_version", "pragma_list",    "user_version"};

/// Pragmas that SQLite's full-text and R-tree modules ask on their own behalf; without effect as they have no argument.
constexpr std::array<std::string_view, 2> module_pragmas{"data_version", "page_size"};

/// How SQLite takes "off", apart from other numbers' zero.
constexpr std::array<std::string_view, 4> off_words{"off", "0", "no", "false"};

/// Modules whose tables are a function of what was written to them.
constexpr std::array<std::string_view, 6> modules{"fts3", "fts4", "fts5", "fts5vocab", "rtree", "rtree_i32"};

bool is_schema_table(std::string_view table) noexcept {
  return same(table, "sqlite_master") || same(table, "sqlite_temp_master");
}

std::string_view view_of(const char* text) noexcept {
  return text == nullptr ? std::string_view{} : std::string_view{text};
}

} // namespace

authorizer::scope::scope(authorizer& owner, authority who) noexcept : owner_(owner), before_(owner.who_) {
  owner_.who_ = who;
  owner_.refusal_.reset();
  owner_.trouble_ = nullptr;
  owner_.saw_changes_ = false;
  owner_.saw_module_pragma_ = false;
  owner_.actions_ = 0;
  owner_.alters_ = false;
  owner_.moves_page_ = false;
  owner_.change_.clear();
  owner_.trigger_.clear();
  owner_.indexes_read_.clear();
  owner_.drops_.clear();
  owner_.frame_ = script_frame::none;
}

void authorizer::install(sqlite3* database) noexcept {
  sqlite3_set_authorizer(database, &authorizer::on_action, this);
}

int authorizer::on_action(void* self, int action, const char* first, const char* second, const char* database,
                          const char*) noexcept {
  auto& decider = *static_cast<authorizer*>(self);
  try {
    return decider.decide(action, view_of(first), view_of(second), view_of(database));
  } catch (...) {
    decider.trouble_ = std::current_exception();
    return SQLITE_DENY;
  }
}

const std::optional<failure>& authorizer::refusal() const {
  if (trouble_) {
    std::rethrow_exception(trouble_);
  }
  return refusal_;
}

int authorizer::decide(int action, std::string_view first, std::string_view second, std::string_view database) {
  ++actions_;
  const bool moved_page = std::exchange(moves_page_,
                                        action == SQLITE_UPDATE && is_schema_table(first) && same(second, "rootpage"));
  // A trigger is asked about with the database of its table, and only then shows where it is to be.
  if (action == SQLITE_INSERT && same(first, "sqlite_temp_master") && !trigger_.empty()) {
    return refuse_action(SQLITE_CREATE_TEMP_TRIGGER, trigger_, {});
  }
  // Connecting to a virtual table shows as such an action, whoever causes it, and a schema change before it says what
  // it is. A real one is stopped by SQLite itself, which lets nobody write to its schema table in defensive mode.
  if (changes_rows(action) && is_schema_table(first)) {
    return SQLITE_OK;
  }
  switch (who_) {
    case authority::transaction:
      return decide_transaction(action, first, second);
    case authority::script:
      if (moved_page && action == SQLITE_READ && is_schema_table(first) && same(second, "rootpage")) {
        return SQLITE_OK; // What SQLite does where something is dropped; nobody else updates that table.
      }
      return decide_script(action, first, second, database);
    case authority::seed:
      return decide_seed(action, first, second, database);
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
      return decide_log_read(first, second);
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
  return refuse_action(action, first, second);
}

int authorizer::decide_script(int action, std::string_view first, std::string_view second, std::string_view database) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
    case SQLITE_ANALYZE: // Names every table, ours too, and changes none.
      return SQLITE_OK;
    case SQLITE_READ:
      return decide_log_read(first, second);
    case SQLITE_FUNCTION:
      return decide_function(second);
    case SQLITE_PRAGMA:
      if (same(first, "foreign_keys") && !second.empty()) {
        return note_frame(contains(off_words, second) ? script_frame::foreign_keys_off : script_frame::foreign_keys_on);
      }
      return same(first, "foreign_key_check") ? note_frame(script_frame::foreign_key_check)
                                              : decide_pragma(first, second);
    case SQLITE_TRANSACTION:
      return first == "BEGIN"    ? note_frame(script_frame::begin)
             : first == "COMMIT" ? note_frame(script_frame::commit)
                                 : refuse_action(action, first, second);
    case SQLITE_SAVEPOINT:
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
      return refuse_action(action, first, second);
    case SQLITE_CREATE_VTABLE:
      if (!contains(modules, second)) {
        return refuse(
          "CREATE VIRTUAL TABLE " + std::string{first} + " with the module " + std::string{second},
          "only those of fts3, fts4, fts5, fts5vocab, rtree and rtree_i32 hold what was written to them and "
          "nothing else");
      }
      break;
    default:
      break;
  }
  // Temporary objects are gone after a restart, so they are no function of the log, and until then one hides the table
  // of its name: rows for that would go with it. `CREATE TABLE temp.t` is told by its database alone. SQLite itself
  // writes to its own
  // sqlite_… tables when the schema changes; the defensive mode keeps everybody else out of them.
  if (same(database, "temp")) {
    return refuse_action(SQLITE_CREATE_TEMP_TABLE, first, second);
  }
  if (is_temporary(action) || is_ours(first) || is_ours(second)) {
    return refuse_action(action, first, second);
  }
  alters_ = alters_ || action == SQLITE_ALTER_TABLE;
  if (action == SQLITE_CREATE_TRIGGER) {
    trigger_ = first;
  }
  if (action == SQLITE_DROP_TABLE) {
    drops_.emplace_back(first);
  }
  return SQLITE_OK;
}

int authorizer::decide_seed(int action, std::string_view first, std::string_view second, std::string_view database) {
  const bool frame = action == SQLITE_PRAGMA || action == SQLITE_TRANSACTION;
  return frame ? decide_script(action, first, second, database) : decide_transaction(action, first, second);
}

int authorizer::decide_query(int action, std::string_view first, std::string_view second) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_READ:
      return decide_read(first);
    case SQLITE_FUNCTION:
      return same(second, "load_extension") || same(second, "fts3_tokenizer") ? decide_function(second) : SQLITE_OK;
    case SQLITE_PRAGMA:
      return contains(describing_pragmas, first) || (second.empty() && contains(telling_pragmas, first))
               ? SQLITE_OK
               : decide_pragma(first, second);
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
      if (change_.empty()) {
        change_ = action_text(action, first);
      }
      return SQLITE_OK;
    default:
      return refuse_action(action, first, second);
  }
}

int authorizer::decide_pragma(std::string_view pragma, std::string_view argument) {
  if (argument.empty() && contains(module_pragmas, pragma)) {
    saw_module_pragma_ = true;
    return SQLITE_OK;
  }
  return refuse_action(SQLITE_PRAGMA, pragma, argument);
}

int authorizer::decide_function(std::string_view function) {
  saw_changes_ = saw_changes_ || same(function, "changes");
  // With the latter SQLite itself changes its schema table; nobody else can call them.
  if (contains(functions_of_the_log, function) || begins(function, "sqlite_rename_")
      || same(function, "sqlite_drop_column")) {
    return SQLITE_OK;
  }
  const bool reaches_out = same(function, "load_extension") || same(function, "fts3_tokenizer");
  return refuse(
    "the function " + std::string{function} + "()",
    reaches_out ? "no code of others runs in the engine" : "its value is no function of the log; a query may call it");
}

int authorizer::decide_log_read(std::string_view table, std::string_view column) {
  if (decide_read(table) != SQLITE_OK) {
    return SQLITE_DENY;
  }
  const bool shows_layout = is_schema_table(table) && same(column, "rootpage");
  // SQLite itself looks by it whether the rows that are there fit a column that is added with a CHECK.
  const bool looks_at_rows = alters_ && same(table, "pragma_quick_check");
  const bool shows_engine = contains(foreign_tables, table) || (begins(table, "pragma_") && !looks_at_rows);
  if (shows_engine || is_ours(table) || shows_layout) {
    return refuse("reading " + std::string{table} + (shows_layout ? ".rootpage" : ""),
                  "what it shows is no function of the log; a query may read it");
  }
  if (std::ranges::any_of(index_endings, [table](std::string_view ending) { return ends(table, ending); })) {
    indexes_read_.emplace_back(table);
  }
  return SQLITE_OK;
}

int authorizer::decide_read(std::string_view table) {
  const bool reserved = is_ours(table) || begins(table, "sqlite_");
  return !reserved || contains(shown_tables, table)
           ? SQLITE_OK
           : refuse("reading " + std::string{table},
                    "it shows what others sent; operators see quarantine with `millrace quarantine list`, and who owns "
                    "the file reads all of it with sqlite3");
}

/// SQLite then compiles the statement to nothing.
int authorizer::note_frame(script_frame seen) noexcept {
  frame_ = seen;
  return SQLITE_IGNORE;
}

bool authorizer::is_vacuum(sqlite3_stmt* compiled) const noexcept {
  // DROP … IF EXISTS of what is not there is asked about as little.
  return actions_ == 0 && sqlite3_stmt_readonly(compiled) == 0 && sqlite3_stmt_isexplain(compiled) == 0
         && same(token_reader{sqlite3_sql(compiled)}.next(), "VACUUM");
}

int authorizer::refuse(std::string_view what, std::string_view why) {
  if (!refusal_) {
    refusal_ = failure{errc::not_permitted, std::string{what} + ": " + std::string{why}};
  }
  return SQLITE_DENY;
}

int authorizer::refuse_action(int action, std::string_view first, std::string_view second) {
  // SQLite names what is done before the savepoint, and the database before the table.
  const bool second_is_object = action == SQLITE_SAVEPOINT || action == SQLITE_ALTER_TABLE;
  const auto what = action == SQLITE_SAVEPOINT ? savepoint_text(first, second)
                                               : action_text(action, second_is_object ? second : first);
  return refuse(what, why_refused(who_, action, second_is_object || is_ours(second) ? second : first));
}

} // namespace millrace::storage::sqlite
