#include "script_runner.hpp"

#include <millrace/storage/base/failpoint.hpp>
#include <millrace/storage/base/hash.hpp>
#include <millrace/storage/database.hpp>
#include <millrace/storage/sqlite/common/error.hpp>
#include <millrace/storage/sqlite/common/meta.hpp>

#include <string>
#include <utility>

namespace millrace::storage::sqlite {

namespace {

int bind_text(prepared_statement& target, int index, const std::string& text) noexcept {
  return sqlite3_bind_text64(target.get(), index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

} // namespace

result<script_runner> script_runner::make(connection& owner) {
  script_runner made{owner};
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
  for (int number = 1; *rest != '\0'; ++number) {
    authorizer::scope acting{owner_->rights(), authority::script};
    auto statement = prepared_statement::prepare(owner_->get(), rest, -1, &rest);
    const auto& refusal = owner_->rights().refusal();
    if (refusal || owner_->rights().is_module_pragma()) {
      return set_back(refusal ? *refusal : failure{errc::not_permitted, "PRAGMA"});
    }
    if (!statement) {
      return set_back(std::move(statement).error());
    }
    if (statement->get() == nullptr) {
      continue;
    }
    // What SQLite's own modules compile while this runs is not the script's.
    authorizer::scope running{owner_->rights(), authority::internal};
    failpoint("script.statement");
    if (const int code = statement->run(); code != SQLITE_OK) {
      auto trouble = set_back(owner_->get(), code);
      auto& [how_far, reason] = trouble.value();
      reason.detail = "statement " + std::to_string(number) + ": " + reason.detail;
      if (how_far == reach::group && sqlite3_get_autocommit(owner_->get()) != 0) {
        how_far = reach::ended;
      }
      return trouble;
    }
  }
  return {};
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
