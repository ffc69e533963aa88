#include "reader.hpp"

#include "damage_search.hpp"
#include "row_stream.hpp"
#include "schema_reading.hpp"

#include <millrace/messages/limits.hpp>
#include <millrace/storage/sqlite/common/bind.hpp>
#include <millrace/storage/sqlite/common/error.hpp>
#include <millrace/storage/sqlite/common/meta.hpp>
#include <millrace/storage/sqlite/common/outcome_record.hpp>
#include <millrace/storage/sqlite/common/parameters.hpp>
#include <millrace/storage/sqlite/common/quarantine_table.hpp>
#include <millrace/storage/sqlite/common/rows.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace millrace::storage::sqlite {

namespace {

/// SQLite sorts as many bytes as the page cache holds in one step that nothing can interrupt. Two million rows came
/// 2.6 s after the deadline with sorting in memory alone, 1.5 s with temporary files and a cache of 64 MiB, and at most
/// 7 ms with temporary files and 4 MiB. A small cache for all queries doubled the time of a point query.
constexpr int sorting_cache_kib = 4'096;

/// A quarantined transaction as it is listed. A script shows as its text.
transaction as_transaction(work item) {
  if (auto* const script = std::get_if<schema_script>(&item)) {
    return execute(script->sql);
  }
  if (auto* const change = std::get_if<schema_change>(&item)) {
    return execute(whole_sql(*change));
  }
  auto* const changes = std::get_if<transaction>(&item);
  return changes == nullptr ? transaction{} : std::move(*changes);
}

} // namespace

/// A snapshot, unless one is open already; then that is used and left open.
class reader::snapshot {
public:
  /// `unavailable` where it is older than the limits allow.
  static result<snapshot> take(reader& owner, const read_limits& limits) {
    snapshot taken{nullptr};
    if (!owner.in_snapshot()) {
      if (auto begun = owner.begin_snapshot(); !begun) {
        return tl::unexpected{std::move(begun).error()};
      }
      taken.owner_ = &owner;
    }
    if (owner.snapshot_seq_ < limits.least_seq) {
      return fail(errc::unavailable, "the query asks for the state of seq " + std::to_string(limits.least_seq)
                                       + ", but only that of seq " + std::to_string(owner.snapshot_seq_)
                                       + " is applied");
    }
    return taken;
  }

  snapshot(snapshot&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
  snapshot& operator=(snapshot&&) = delete;
  ~snapshot() {
    if (owner_ != nullptr) {
      owner_->end_snapshot();
    }
  }

private:
  explicit snapshot(reader* owner) noexcept : owner_(owner) {}
  reader* owner_;
};

class reader::cursor final : public row_cursor {
public:
  cursor(reader& owner, snapshot state, cached_statement& source)
    : owner_(&owner),
      state_(std::move(state)),
      seq_(owner.snapshot_seq_),
      spent_(owner.watch_.afford(owner.afforded_)),
      rows_(owner.database_, source) {}

  result<row_set> next(std::uint32_t count, const read_limits& limits) override {
    read_watch::scope watched{owner_->watch_, limits};
    row_set page;
    if (auto done = go_on([&] { return rows_.take(std::min(count, limits::rows_max), page); }); !done) {
      return tl::unexpected{std::move(done).error()};
    }
    if (more_) {
      if (page.empty() && count > 0) {
        return fail(errc::too_large, "a single row is larger than a page may be, which is "
                                       + std::to_string(limits::row_set_bytes_max) + " bytes");
      }
      page.mark_truncated();
    }
    page.set_seq(seq_);
    return page;
  }

  result<> skip(std::uint64_t count, const read_limits& limits) override {
    read_watch::scope watched{owner_->watch_, limits};
    return go_on([&] { return rows_.skip(count); });
  }

  std::uint64_t seq() const noexcept override { return seq_; }
  std::uint64_t bytes_held() const noexcept override { return spent_.memory_taken(); }

private:
  template <class Step>
  result<> go_on(Step step) {
    if (auto within = owner_->look_at_limits(); !within) {
      return within;
    }
    budget::scope paying{spent_};
    if (budget::must_give_back()) { // However few steps a page takes.
      return tl::unexpected{*budget::overrun()};
    }
    const int code = step();
    more_ = code == SQLITE_ROW;
    return owner_->result_of(code);
  }

