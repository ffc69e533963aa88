#include "owed_hooks.hpp"

#include <millrace/storage/sqlite/common/bind.hpp>
#include <millrace/storage/sqlite/common/error.hpp>
#include <millrace/storage/sqlite/common/rows.hpp>

#include <utility>

namespace millrace::storage::sqlite {

result<owed_hooks> owed_hooks::make(connection& owner) {
  owed_hooks made{owner};
  const std::pair<prepared_statement*, const char*> statements[] = {
    {&made.find_, "SELECT 1 FROM millrace_owed_hooks WHERE set_name = ?1"},
    {&made.owe_, "INSERT OR IGNORE INTO millrace_owed_hooks(set_name, since) VALUES (?1, ?2)"},
    {&made.settle_, "DELETE FROM millrace_owed_hooks WHERE set_name = ?1"},
    {&made.take_back_, "DELETE FROM millrace_owed_hooks WHERE set_name = ?1 AND since >= ?2"},
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

progress<bool> owed_hooks::settled(const schema_change& hook) {
  if (!hook.after_run) {
    return false;
  }
  reset_at_end guard{find_};
  bind_to(find_, 1, hook.set);
  const int code = find_.step();
  return code == SQLITE_ROW || code == SQLITE_DONE ? progress<bool>{code == SQLITE_DONE}
                                                   : set_back(owner_->get(), code);
}

/// The newest are taken back first, so with the first of a run all of it is gone.
progress<> owed_hooks::note(const schema_change& done) {
  const bool up = done.step == schema_step::up;
  const bool down = done.step == schema_step::down;
  if (!up && !down && !done.after_run) {
    return {};
  }
  auto& statement = down ? take_back_ : up && done.after_run ? owe_ : settle_;
  bind_to(statement, 1, done.set);
  if (&statement != &settle_) {
    bind_to(statement, 2, done.migrations.back().version);
  }
  const int code = statement.run();
  return code == SQLITE_OK ? progress<>{} : set_back(owner_->get(), code);
}

} // namespace millrace::storage::sqlite
