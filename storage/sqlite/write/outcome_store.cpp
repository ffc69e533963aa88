#include "outcome_store.hpp"

#include <millrace/storage/base/failpoint.hpp>
#include <millrace/storage/sqlite/common/error.hpp>

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
     "INSERT INTO millrace_outcomes(first_seq, last_seq, accept_time_ms, count, outcomes, contents) "
     "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"},
    {&made.find_oldest_,
     "SELECT first_seq, last_seq, accept_time_ms, count FROM millrace_outcomes ORDER BY first_seq LIMIT 2"},
    {&made.remove_, "DELETE FROM millrace_outcomes WHERE first_seq = ?1"},
    {&made.raise_forgotten_, "UPDATE millrace_meta SET forgotten_upto = max(forgotten_upto, ?1) WHERE id = 1"},
  };
  for (const auto& [place, sql] : statements) {
    auto compiled = prepared_statement::prepare(owner.get(), sql);
    if (!compiled) {
      return tl::unexpected{std::move(compiled).error()};
    }
    *place = std::move(*compiled);
  }
  if (auto looked = made.look(); !looked) {
    return tl::unexpected{std::move(looked).error()};
  }
  return made;
}

result<> outcome_store::look() {
  auto rows = prepared_statement::prepare(owner_->get(),
                                          "SELECT accept_time_ms, count FROM millrace_outcomes ORDER BY first_seq");
  if (!rows) {
    return tl::unexpected{std::move(rows).error()};
  }
  int code = rows->step();
  for (; code == SQLITE_ROW; code = rows->step()) {
    held_ = held_.with(sqlite3_column_int64(rows->get(), 0),
                       static_cast<std::uint64_t>(sqlite3_column_int64(rows->get(), 1)), window_);
  }
  return code == SQLITE_DONE ? result<>{} : tl::unexpected{failure_of(owner_->get(), code)};
}

auto outcome_store::contents::with(std::int64_t accept_time_ms, std::uint64_t count,
                                   const outcome_window& window) const noexcept -> contents {
  const auto older = total == 0 ? std::chrono::milliseconds{0} : window.aged(newest_ms, accept_time_ms);
  return {total + count, age + older, accept_time_ms};
}

result<> outcome_store::store(std::int64_t accept_time_ms) {
  held_after_commit_ = held_;
  if (record.count() == 0) {
    return {};
  }
  held_after_commit_ = held_.with(accept_time_ms, record.count(), window_);
  auto* const insert = insert_.get();
  const auto bytes = record.bytes();
  sqlite3_bind_int64(insert, 1, static_cast<sqlite3_int64>(record.first_seq()));
  sqlite3_bind_int64(insert, 2, static_cast<sqlite3_int64>(record.last_seq()));
  sqlite3_bind_int64(insert, 3, accept_time_ms);
  sqlite3_bind_int64(insert, 4, static_cast<sqlite3_int64>(record.count()));
  const auto bound_to = record.contents();
  sqlite3_bind_blob64(insert, 5, bytes.data(), bytes.size(), SQLITE_STATIC);
  sqlite3_bind_blob64(insert, 6, bound_to.data(), bound_to.size(), SQLITE_STATIC);
  if (auto done = outcome_of(*owner_, insert_.run()); !done) {
    return done;
  }
  for (int i = 0; i < rows_forgotten_max; ++i) {
    const auto forgotten = forget_oldest();
    if (!forgotten) {
      return tl::unexpected{forgotten.error()};
    }
    if (!*forgotten) {
      break;
    }
  }
  return {};
}

result<bool> outcome_store::forget_oldest() {
  std::uint64_t first_seq = 0;
  std::uint64_t last_seq = 0;
  {
    reset_at_end guard{find_oldest_};
    auto* const row = find_oldest_.get();
    if (const int code = find_oldest_.step(); code != SQLITE_ROW) {
      return tl::unexpected{failure_of(owner_->get(), code)};
    }
    first_seq = static_cast<std::uint64_t>(sqlite3_column_int64(row, 0));
    last_seq = static_cast<std::uint64_t>(sqlite3_column_int64(row, 1));
    const auto accepted_ms = sqlite3_column_int64(row, 2);
    auto& held = held_after_commit_;
    const auto left = held.total - static_cast<std::uint64_t>(sqlite3_column_int64(row, 3));
    if (first_seq >= record.first_seq() || (held.age <= window_.age && left < window_.count)) {
      return false;
    }
    if (const int code = find_oldest_.step(); code != SQLITE_ROW) {
      return tl::unexpected{failure_of(owner_->get(), code)};
    }
    held.total = left;
    held.age -= window_.aged(accepted_ms, sqlite3_column_int64(row, 2));
  }
  return remove(first_seq, last_seq).map([] { return true; });
}

result<> outcome_store::remove(std::uint64_t first_seq, std::uint64_t last_seq) {
  sqlite3_bind_int64(remove_.get(), 1, static_cast<sqlite3_int64>(first_seq));
  if (auto done = outcome_of(*owner_, remove_.run()); !done) {
    return done;
  }
  failpoint("outcomes.forgotten");
  sqlite3_bind_int64(raise_forgotten_.get(), 1, static_cast<sqlite3_int64>(last_seq));
  return outcome_of(*owner_, raise_forgotten_.run());
}

} // namespace millrace::storage::sqlite
