#include "schema_reading.hpp"

#include <millrace/messages/limits.hpp>
#include <millrace/storage/sqlite/common/error.hpp>
#include <millrace/storage/sqlite/common/needs_text.hpp>
#include <millrace/storage/sqlite/common/prepared_statement.hpp>
#include <millrace/storage/sqlite/common/rows.hpp>
#include <millrace/storage/sqlite/common/schema_objects.hpp>

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
                .and_then([&] { return read_history(database, after, limit, state); })
                .and_then([&] { return read_drift(database, state); });
  return done ? result<schema_state>{std::move(state)} : tl::unexpected{std::move(done).error()};
}

} // namespace millrace::storage::sqlite
