#include "reader.hpp"

#include "error.hpp"
#include "meta.hpp"
#include "parameters.hpp"
#include "rows.hpp"

#include <millrace/messages/limits.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace millrace::storage::sqlite {

namespace {

/// Virtual-machine steps between two looks at the clock; a thousand take some tens of microseconds.
constexpr int steps_between_looks = 1'000;

/// SQLite sorts as many bytes as the page cache holds in one step that nothing can interrupt. Two million rows came
/// 2.6 s after the deadline with sorting in memory alone, 1.5 s with temporary files and a cache of 64 MiB, and at most
/// 7 ms with temporary files and 4 MiB. A small cache for all queries doubled the time of a point query.
constexpr int sorting_cache_kib = 4'096;

int repreparations(sqlite3_stmt* statement) noexcept {
  return sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_REPREPARE, 0);
}

} // namespace

result<std::unique_ptr<database_reader>> reader::open(const std::filesystem::path& file,
                                                      const sqlite_options& options) {
  auto database = connection::open(file, role::reader, options);
  if (!database) {
    return tl::unexpected{std::move(database).error()};
  }
  std::unique_ptr<reader> made{new reader{std::move(*database), options}};
  if (auto done = made->prepare(); !done) {
    return tl::unexpected{std::move(done).error()};
  }
  return made;
}

reader::reader(connection database, const sqlite_options& options)
  : database_(std::move(database)),
    cache_(database_, authority::query, options.cached_statements),
    cache_kib_(std::max(options.cache_kib, 1)) {}

result<> reader::prepare() {
  const std::pair<prepared_statement*, const char*> statements[] = {
    {&begin_, "BEGIN"}, {&end_, "ROLLBACK"}, {&read_applied_seq_, meta::read_applied_seq}};
  for (const auto& [place, sql] : statements) {
    auto compiled = prepared_statement::prepare(database_.get(), sql);
    if (!compiled) {
      return tl::unexpected{std::move(compiled).error()};
    }
    *place = std::move(*compiled);
  }
  sqlite3_progress_handler(database_.get(), steps_between_looks, &reader::on_progress, this);
  return {};
}

int reader::on_progress(void* self) noexcept {
  return std::chrono::steady_clock::now() >= static_cast<const reader*>(self)->deadline_ ? 1 : 0;
}

result<> reader::begin_snapshot() {
  if (const int code = begin_.run(); code != SQLITE_OK) {
    return tl::unexpected{failure_of(database_.get(), code)};
  }
  // SQLite takes the snapshot at the first read.
  if (auto seq = applied_seq(); !seq) {
    end_snapshot();
    return tl::unexpected{std::move(seq).error()};
  }
  return {};
}

void reader::end_snapshot() noexcept {
  if (sqlite3_get_autocommit(database_.get()) == 0) {
    end_.run();
  }
}

result<row_set> reader::run(const query& question, std::chrono::steady_clock::time_point deadline) {
  if (std::chrono::steady_clock::now() >= deadline) {
    return fail(errc::deadline_exceeded, "the query was not begun");
  }
  deadline_ = deadline;
  auto target = cache_.find(question.statement.sql);
  if (!target) {
    return tl::unexpected{std::move(target).error()};
  }
  if (auto bound = bind_parameters(**target, question.statement); !bound) {
    return tl::unexpected{std::move(bound).error()};
  }
  fit_page_cache((*target)->sorts);
  return collect(**target, std::min(question.max_rows, limits::rows_max));
}

void reader::fit_page_cache(bool sorts) {
  if (sorts != cache_is_small_ && cache_kib_ > sorting_cache_kib) {
    const auto pragma = "PRAGMA cache_size=-" + std::to_string(sorts ? sorting_cache_kib : cache_kib_);
    // Where this fails, the query is merely slower or interrupted later.
    if (database_.execute(pragma.c_str())) {
      cache_is_small_ = sorts;
    }
  }
}

result<row_set> reader::collect(cached_statement& target, std::uint32_t max_rows) {
  auto& prepared = target.prepared;
  // What SQLite compiles by itself while this runs (a schema that changed, a full-text table) is the query's too.
  authorizer::scope acting{database_.rights(), authority::query};
  reset_at_end guard{prepared};
  const int prepared_before = repreparations(prepared.get());
  int code = prepared.step();
  if (repreparations(prepared.get()) != prepared_before) {
    target.describe();
  }
  row_set rows{target.columns};
  for (; code == SQLITE_ROW; code = prepared.step()) {
    if (rows.size() >= max_rows || !append_row(prepared.get(), rows)) {
      rows.mark_truncated();
      return rows;
    }
  }
  if (code != SQLITE_DONE) {
    return tl::unexpected{failure_now(code)};
  }
  return rows;
}

failure reader::failure_now(int code) const {
  if ((code & 0xff) == SQLITE_INTERRUPT) {
    return {errc::deadline_exceeded, "the query was interrupted"};
  }
  const auto& refusal = database_.rights().refusal();
  return refusal ? *refusal : failure_of(database_.get(), code);
}

result<std::uint64_t> reader::applied_seq() {
  deadline_ = std::chrono::steady_clock::time_point::max();
  auto seq = read_applied_seq_.run_for_number();
  if (!seq) {
    return tl::unexpected{std::move(seq).error()};
  }
  return static_cast<std::uint64_t>(*seq);
}

} // namespace millrace::storage::sqlite

namespace millrace::storage {

result<std::unique_ptr<database_reader>> open_sqlite_reader(const std::filesystem::path& file,
                                                            const sqlite_options& options) {
  return sqlite::reader::open(file, options);
}

} // namespace millrace::storage
