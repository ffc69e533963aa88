#include "seed_record.hpp"

#include <millrace/storage/sqlite/common/bind.hpp>
#include <millrace/storage/sqlite/common/error.hpp>
#include <millrace/storage/sqlite/common/rows.hpp>

#include <utility>

namespace millrace::storage::sqlite {

namespace {

/// Of either statement the first two parameters.
void bind_name(prepared_statement& target, const schema_change& change) noexcept {
  bind_to(target, 1, change.set);
  bind_to(target, 2, change.migrations.front().name);
}

} // namespace

result<seed_record> seed_record::make(connection& owner) {
  seed_record made{owner};
  const std::pair<prepared_statement*, const char*> statements[] = {
    {&made.find_, "SELECT checksum FROM millrace_seeds WHERE environment = ?1 AND name = ?2"},
    {&made.record_, "INSERT OR REPLACE INTO millrace_seeds(environment, name, checksum, seq) VALUES (?1, ?2, ?3, ?4)"},
    {&made.forget_, "DELETE FROM millrace_seeds"},
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

progress<bool> seed_record::holds(const schema_change& change) {
  reset_at_end guard{find_};
  bind_name(find_, change);
  const int code = find_.step();
  if (code == SQLITE_ROW) {
    return digest_at(find_.get(), 0) == change.migrations.front().checksum;
  }
  return code == SQLITE_DONE ? progress<bool>{false} : set_back(owner_->get(), code);
}

progress<> seed_record::put(const schema_change& change, std::uint64_t seq) {
  bind_name(record_, change);
  bind_to(record_, 3, change.migrations.front().checksum);
  bind_to(record_, 4, seq);
  return run(record_);
}

progress<> seed_record::forget_all() {
  return run(forget_);
}

progress<> seed_record::run(prepared_statement& statement) {
  const int code = statement.run();
  return code == SQLITE_OK ? progress<>{} : set_back(owner_->get(), code);
}

} // namespace millrace::storage::sqlite
