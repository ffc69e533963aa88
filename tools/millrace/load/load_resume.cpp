#include "load_resume.hpp"

#include <millrace/storage/base/hash.hpp>
#include <millrace/storage/database.hpp>
#include <millrace/tools/millrace/common/sql_text.hpp>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <limits>
#include <utility>

namespace millrace::tools {

namespace {

constexpr std::size_t chunk_bytes = 1024 * 1024;

/// The record of the last load into a table.
struct last_load {
  std::int64_t id = 0;
  file_identity file;
  std::int64_t after_rowid = 0;
  bool finished = false;
};

/// Sees all that was accepted before, also what a restart is still applying.
template <parameter... Ts>
tl::expected<row_set, failure> ask(client& database, std::string_view sql, Ts&&... parameters) {
  auto question = select(sql, std::forward<Ts>(parameters)...);
  question.consistency = consistency::linearizable;
  return database.query(std::move(question));
}

tl::expected<std::optional<last_load>, failure> find_load(client& database, const std::string& table) {
  const auto rows = ask(database, "SELECT id, bytes, hash, after_rowid, finished FROM load_file WHERE table_name = ?1",
                        table);
  if (!rows) {
    return tl::unexpected{rows.error()};
  }
  if (rows->empty()) {
    return std::nullopt;
  }
  const auto row = (*rows)[0];
  return last_load{row["id"].as_integer(),
                   {row["bytes"].as_integer(), row["hash"].as_integer()},
                   row["after_rowid"].as_integer(),
                   row["finished"].as_integer() != 0};
}

tl::expected<done_rows, failure> read_progress(client& database, std::int64_t load) {
  done_rows done;
  auto after = std::numeric_limits<std::int64_t>::min();
  for (bool more = true; more;) {
    const auto rows = ask(
      database, "SELECT first, last FROM load_progress WHERE load = ?1 AND first > ?2 ORDER BY first", load, after);
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

tl::expected<void, failure> begin_load(client& database, const std::string& table, const file_identity& file,
                                       std::int64_t greatest_rowid) {
  transaction work;
  work.add("DELETE FROM load_progress WHERE load = (SELECT id FROM load_file WHERE table_name = ?1)", table)
    .add("DELETE FROM load_file WHERE table_name = ?1", table)
    .add("INSERT INTO load_file(table_name, bytes, hash, after_rowid, finished) VALUES (?1, ?2, ?3, ?4, 0)", table,
         file.bytes, file.hash, greatest_rowid);
  return database.execute(std::move(work)).map([](const outcome&) {});
}

std::string not_read(const failure& reason) {
  return "How far the load came cannot be read: " + to_string(reason);
}

/// Why a load may not begin; empty where it may.
tl::expected<std::string, failure> obstacle(client& database, const std::string& table,
                                            const std::optional<last_load>& last) {
  if (last) {
    return last->finished ? ""
                          : "The load into " + table
                              + " that is to be resumed began with another file, or the file was changed since, or it "
                                "is read with other columns or another delimiter. Resume with what it began with.";
  }
  const auto rows = ask(database, "SELECT 1 FROM " + quote_identifier(table) + " LIMIT 1");
  if (!rows) {
    return tl::unexpected{rows.error()};
  }
  return rows->empty() ? ""
                       : "The table " + table
                           + " has rows, but no load with --resume has recorded which rows of a file they are. Empty "
                             "the table, or load into another one.";
}

} // namespace

tl::expected<file_identity, std::string> identify(const std::filesystem::path& file, const source_format& format) {
  std::string chunk{format.delimiter, format.header ? 'h' : '-'};
  for (const auto& column : format.columns) {
    chunk += column + '\0';
  }
  file_identity identity;
  std::uint64_t hash = storage::hash_of(chunk);
  std::ifstream input{file, std::ios::binary};
  while (input) {
    // The hash so far goes in front, so that the last one depends on all.
    chunk.assign(reinterpret_cast<const char*>(&hash), sizeof hash);
    chunk.resize(sizeof hash + chunk_bytes);
    input.read(chunk.data() + sizeof hash, static_cast<std::streamsize>(chunk_bytes));
    chunk.resize(sizeof hash + static_cast<std::size_t>(input.gcount()));
    hash = storage::hash_of(chunk);
    identity.bytes += input.gcount();
  }
  if (!input.eof()) {
    return tl::unexpected{file.string() + " cannot be read: " + std::strerror(errno) + "."};
  }
  identity.hash = static_cast<std::int64_t>(hash);
  return identity;
}

schema_script resume_schema() {
  return {"load --resume",
          "CREATE TABLE load_file(id INTEGER PRIMARY KEY, table_name TEXT NOT NULL UNIQUE, bytes INTEGER NOT NULL, "
          "hash INTEGER NOT NULL, after_rowid INTEGER NOT NULL, finished INTEGER NOT NULL);"
          "CREATE TABLE load_progress(load INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, "
          "PRIMARY KEY(load, first)) WITHOUT ROWID"};
}

tl::expected<recorded_load, std::string> begin_or_go_on(client& database, const std::string& table,
                                                        const file_identity& file, std::int64_t greatest_rowid) {
  auto last = find_load(database, table);
  if (last && !(*last && (*last)->file == file)) {
    const auto problem = obstacle(database, table, *last);
    if (!problem) {
      return tl::unexpected{not_read(problem.error())};
    }
    if (!problem->empty()) {
      return tl::unexpected{*problem};
    }
    if (const auto begun = begin_load(database, table, file, greatest_rowid); !begun) {
      return tl::unexpected{"The load cannot be recorded: " + to_string(begun.error())};
    }
    last = find_load(database, table);
  }
  if (!last || !*last) {
    return tl::unexpected{not_read(last ? failure{errc::not_found, table} : last.error())};
  }
  auto done = read_progress(database, (*last)->id);
  if (!done) {
    return tl::unexpected{not_read(done.error())};
  }
  return recorded_load{(*last)->id, (*last)->after_rowid, std::move(*done)};
}

tl::expected<outcome, failure> finish_load(client& database, std::int64_t load) {
  return database.execute("UPDATE load_file SET finished = 1 WHERE id = ?1", load);
}

void record_row(transaction& work, std::int64_t load, std::uint64_t row, const std::optional<done_rows::span>& fold) {
  work.add("INSERT OR IGNORE INTO load_progress(load, first, last) VALUES (?1, ?2, ?2)", load, row).expect_rows(1);
  if (fold) {
    // Foldings that overtake each other must not undo each other: a record only ever grows.
    work
      .add("DELETE FROM load_progress WHERE load = ?1 AND first BETWEEN ?2 AND ?3 AND last <= ?3", load, fold->first,
           fold->last)
      .add(
        "INSERT INTO load_progress(load, first, last) VALUES (?1, ?2, ?3) "
        "ON CONFLICT(load, first) DO UPDATE SET last = max(last, excluded.last)",
        load, fold->first, fold->last);
  }
}

} // namespace millrace::tools
