#include "script_runner.hpp"

#include <millrace/storage/base/failpoint.hpp>
#include <millrace/storage/sqlite/common/error.hpp>
#include <millrace/storage/sqlite/common/names.hpp>
#include <millrace/storage/sqlite/common/sql_tokens.hpp>
#include <millrace/storage/sqlite/common/table_key.hpp>

#include <string>
#include <string_view>
#include <utility>

/// Migrations in parts.
namespace millrace::storage::sqlite {

namespace {

std::string text_of(const std::string& set, const backfill_progress& one) {
  return "backfill " + set + '/' + std::to_string(one.version) + ' ' + one.name;
}

bool names_row_id(std::string_view sql) {
  token_reader tokens{sql};
  for (auto token = tokens.next(); !token.empty(); token = tokens.next()) {
    if (same(token, "rowid") || same(token, "_rowid_") || same(token, "oid")) {
      return true;
    }
  }
  return false;
}

} // namespace

/// Whether a change is applied already; `schema_conflict` where it is not its time.
progress<bool> script_runner::holds(const schema_change& change, const under_way& backfill) {
  const auto wrong = [](std::string why) { return set_back({errc::schema_conflict, std::move(why)}); };
  const bool its = backfill && !change.migrations.empty() && change.migrations.back().version == backfill->version;
  if (change.goes_on && !backfill) {
    auto ended = record_.holds(change);
    return !ended || *ended ? std::move(ended) : wrong(label_of(change) + "it was taken back meanwhile");
  }
  const bool goes_on = its && change.step == schema_step::up && change.migrations.back().chain == backfill->chain;
  if (change.step == schema_step::pause || change.step == schema_step::resume) {
    return its ? progress<bool>{backfill->paused == (change.step == schema_step::pause)}
               : wrong("no backfill of that migration is under way");
  }
  if (its && change.step == schema_step::down) {
    return false;
  }
  if (backfill && !goes_on) {
    return wrong(text_of(change.set, *backfill)
                 + (its && change.step == schema_step::up
                      ? " is under way with another text; put that back, or begin anew after `millrace migrate down`"
                      : " is under way; `millrace migrate up` ends it, and `millrace migrate down` takes it back"));
  }
  if (goes_on && backfill->paused) {
    return wrong(text_of(change.set, *backfill) + " is paused; `millrace migrate resume` lets it go on");
  }
  return record_.holds(change);
}

/// Runs a backfill's statements for the next rows of its table.
progress<ran_script> script_runner::run_part(const schema_change& change, backfill_progress& now) {
  const auto changed = sqlite3_total_changes64(owner_->get());
  const auto key = key_of(*owner_, change.backfill);
  auto part = key ? next_keys(*owner_, change.backfill, *key, now.reached, change.rows_max) : set_back(key.error());
  if (key && !key->has_a_column && !names_row_id(change.sql)) {
    part = set_back({errc::parameter_mismatch, "no column of " + change.backfill
                                                 + " is its row id, by which its parts are; say `WHERE " + key->sql
                                                 + " BETWEEN :first AND :last`"});
  }
  const auto done = part ? run_around(change, *key, *part, now.rows_done == 0) : tl::unexpected{part.error()};
  if (!done) {
    auto trouble = done.error();
    auto& [code, detail, after] = trouble.reason;
    detail = label_of(change) + (code == errc::not_permitted ? "a backfill and its hooks change rows alone: " : "")
             + detail;
    return tl::unexpected{std::move(trouble)};
  }
  now.rows_done += part->rows;
  if (part->rows > 0) {
    now.reached = std::move(part->last);
  }
  return ran_script{{}, sqlite3_total_changes64(owner_->get()) - changed, part->rows};
}

/// With the hooks beside it, at its beginning and its end. A statement that means other rows than its part's would
/// change them once more with theirs.
progress<> script_runner::run_around(const schema_change& change, const table_key& key, const key_range& part,
                                     bool first) {
  constexpr manner rows_alone{.who = authority::transaction};
  return (first ? run_pieces(pieces_of(change.before), rows_alone) : progress<>{})
    .and_then([&] {
      const part_watch watch{*owner_, change.backfill, key, part};
      return run_statements(change.sql,
                            {.who = authority::transaction, .guard = nullptr, .part = &part, .watch = &watch});
    })
    .and_then(
      [&] { return part.rows < change.rows_max ? run_pieces(pieces_of(change.after), rows_alone) : progress<>{}; })
    .and_then([this] { return check_deferred_keys(); });
}

/// Of a backfill that is at its end, or taken back, nothing is kept.
progress<> script_runner::keep(const schema_change& change, const backfill_progress& now, bool goes_on) {
  const bool rests = change.step == schema_step::pause || change.step == schema_step::resume;
  auto stored = goes_on || rests ? backfills_.put(change.set, now) : backfills_.forget(change.set);
  failpoint("backfill.recorded");
  return stored;
}

} // namespace millrace::storage::sqlite
