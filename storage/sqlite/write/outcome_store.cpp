#include "outcome_store.hpp"

#include <millrace/storage/base/failpoint.hpp>
#include <millrace/storage/sqlite/common/error.hpp>
#include <millrace/storage/sqlite/common/rows.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace millrace::storage::sqlite {

namespace {

/// More than one, so that a window that was made smaller is reached; few, so that no call is long.
constexpr int rows_forgotten_max = 4;

result<> outcome_of(connection& owner, int code) {
  return code == SQLITE_OK ? result<>{} : tl::unexpected{failure_of(owner.get(), code)};
}

} // namespace

result<outcome_store> outcome_store::make(connection& owner, const outcome_window& window) {
  outcome_store made{owner, window};
  const std::pair<prepared_statement*, const char*> statements[] = {
    {&made.insert_,
     "INSERT INTO millrace_outcomes(first_seq, last_seq, accept_time_ms, count, outcomes) VALUES (?1, ?2, ?3, ?4, ?5)"},
    {&made.find_oldest_, "SELECT first_seq, accept_time_ms, count FROM millrace_outcomes ORDER BY first_seq LIMIT 1"},
    {&made.remove_, "DELETE FROM millrace_outcomes WHERE first_seq = ?1 RETURNING outcomes"},
    {&made.raise_forgotten_,
     "UPDATE millrace_meta SET forgotten_made_at_ms = max(forgotten_made_at_ms, ?1) WHERE id = 1"},
  };
  for (const auto& [place, sql] : statements) {
    auto compiled = prepared_statement::prepare(owner.get(), sql);
    if (!compiled) {
      return tl::unexpected{std::move(compiled).error()};
    }
    *place = std::move(*compiled);
  }
  auto count = prepared_statement::prepare(owner.get(), "SELECT coalesce(sum(count), 0) FROM millrace_outcomes");
  const auto total = count ? count->run_for_number() : tl::unexpected{std::move(count).error()};
  if (!total) {
    return tl::unexpected{total.error()};
  }
  made.total_ = static_cast<std::uint64_t>(*total);
  return made;
}

result<> outcome_store::store(std::int64_t accept_time_ms) {
  total_after_commit_ = total_ + record.count();
  if (record.count() == 0) {
    return {};
  }
  auto* const insert = insert_.get();
  const auto bytes = record.bytes();
  sqlite3_bind_int64(insert, 1, static_cast<sqlite3_int64>(record.first_seq()));
  sqlite3_bind_int64(insert, 2, static_cast<sqlite3_int64>(record.last_seq()));
  sqlite3_bind_int64(insert, 3, accept_time_ms);
  sqlite3_bind_int64(insert, 4, static_cast<sqlite3_int64>(record.count()));
  sqlite3_bind_blob64(insert, 5, bytes.data(), bytes.size(), SQLITE_STATIC);
  if (auto done = outcome_of(*owner_, insert_.run()); !done) {
    return done;
  }
  for (int i = 0; i < rows_forgotten_max; ++i) {
    const auto forgotten = forget_oldest(accept_time_ms);
    if (!forgotten) {
      return tl::unexpected{forgotten.error()};
    }
    if (!*forgotten) {
      break;
    }
  }
  return {};
}

result<bool> outcome_store::forget_oldest(std::int64_t accept_time_ms) {
  std::uint64_t first_seq = 0;
  {
    reset_at_end guard{find_oldest_};
    auto* const oldest = find_oldest_.get();
    if (const int code = find_oldest_.step(); code != SQLITE_ROW) {
      return tl::unexpected{failure_of(owner_->get(), code)};
    }
    first_seq = static_cast<std::uint64_t>(sqlite3_column_int64(oldest, 0));
    const auto age = accept_time_ms - sqlite3_column_int64(oldest, 1);
    const auto left = total_after_commit_ - static_cast<std::uint64_t>(sqlite3_column_int64(oldest, 2));
    if (first_seq >= record.first_seq() || (age <= window_.age.count() && left < window_.count)) {
      return false;
    }
    total_after_commit_ = left;
  }
  if (auto done = remove(first_seq); !done) {
    return tl::unexpected{std::move(done).error()};
  }
  return true;
}

result<> outcome_store::remove(std::uint64_t first_seq) {
  reset_at_end guard{remove_};
  sqlite3_bind_int64(remove_.get(), 1, static_cast<sqlite3_int64>(first_seq));
  if (const int code = remove_.step(); code != SQLITE_ROW) {
    return tl::unexpected{failure_of(owner_->get(), code)};
  }
  std::int64_t newest = 0;
  outcome_record_reader entries{first_seq, blob_at(remove_.get(), 0)};
  while (const auto entry = entries.next()) {
    newest = std::max(newest, made_at_ms(entry->name.client));
  }
  if (!entries.ok()) {
    return fail(errc::corrupt, "the outcomes recorded from seq " + std::to_string(first_seq) + " on are damaged");
  }
  if (const int code = remove_.step(); code != SQLITE_DONE) {
    return tl::unexpected{failure_of(owner_->get(), code)};
  }
  failpoint("outcomes.forgotten");
  sqlite3_bind_int64(raise_forgotten_.get(), 1, newest);
  return outcome_of(*owner_, raise_forgotten_.run());
}

} // namespace millrace::storage::sqlite
