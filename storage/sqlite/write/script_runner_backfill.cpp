#include "script_runner.hpp"

#include <millrace/storage/base/failpoint.hpp>
#include <millrace/storage/sqlite/common/error.hpp>

#include <string>
#include <utility>

/// Migrations in parts.
namespace millrace::storage::sqlite {

namespace {

std::string text_of(const std::string& set, const backfill_progress& one) {
  return "backfill " + set + '/' + std::to_string(one.version) + ' ' + one.name;
}

} // namespace

/// Whether a change is applied already; `schema_conflict` where it is not its time.
progress<bool> script_runner::holds(const schema_change& change, const under_way& backfill) {
  const auto wrong = [](std::string why) { return set_back({errc::schema_conflict, std::move(why)}); };
  const bool its = backfill && !change.migrations.empty() && change.migrations.back().version == backfill->version;
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
                 + (its ? " is under way with another text; put that back, or begin anew after `millrace migrate down`"
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
  constexpr manner rows_alone{.who = authority::transaction};
  auto part = next_keys(*owner_, change.backfill, now.reached, change.rows_max);
  auto done = part && now.rows_done == 0 ? run_pieces(pieces_of(change.before), rows_alone) : progress<>{};
  if (!part) {
    done = tl::unexpected{std::move(part).error()};
  }
  done = done.and_then(
    [&] { return run_statements(change.sql, {.who = authority::transaction, .guard = nullptr, .part = &*part}); });
  if (done && part->rows < change.rows_max) {
    done = run_pieces(pieces_of(change.after), rows_alone);
  }
  if (!done) {
    done.error().reason.detail = label_of(change) + done.error().reason.detail;
    return tl::unexpected{std::move(done).error()};
  }
  now.rows_done += part->rows;
  if (part->rows > 0) {
    now.reached = std::move(part->last);
  }
  return ran_script{{}, sqlite3_total_changes64(owner_->get()) - changed, part->rows};
}

/// Of a backfill that is at its end, or taken back, nothing is kept.
progress<> script_runner::keep(const schema_change& change, const backfill_progress& now, bool goes_on) {
  const bool rests = change.step == schema_step::pause || change.step == schema_step::resume;
  auto stored = goes_on || rests ? backfills_.put(change.set, now) : backfills_.forget(change.set);
  failpoint("backfill.recorded");
  return stored;
}

} // namespace millrace::storage::sqlite
