#include "script_runner.hpp"

#include <millrace/storage/base/failpoint.hpp>
#include <millrace/storage/base/hash.hpp>
#include <millrace/storage/database.hpp>
#include <millrace/storage/sqlite/common/error.hpp>
#include <millrace/storage/sqlite/common/index_tables.hpp>
#include <millrace/storage/sqlite/common/meta.hpp>
#include <millrace/storage/sqlite/common/refusal.hpp>

#include <string>
#include <utility>

namespace millrace::storage::sqlite {

namespace {

int bind_text(prepared_statement& target, int index, const std::string& text) noexcept {
  return sqlite3_bind_text64(target.get(), index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

/// Where the frame may stand that other programs put around a script, such as sqlite3's .dump: `PRAGMA foreign_keys`
/// and BEGIN before all else, COMMIT after it. Then it says nothing that does not hold of every script.
class frame_order {
public:
  /// Takes the next statement. Empty, or why it may not stand here.
  std::string_view take(script_frame next) noexcept {
    const bool fits = next == script_frame::none               ? !committed_
                      : next == script_frame::begin            ? !begun_ && !anything_
                      : next == script_frame::commit           ? begun_ && !committed_
                      : next == script_frame::foreign_keys_off ? !begun_ && !anything_
                                                               : true;
    anything_ = anything_ || next == script_frame::none;
    begun_ = begun_ || next == script_frame::begin;
    committed_ = committed_ || next == script_frame::commit;
    return fits ? ""
                : "a script is one transaction: PRAGMA foreign_keys=OFF and BEGIN may only stand before all else, "
                  "COMMIT after it";
  }

  bool is_complete() const noexcept { return begun_ == committed_; }

private:
  bool anything_ = false;
  bool begun_ = false;
  bool committed_ = false;
};

/// Foreign keys that nobody looks at while a script runs which says that its tables and rows are in no order. Inside a
/// transaction the pragma has no effect, but this has.
class ignored_keys {
public:
  explicit ignored_keys(sqlite3* database) noexcept : database_(database) {}
  ignored_keys(const ignored_keys&) = delete;
  ignored_keys& operator=(const ignored_keys&) = delete;
  ~ignored_keys() { end(); }

  void begin() noexcept { set(true); }
  /// Whether they were ignored so far, and must be looked at now.
  bool end() noexcept {
    const bool before = ignored_;
    set(false);
    return before;
  }

private:
  void set(bool ignored) noexcept {
    if (ignored != ignored_) {
      sqlite3_db_config(database_, SQLITE_DBCONFIG_ENABLE_FKEY, ignored ? 0 : 1, nullptr);
      ignored_ = ignored;
    }
  }

  sqlite3* database_;
  bool ignored_ = false;
};

} // namespace

result<script_runner> script_runner::make(connection& owner, log_functions& functions) {
  script_runner made{owner, functions};
  const std::pair<prepared_statement*, const char*> statements[] = {
    {&made.find_, "SELECT sql_hash FROM millrace_schema WHERE name = ?1"},
    {&made.record_, "INSERT INTO millrace_schema(name, seq, sql_hash) VALUES (?1, ?2, ?3)"},
    {&made.find_intruder_, meta::find_intruder},
  };
  for (const auto& [place, sql] : statements) {
    auto compiled = prepared_statement::prepare(owner.get(), sql);
    if (!compiled) {
      return tl::unexpected{std::move(compiled).error()};
    }
    *place = std::move(*compiled);
  }
  return made;
}

progress<> script_runner::run(const schema_script& script, std::uint64_t seq) {
  {
    reset_at_end guard{find_};
    bind_text(find_, 1, script.name);
    const int code = find_.step();
    if (code == SQLITE_ROW) {
      const auto recorded = static_cast<std::uint64_t>(sqlite3_column_int64(find_.get(), 0));
      return recorded == hash_of(script.sql)
               ? progress<>{}
               : set_back({errc::schema_changed, "the script " + script.name + " was applied with another text"});
    }
    if (code != SQLITE_DONE) {
      return set_back(failure_of(owner_->get(), code));
    }
  }
  auto done = run_statements(script);
  if (done) {
    done = check_names();
  }
  if (!done) {
    done.error().reason.detail = "script " + script.name + ": " + done.error().reason.detail;
    return done;
  }
  return record(script, seq);
}

progress<> script_runner::run_statements(const schema_script& script) {
  if (script.sql.find('\0') != std::string::npos) {
    return set_back({errc::bad_sql, "the SQL text contains a zero byte"});
  }
  const char* rest = script.sql.c_str();
  frame_order frame;
  ignored_keys keys{owner_->get()};
  for (int number = 1; *rest != '\0'; ++number) {
    authorizer::scope acting{owner_->rights(), authority::script};
    auto statement = prepared_statement::prepare(owner_->get(), rest, -1, &rest);
    if (auto refusal = refusal_of(statement)) {
      return set_back(std::move(*refusal));
    }
    if (!statement) {
      return set_back(std::move(statement).error());
    }
    if (statement->get() == nullptr) {
      continue;
    }
    const auto part = owner_->rights().frame();
    if (const auto why = frame.take(part); !why.empty()) {
      return set_back({errc::not_permitted, "statement " + std::to_string(number) + ": " + std::string{why}});
    }
    if (part == script_frame::foreign_keys_off) {
      keys.begin();
    } else if (part == script_frame::none) {
      if (auto refused = index_read_refused(*owner_)) {
        return set_back(*std::move(refused));
      }
      if (auto done = run_statement(*statement, number); !done) {
        return done;
      }
    }
  }
  if (!frame.is_complete()) {
    return set_back({errc::not_permitted, "BEGIN: the script has no COMMIT for it"});
  }
  return keys.end() ? check_keys() : progress<>{};
}

/// What of the script's rights it oversteps.
std::optional<failure> script_runner::refusal_of(const result<prepared_statement>& compiled) const {
  const auto& rights = owner_->rights();
  if (rights.refusal()) {
    return rights.refusal();
  }
  if (rights.is_module_pragma()) {
    return module_pragma_refused(authority::script);
  }
  return compiled && rights.is_vacuum(compiled->get()) ? std::optional{vacuum_refused()} : std::nullopt;
}

progress<> script_runner::run_statement(prepared_statement& statement, int number) {
  // What SQLite's own modules compile while this runs is not the script's.
  authorizer::scope running{owner_->rights(), authority::internal};
  failpoint("script.statement");
  const int code = statement.run();
  if (code == SQLITE_OK) {
    return {};
  }
  auto trouble = set_back(functions_->explain(failure_of(owner_->get(), code)));
  auto& [how_far, reason] = trouble.value();
  reason.detail = "statement " + std::to_string(number) + ": " + reason.detail;
  if (how_far == reach::group && sqlite3_get_autocommit(owner_->get()) != 0) {
    how_far = reach::ended;
  }
  return trouble;
}

progress<> script_runner::check_keys() {
  auto check = prepared_statement::prepare(owner_->get(), "PRAGMA foreign_key_check");
  if (!check) {
    return set_back(std::move(check).error());
  }
  const int code = check->step();
  if (code == SQLITE_ROW) {
    const auto column = [&check](int index) {
      const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(check->get(), index));
      return std::string{text == nullptr ? "" : text};
    };
    return set_back({errc::constraint, "FOREIGN KEY constraint failed: at the script's end a row of " + column(0)
                                         + " refers to one of " + column(2) + " that is not there"});
  }
  return code == SQLITE_DONE ? progress<>{} : set_back(owner_->get(), code);
}

progress<> script_runner::check_names() {
  // ALTER TABLE … RENAME shows the authorizer only the old name.
  reset_at_end guard{find_intruder_};
  const int code = find_intruder_.step();
  if (code == SQLITE_ROW) {
    const auto* const name = reinterpret_cast<const char*>(sqlite3_column_text(find_intruder_.get(), 0));
    return set_back({errc::not_permitted, std::string{"the name "} + (name == nullptr ? "" : name)
                                            + ", as names that begin with millrace_ are kept for Millrace"});
  }
  return code == SQLITE_DONE ? progress<>{} : set_back(failure_of(owner_->get(), code));
}

progress<> script_runner::record(const schema_script& script, std::uint64_t seq) {
  bind_text(record_, 1, script.name);
  sqlite3_bind_int64(record_.get(), 2, static_cast<sqlite3_int64>(seq));
  sqlite3_bind_int64(record_.get(), 3, static_cast<sqlite3_int64>(hash_of(script.sql)));
  const int code = record_.run();
  failpoint("script.recorded");
  return code == SQLITE_OK ? progress<>{} : set_back(failure_of(owner_->get(), code));
}

} // namespace millrace::storage::sqlite
