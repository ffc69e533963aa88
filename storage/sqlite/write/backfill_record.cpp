#include "backfill_record.hpp"

#include <millrace/storage/sqlite/common/bind.hpp>
#include <millrace/storage/sqlite/common/error.hpp>
#include <millrace/storage/sqlite/common/rows.hpp>

#include <utility>

namespace millrace::storage::sqlite {

result<backfill_record> backfill_record::make(connection& owner) {
  backfill_record made{owner};
  const std::pair<prepared_statement*, const char*> statements[] = {
    {&made.find_,
     "SELECT version, name, chain, table_name, reached, rows_done, took_us, paused FROM millrace_backfills "
     "WHERE set_name = ?1"},
    {&made.put_,
     "INSERT OR REPLACE INTO millrace_backfills(set_name, version, name, chain, table_name, reached, rows_done, "
     "took_us, "
     "paused) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"},
    {&made.forget_, "DELETE FROM millrace_backfills WHERE set_name = ?1"},
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

progress<std::optional<backfill_progress>> backfill_record::find(const std::string& set) {
  reset_at_end guard{find_};
  auto* const row = find_.get();
  bind_to(find_, 1, set);
  if (const int code = find_.step(); code != SQLITE_ROW) {
    return code == SQLITE_DONE ? progress<std::optional<backfill_progress>>{} : set_back(owner_->get(), code);
  }
  backfill_progress found{.version = static_cast<std::uint64_t>(sqlite3_column_int64(row, 0)),
                          .name = std::string{blob_at(row, 1)},
                          .chain = digest_at(row, 2),
                          .table = std::string{blob_at(row, 3)},
                          .reached = {},
                          .rows_done = static_cast<std::uint64_t>(sqlite3_column_int64(row, 5)),
                          .took_us = sqlite3_column_int64(row, 6),
                          .paused = sqlite3_column_int(row, 7) != 0};
  if (sqlite3_column_type(row, 4) != SQLITE_NULL) {
    auto reached = keep_value(row, 4);
    if (!reached) {
      return tl::unexpected{std::move(reached).error()};
    }
    found.reached = std::move(*reached);
  }
  return std::optional{std::move(found)};
}

progress<> backfill_record::put(const std::string& set, const backfill_progress& now) {
  bind_to(put_, 1, set);
  bind_to(put_, 2, now.version);
  bind_to(put_, 3, now.name);
  bind_to(put_, 4, now.chain);
  bind_to(put_, 5, now.table);
  if (now.reached) {
    sqlite3_bind_value(put_.get(), 6, now.reached.get());
  } else {
    sqlite3_bind_null(put_.get(), 6);
  }
  bind_to(put_, 7, now.rows_done);
  sqlite3_bind_int64(put_.get(), 8, now.took_us);
  sqlite3_bind_int(put_.get(), 9, now.paused ? 1 : 0);
  const int code = put_.run();
  return code == SQLITE_OK ? progress<>{} : set_back(failure_of(owner_->get(), code));
}

progress<> backfill_record::forget(const std::string& set) {
  bind_to(forget_, 1, set);
  const int code = forget_.run();
  return code == SQLITE_OK ? progress<>{} : set_back(failure_of(owner_->get(), code));
}

} // namespace millrace::storage::sqlite