  reader* owner_;
  snapshot state_; ///< Ends after the rows do.
  std::uint64_t seq_;
  budget spent_;
  row_stream rows_;
  bool more_ = false;
};

result<std::unique_ptr<database_reader>> reader::open(const settings& chosen) {
  auto database = connection::open(chosen, role::reader);
  if (!database) {
    return tl::unexpected{std::move(database).error()};
  }
  std::unique_ptr<reader> made{new reader{std::move(*database), chosen}};
  if (auto done = made->prepare(); !done) {
    return tl::unexpected{std::move(done).error()};
  }
  return made;
}

reader::reader(connection database, const settings& chosen)
  : database_(std::move(database)),
    cache_(database_, authority::query, chosen.cached_statements),
    cache_kib_(std::max(chosen.cache_kib, 1)),
    afforded_(chosen.afforded) {}

result<> reader::prepare() {
  const std::pair<prepared_statement*, const char*> statements[] = {
    {&begin_, "BEGIN"},
    {&end_, "COMMIT"},
    {&read_applied_seq_, meta::read_applied_seq},
    {&find_outcome_,
     "SELECT first_seq, outcomes FROM millrace_outcomes WHERE first_seq <= ?1 ORDER BY first_seq DESC LIMIT 1"},
    {&list_quarantine_,
     "SELECT seq, accept_time_ms, deaths, record FROM millrace_quarantine WHERE seq > ?1 ORDER BY seq"},
    {&list_reasons_, "SELECT seq, reason FROM millrace_quarantine WHERE seq > ?1 ORDER BY seq LIMIT ?2"},
  };
  for (const auto& [place, sql] : statements) {
    auto compiled = prepared_statement::prepare(database_.get(), sql);
    if (!compiled) {
      return tl::unexpected{std::move(compiled).error()};
    }
    *place = std::move(*compiled);
  }
  guard_ = file_guard::watch(database_);
  watch_.install(database_.get());
  return {};
}

/// A transaction, since without one each statement that ends commits nothing, under a lock of the whole process. What
/// it reads first takes the snapshot, and tells what the state is.
result<> reader::begin_snapshot() {
  end_snapshot();
  if (const int code = begin_.run(); code != SQLITE_OK) {
    return tl::unexpected{failure_of(database_.get(), code)};
  }
  const auto seq = read_applied_seq_.run_for_number();
  if (!seq) {
    end_snapshot();
    return tl::unexpected{seq.error()};
  }
  snapshot_seq_ = static_cast<std::uint64_t>(*seq);
  return {};
}

void reader::end_snapshot() noexcept {
  if (in_snapshot() && end_.run() != SQLITE_OK) {
    sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

/// Not where SQLite ended it over a failed read.
bool reader::in_snapshot() const noexcept {
  return sqlite3_get_autocommit(database_.get()) == 0;
}

result<row_set> reader::run(const query& question, const read_limits& limits) {
  const auto state = snapshot::take(*this, limits);
  if (!state) {
    return tl::unexpected{state.error()};
  }
  read_watch::scope watched{watch_, limits};
  const auto source = begin_query(question);
  if (!source) {
    return tl::unexpected{source.error()};
  }
  auto spent = watch_.afford(afforded_);
  const budget::scope paying{spent};
  row_stream stream{database_, **source};
  row_set rows;
  const int code = stream.take(std::min(question.max_rows, limits::rows_max), rows);
  if (auto done = result_of(code); !done) {
    return tl::unexpected{std::move(done).error()};
  }
  if (code == SQLITE_ROW) {
    rows.mark_truncated();
  }
  rows.set_seq(snapshot_seq_);
  return rows;
}

result<std::unique_ptr<row_cursor>> reader::start(const query& question, const read_limits& limits) {
  auto state = snapshot::take(*this, limits);
  if (!state) {
    return tl::unexpected{std::move(state).error()};
  }
  read_watch::scope watched{watch_, limits};
  const auto source = begin_query(question);
  if (!source) {
    return tl::unexpected{source.error()};
  }
  return std::make_unique<cursor>(*this, std::move(*state), **source);
}

/// Finds the statement and binds its parameters.
result<cached_statement*> reader::begin_query(const query& question) {
  if (auto within = look_at_limits(); !within) {
    return tl::unexpected{std::move(within).error()};
  }
  auto spent = watch_.afford(afforded_);
  const budget::scope paying{spent};
  auto source = cache_.find(question.statement.sql);
  if (!source) {
    return tl::unexpected{as_told(std::move(source).error())};
  }
  if (auto bound = bind_parameters(**source, question.statement); !bound) {
    return tl::unexpected{std::move(bound).error()};
  }
  fit_page_cache((*source)->sorts);
  return source;
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

result<> reader::look_at_limits() const {
  const auto passed = watch_.look();
  return passed == errc::none ? result<>{} : fail(passed, "the query was not begun");
}

/// What a step of a query came to.
result<> reader::result_of(int code) const {
  if (code == SQLITE_ROW || code == SQLITE_DONE) {
    return {};
  }
  const auto& refusal = database_.rights().refusal();
  return tl::unexpected{refusal ? *refusal : as_told(failure_of(database_.get(), code))};
}

/// What was interrupted failed over the limit that had passed. Temporary files that cannot be used are in the way of
/// this query alone, and nothing is wrong with the connection.
failure reader::as_told(failure found) const {
  if (found.code == errc::deadline_exceeded) {
    return {watch_.interruption(), "the query was interrupted"};
  }
  if (found.code == errc::io_error && budget::overrun()) {
    found.code = errc::unavailable;
  }
  return found;
}

result<std::optional<answer>> reader::recorded_outcome(std::uint64_t seq) {
  reset_at_end guard{find_outcome_};
  sqlite3_bind_int64(find_outcome_.get(), 1, static_cast<sqlite3_int64>(seq));
  const int code = find_outcome_.step();
  if (code != SQLITE_ROW && code != SQLITE_DONE) {
    return tl::unexpected{failure_of(database_.get(), code)};
  }
  if (code == SQLITE_DONE) {
    return std::optional<answer>{};
  }
  const auto first_seq = static_cast<std::uint64_t>(sqlite3_column_int64(find_outcome_.get(), 0));
  outcome_record_reader record{first_seq, blob_at(find_outcome_.get(), 1)};
  auto entry = record.next();
  while (entry && entry->seq < seq) {
    entry = record.next();
  }
  if (record.ok() && (!entry || entry->seq != seq)) {
    return std::optional<answer>{};
  }
  auto reply = entry ? decode_answer(seq, entry->reply) : std::nullopt;
  if (!reply) {
    return fail(errc::corrupt, "the outcome recorded for seq " + std::to_string(seq) + " is damaged");
  }
  return reply;
}

result<quarantine_listing> reader::quarantine(std::uint64_t after, std::uint32_t limit) {
  reset_at_end guard{list_quarantine_};
  auto* const row = list_quarantine_.get();
  sqlite3_bind_int64(row, 1, static_cast<sqlite3_int64>(after));
  quarantine_listing listing;
  std::size_t bytes = 0;
  int code = list_quarantine_.step();
  for (; code == SQLITE_ROW; code = list_quarantine_.step()) {
    const auto record = blob_at(row, 3);
    bytes += record.size();
    if (listing.entries.size() >= limit || (bytes > limits::row_set_bytes_max && !listing.entries.empty())) {
      listing.more = true;
      return listing;
    }
    const auto seq = static_cast<std::uint64_t>(sqlite3_column_int64(row, 0));
    auto item = decode_quarantined(seq, record);
    if (!item) {
      return tl::unexpected{std::move(item).error()};
    }
    listing.entries.push_back({.seq = seq,
                               .accepted_ms = sqlite3_column_int64(row, 1),
                               .deaths = static_cast<std::uint32_t>(sqlite3_column_int64(row, 2)),
                               .work = as_transaction(std::move(*item))});
  }
  if (code != SQLITE_DONE) {
    return tl::unexpected{failure_of(database_.get(), code)};
  }
  return listing;
}

result<quarantine_reasons> reader::quarantine_reasons(std::uint64_t after, std::uint32_t limit) {
  constexpr std::uint32_t reasons_max = 10'000;
  reset_at_end guard{list_reasons_};
  bind_to(list_reasons_, 1, after);
  bind_to(list_reasons_, 2, std::uint64_t{std::min(limit, reasons_max)});
  millrace::quarantine_reasons found;
  int code = list_reasons_.step();
  for (; code == SQLITE_ROW; code = list_reasons_.step()) {
    auto* const row = list_reasons_.get();
    found.entries.push_back({static_cast<std::uint64_t>(sqlite3_column_int64(row, 0)), std::string{blob_at(row, 1)}});
  }
  if (code != SQLITE_DONE) {
    return tl::unexpected{failure_of(database_.get(), code)};
  }
  return found;
}

result<schema_state> reader::schema(std::uint64_t after, std::uint32_t limit) {
  const auto state = snapshot::take(*this, {});
  if (!state) {
    return tl::unexpected{state.error()};
  }
  auto found = read_schema_state(database_, after, limit);
  if (found) {
    found->seq = snapshot_seq_;
  }
  return found;
}

result<std::uint64_t> reader::applied_seq() {
  const auto state = snapshot::take(*this, {});
  return state ? result<std::uint64_t>{snapshot_seq_} : tl::unexpected{state.error()};
}

result<std::vector<std::string>> reader::find_damage(const read_limits& limits) {
  read_watch::scope watched{watch_, limits};
  return sqlite::find_damage(database_, watch_);
}

} // namespace millrace::storage::sqlite
