#include "schema_reading.hpp"

#include <millrace/messages/limits.hpp>
#include <millrace/storage/sqlite/common/error.hpp>
#include <millrace/storage/sqlite/common/needs_text.hpp>
#include <millrace/storage/sqlite/common/prepared_statement.hpp>
#include <millrace/storage/sqlite/common/rows.hpp>
#include <millrace/storage/sqlite/common/schema_objects.hpp>
#include <millrace/storage/sqlite/common/sql_tokens.hpp>
#include <millrace/storage/sqlite/common/table_key.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace millrace::storage::sqlite {

namespace {

std::string text_at(sqlite3_stmt* row, int column) {
  return std::string{blob_at(row, column)};
}

std::uint64_t number_at(sqlite3_stmt* row, int column) {
  return static_cast<std::uint64_t>(sqlite3_column_int64(row, column));
}

/// Calls `take` with each row; false from it ends that.
template <class Take>
result<> each_row(connection& database, prepared_statement& rows, Take take) {
  int code = rows.step();
  for (; code == SQLITE_ROW; code = rows.step()) {
    if (!take(rows.get())) {
      return {};
    }
  }
  return code == SQLITE_DONE ? result<>{} : tl::unexpected{failure_of(database.get(), code)};
}

result<> read_sets(connection& database, schema_state& into) {
  auto rows = prepared_statement::prepare(database.get(),
                                          "SELECT set_name, version, name, checksum, chain, needs "
                                          "FROM millrace_migrations ORDER BY set_name, version");
  if (!rows) {
    return tl::unexpected{std::move(rows).error()};
  }
  return each_row(database, *rows, [&](sqlite3_stmt* row) {
    auto set = text_at(row, 0);
    if (into.sets.empty() || into.sets.back().name != set) {
      into.sets.push_back({std::move(set), {}});
    }
    into.sets.back().migrations.push_back({.version = number_at(row, 1),
                                           .name = text_at(row, 2),
                                           .checksum = digest_at(row, 3),
                                           .chain = digest_at(row, 4),
                                           .needs = read_needs(blob_at(row, 5))});
    return true;
  });
}

/// About how many rows of a table come after the one that `row` names in its column `reached`. Of numbers it is told
/// from where they end, since counting takes as long as reading.
std::uint64_t estimate_rows_left(connection& database, const std::string& table, sqlite3_stmt* row, int reached,
                                 std::uint64_t rows_done) {
  const auto key = key_of(database, table);
  if (!key) {
    return 0; // Which the next part complains of.
  }
  const bool numbers = sqlite3_column_type(row, reached) == SQLITE_INTEGER;
  const auto from = " FROM main." + quoted_name(table);
  const auto sql = numbers
                     ? "SELECT (SELECT min(" + key->sql + ")" + from + "), (SELECT max(" + key->sql + ")" + from + ")"
                     : "SELECT count(*)" + from + " WHERE " + key->sql + " > ?1";
  auto counted = prepared_statement::prepare(database.get(), sql.c_str());
  if (!counted) {
    return 0;
  }
  sqlite3_bind_value(counted->get(), 1, sqlite3_column_value(row, reached));
  if (counted->step() != SQLITE_ROW) {
    return 0;
  }
  if (!numbers) {
    return number_at(counted->get(), 0);
  }
  const auto at = static_cast<double>(sqlite3_column_int64(row, reached));
  const auto first = static_cast<double>(sqlite3_column_int64(counted->get(), 0));
  const auto last = static_cast<double>(sqlite3_column_int64(counted->get(), 1));
  const auto left = static_cast<double>(rows_done) * (last - at) / (at - first + 1);
  return left > 0 ? static_cast<std::uint64_t>(std::min(left, static_cast<double>(INT64_MAX))) : 0;
}

result<> read_backfills(connection& database, schema_state& into) {
  auto rows = prepared_statement::prepare(database.get(),
                                          "SELECT set_name, version, name, chain, table_name, rows_done, took_us, "
                                          "paused, reached FROM millrace_backfills ORDER BY set_name");
  if (!rows) {
    return tl::unexpected{std::move(rows).error()};
  }
  return each_row(database, *rows, [&](sqlite3_stmt* row) {
    auto& one = into.backfills.emplace_back();
    one = {.id = {text_at(row, 0), number_at(row, 1)},
           .name = text_at(row, 2),
           .chain = digest_at(row, 3),
           .table = text_at(row, 4),
           .rows_done = number_at(row, 5),
           .rows_left = 0,
           .took_us = sqlite3_column_int64(row, 6),
           .paused = sqlite3_column_int(row, 7) != 0};
    one.rows_left = estimate_rows_left(database, one.table, row, 8, one.rows_done);
    return true;
  });
}

result<> read_seeds(connection& database, schema_state& into) {
  auto rows = prepared_statement::prepare(
    database.get(), "SELECT environment, name, checksum, seq FROM millrace_seeds ORDER BY environment, name");
  if (!rows) {
    return tl::unexpected{std::move(rows).error()};
  }
  return each_row(database, *rows, [&](sqlite3_stmt* row) {
    into.seeds.push_back({.environment = text_at(row, 0),
                          .name = text_at(row, 1),
                          .checksum = digest_at(row, 2),
                          .seq = number_at(row, 3)});
    return true;
  });
}

result<> read_owed_hooks(connection& database, schema_state& into) {
  auto rows = prepared_statement::prepare(database.get(),
                                          "SELECT set_name, since FROM millrace_owed_hooks ORDER BY set_name");
  if (!rows) {
    return tl::unexpected{std::move(rows).error()};
  }
  return each_row(database, *rows, [&](sqlite3_stmt* row) {
    into.owed.push_back({text_at(row, 0), number_at(row, 1)});
    return true;
  });
}

result<> read_history(connection& database, std::uint64_t after, std::uint32_t limit, schema_state& into) {
  auto rows = prepared_statement::prepare(
    database.get(),
    "SELECT seq, accept_time_ms, step, set_name, version, name, sql, author, took_us "
    "FROM millrace_history WHERE seq > ?1 ORDER BY seq");
  if (!rows) {
    return tl::unexpected{std::move(rows).error()};
  }
  sqlite3_bind_int64(rows->get(), 1, static_cast<sqlite3_int64>(after));
  std::size_t bytes = 0;
  return each_row(database, *rows, [&](sqlite3_stmt* row) {
    bytes += blob_at(row, 6).size();
    into.more = into.history.size() >= limit || (bytes > limits::transaction_bytes_max && !into.history.empty());
    if (!into.more) {
      into.history.push_back({.seq = number_at(row, 0),
                              .accepted_ms = sqlite3_column_int64(row, 1),
                              .step = static_cast<schema_step>(number_at(row, 2)),
                              .set = text_at(row, 3),
                              .version = number_at(row, 4),
                              .name = text_at(row, 5),
                              .sql = text_at(row, 6),
                              .author = text_at(row, 7),
                              .took_us = sqlite3_column_int64(row, 8)});
    }
    return !into.more;
  });
}

result<> read_drift(connection& database, schema_state& into) {
  const auto recorded = read_recorded_objects(database);
  const auto there = read_objects(database);
  if (!recorded || !there) {
    return tl::unexpected{recorded ? there.error() : recorded.error()};
  }
  into.drift = differences(*recorded, *there, says_same);
  return {};
}

} // namespace

result<schema_state> read_schema_state(connection& database, std::uint64_t after, std::uint32_t limit) {
  schema_state state;
  auto done = read_sets(database, state)
                .and_then([&] { return read_seeds(database, state); })
                .and_then([&] { return read_owed_hooks(database, state); })
                .and_then([&] { return read_history(database, after, limit, state); })
                .and_then([&] { return read_backfills(database, state); })
                .and_then([&] { return read_drift(database, state); });
  return done ? result<schema_state>{std::move(state)} : tl::unexpected{std::move(done).error()};
}

} // namespace millrace::storage::sqlite
