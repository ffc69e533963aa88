#include "savepoint.hpp"

#include <utility>

namespace millrace::storage::sqlite {

namespace {

result<bracket_statements> compile(connection& owner, const std::string& begin, const std::string& commit,
                                   const std::string& roll_back) {
  bracket_statements made;
  for (auto& [text, place] : {std::pair{&begin, &made.begin}, {&commit, &made.commit}, {&roll_back, &made.roll_back}}) {
    auto compiled = prepared_statement::prepare(owner.get(), text->c_str());
    if (!compiled) {
      return tl::unexpected{std::move(compiled).error()};
    }
    *place = std::move(*compiled);
  }
  return made;
}

} // namespace

result<bracket_statements> bracket_statements::transaction(connection& owner) {
  return compile(owner, "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK");
}

result<bracket_statements> bracket_statements::savepoint(connection& owner, const std::string& name) {
  return compile(owner, "SAVEPOINT " + name, "RELEASE " + name, "ROLLBACK TO " + name);
}

int bracket::begin() noexcept {
  const int code = statements_->begin.run();
  open_ = code == SQLITE_OK;
  return code;
}

int bracket::commit() noexcept {
  const int code = statements_->commit.run();
  open_ = open_ && code != SQLITE_OK;
  return code;
}

int bracket::roll_back() noexcept {
  if (!open_) {
    return SQLITE_OK;
  }
  open_ = false;
  // SQLite may have ended the transaction by itself (a full disk, RAISE(ROLLBACK)); nothing is left to undo then.
  auto* const database = sqlite3_db_handle(statements_->roll_back.get());
  if (sqlite3_get_autocommit(database) != 0) {
    return SQLITE_OK;
  }
  const int code = statements_->roll_back.run();
  // Rolling back to a savepoint leaves it open.
  return code == SQLITE_OK && sqlite3_get_autocommit(database) == 0 ? statements_->commit.run() : code;
}

} // namespace millrace::storage::sqlite
