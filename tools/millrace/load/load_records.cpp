#include "load_records.hpp"

#include <limits>
#include <string_view>
#include <utility>

namespace millrace::tools {

namespace {

/// Sees all that was accepted before, also what a restart is still applying.
template <parameter... Ts>
tl::expected<row_set, failure> ask(client& database, std::string_view sql, Ts&&... parameters) {
  auto question = select(sql, std::forward<Ts>(parameters)...);
  question.consistency = consistency::linearizable;
  return database.query(std::move(question));
}

tl::expected<void, failure> apply(client& database, transaction work) {
  return database.execute(std::move(work)).map([](const outcome&) {});
}

std::string_view word_of(load_state state) noexcept {
  switch (state) {
    case load_state::begun:
      break;
    case load_state::complete:
      return "complete";
    case load_state::unrecorded:
      return "unrecorded";
  }
  return "begun";
}

load_state state_of(std::string_view word) noexcept {
  return word == "complete" ? load_state::complete : word == "begun" ? load_state::begun : load_state::unrecorded;
}

} // namespace

schema_script record_schema() {
  return {"millrace load",
          "CREATE TABLE millrace_load_file(id INTEGER PRIMARY KEY, table_name TEXT NOT NULL COLLATE NOCASE, "
          "path TEXT NOT NULL, bytes INTEGER NOT NULL, hash INTEGER NOT NULL, reading INTEGER NOT NULL, "
          "state TEXT NOT NULL, before BLOB);"
          "CREATE TABLE millrace_load_row(load INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, "
          "PRIMARY KEY(load, first)) WITHOUT ROWID"};
}

tl::expected<std::vector<std::pair<std::string, std::string>>, failure> newest_loads(client& database) {
  return ask(database, "SELECT path, table_name FROM millrace_load_file ORDER BY id DESC LIMIT 5")
    .map([](const row_set& rows) {
      std::vector<std::pair<std::string, std::string>> loads;
      for (const auto row : rows) {
        loads.emplace_back(row["path"].as_text(), row["table_name"].as_text());
      }
      return loads;
    });
}

tl::expected<std::vector<load_record>, failure> read_records(client& database, const std::string& table) {
  const auto rows = ask(database,
                        "SELECT id, path, bytes, hash, reading, state, (SELECT coalesce(sum(last - first + 1), 0) FROM "
                        "millrace_load_row WHERE load = id) AS rows FROM millrace_load_file WHERE table_name = ?1",
                        table);
  if (!rows) {
    return tl::unexpected{rows.error()};
  }
  std::vector<load_record> records;
  for (const auto row : *rows) {
    records.push_back({.id = row["id"].as_integer(),
                       .file = {.path = std::string{row["path"].as_text()},
                                .bytes = row["bytes"].as_integer(),
                                .hash = row["hash"].as_integer(),
                                .reading = row["reading"].as_integer()},
                       .state = state_of(row["state"].as_text()),
                       .rows = static_cast<std::uint64_t>(row["rows"].as_integer())});
  }
  return records;
}

tl::expected<std::int64_t, failure> add_record(client& database, const std::string& table, const file_identity& file,
                                               load_state state, const std::optional<table_sum>& before,
                                               std::optional<std::int64_t> replaced) {
  transaction work;
  if (replaced) {
    work.add("DELETE FROM millrace_load_row WHERE load = ?1", *replaced)
      .add("DELETE FROM millrace_load_file WHERE id = ?1", *replaced);
  }
  work.add("UPDATE millrace_load_file SET before = NULL WHERE table_name = ?1", table);
  work.add(
    "INSERT INTO millrace_load_file(table_name, path, bytes, hash, reading, state, before) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    table, file.path, file.bytes, file.hash, file.reading, word_of(state),
    before ? value{blob{before->to_bytes()}} : value{});
  if (auto added = apply(database, std::move(work)); !added) {
    return tl::unexpected{std::move(added).error()};
  }
  // Not by RETURNING: a resend is answered without rows. SQLite gives the greatest id to the newest row.
  return ask(database, "SELECT max(id) FROM millrace_load_file").map([](const row_set& rows) {
    return rows[0][std::size_t{0}].as_integer();
  });
}

tl::expected<void, failure> go_on_with(client& database, const std::string& table, std::int64_t load,
                                       const file_identity& file) {
  transaction work;
  work.add("UPDATE millrace_load_file SET before = NULL WHERE table_name = ?1 AND id <> ?2", table, load)
    .add(
      "UPDATE millrace_load_file SET path = ?2, bytes = ?3, hash = ?4, "
      "state = CASE WHEN bytes = ?3 THEN state ELSE 'begun' END WHERE id = ?1",
      load, file.path, file.bytes, file.hash);
  return apply(database, std::move(work));
}

tl::expected<done_rows, failure> read_done(client& database, std::int64_t load) {
  done_rows done;
  auto after = std::numeric_limits<std::int64_t>::min();
  for (bool more = true; more;) {
    const auto rows = ask(
      database, "SELECT first, last FROM millrace_load_row WHERE load = ?1 AND first > ?2 ORDER BY first", load, after);
    if (!rows) {
      return tl::unexpected{rows.error()};
    }
    for (const auto row : *rows) {
      after = row["first"].as_integer();
      done.add({static_cast<std::uint64_t>(after), static_cast<std::uint64_t>(row["last"].as_integer())});
    }
    more = rows->truncated();
  }
  return done;
}

tl::expected<std::optional<table_sum>, failure> read_before(client& database, std::int64_t load) {
  const auto rows = ask(database, "SELECT before FROM millrace_load_file WHERE id = ?1", load);
  if (!rows) {
    return tl::unexpected{rows.error()};
  }
  if (rows->empty() || (*rows)[0]["before"].is_null()) {
    return std::nullopt;
  }
  const auto stored = (*rows)[0]["before"].as_blob();
  return table_sum::from_bytes({reinterpret_cast<const char*>(stored.data()), stored.size()});
}

tl::expected<void, failure> complete_record(client& database, std::int64_t load, std::uint64_t rows) {
  transaction work;
  work.add("DELETE FROM millrace_load_row WHERE load = ?1", load)
    .add("INSERT INTO millrace_load_row(load, first, last) SELECT ?1, 1, ?2 WHERE ?2 > 0", load, rows)
    .add("UPDATE millrace_load_file SET state = 'complete' WHERE id = ?1", load);
  return apply(database, std::move(work));
}

void record_row(transaction& work, std::int64_t load, std::uint64_t row, const std::optional<done_rows::span>& fold) {
  work.add("INSERT OR IGNORE INTO millrace_load_row(load, first, last) VALUES (?1, ?2, ?2)", load, row).expect_rows(1);
  if (fold) {
    // Foldings that overtake each other must not undo each other: a record only ever grows.
    work
      .add("DELETE FROM millrace_load_row WHERE load = ?1 AND first BETWEEN ?2 AND ?3 AND last <= ?3", load,
           fold->first, fold->last)
      .add(
        "INSERT INTO millrace_load_row(load, first, last) VALUES (?1, ?2, ?3) "
        "ON CONFLICT(load, first) DO UPDATE SET last = max(last, excluded.last)",
        load, fold->first, fold->last);
  }
}

} // namespace millrace::tools
