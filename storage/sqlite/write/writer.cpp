#include "writer.hpp"

#include <millrace/storage/base/failpoint.hpp>
#include <millrace/storage/codec/codec.hpp>
#include <millrace/storage/sqlite/common/error.hpp>
#include <millrace/storage/sqlite/common/meta.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace millrace::storage::sqlite {

namespace {

constexpr unsigned careful_calls_max = 1'024;
/// The last `seq` of consecutive batches, or what is wrong with them.
result<std::uint64_t> last_seq_of(std::span<const batch_ptr> batches, std::uint64_t applied_seq) {
  auto due = applied_seq + 1;
  if (!batches.empty()) {
    due = std::min(due, batches.front()->first_seq);
  }
  for (const auto& part : batches) {
    if (part->first_seq != due) {
      return fail(errc::malformed, "a batch begins at seq " + std::to_string(part->first_seq) + ", but seq "
                                     + std::to_string(due) + " is due");
    }
    due += part->items.size();
  }
  return due - 1;
}

bool changes_schema(const work& item) noexcept {
  return std::holds_alternative<schema_script>(item) || std::holds_alternative<schema_change>(item);
}

bool hold_script(std::span<const batch_ptr> batches) {
  return std::ranges::any_of(batches,
                             [](const batch_ptr& part) { return std::ranges::any_of(part->items, changes_schema); });
}

/// Where a call ends whose work begins after `applied_seq`: what has a timeout begins a call, since what is interrupted
/// behind others runs a second time.
std::uint64_t end_before_timeout(std::span<const batch_ptr> batches, std::uint64_t applied_seq, std::uint64_t last) {
  for (const auto& part : batches) {
    for (auto seq = std::max(part->first_seq, applied_seq + 2); seq <= part->last_seq(); ++seq) {
      const auto* const change = std::get_if<schema_change>(&part->items[seq - part->first_seq]);
      if (change != nullptr && change->timeout.count() > 0) {
        return seq - 1;
      }
    }
  }
  return last;
}

/// What a transaction's deadline leaves it to compute; 0 is no wish. What was told to be durable has none.
std::chrono::milliseconds own_time_of(const transaction* changes) {
  return changes != nullptr && changes->acknowledgement == ack::applied ? changes->deadline
                                                                        : std::chrono::milliseconds{0};
}

} // namespace

result<std::unique_ptr<database_writer>> writer::open(const settings& chosen, std::shared_ptr<fence> gate) {
  // First, so that nobody changes what is read from here on.
  const auto pass = gate->renew();
  auto database = connection::open(chosen, role::writer);
  if (!database) {
    return tl::unexpected{std::move(database).error()};
  }
  std::unique_ptr<writer> made{new writer{std::move(*database), std::move(gate), pass}};
  if (auto done = made->prepare(chosen); !done) {
    return tl::unexpected{std::move(done).error()};
  }
  // From here on its actor waits by message, and stays responsive meanwhile.
  sqlite3_busy_timeout(made->database_.get(), 0);
  return made;
}

result<> writer::prepare(const settings& chosen) {
  const auto keep = [](auto& place, auto made) -> result<> {
    if (!made) {
      return tl::unexpected{std::move(made).error()};
    }
    place = std::move(*made);
    return {};
  };
  auto* const handle = database_.get();
  auto done = functions_.install(handle);
  const auto and_then = [&done](auto&& step) {
    if (done) {
      done = step();
    }
  };
  // A copy that took the place of the one that was prepared need not be in this mode.
  and_then([&] { return database_.execute("PRAGMA journal_mode = WAL"); });
  // First, so that whatever somebody else commits while the rest is read is noticed.
  and_then([&] { return keep(read_data_version_, prepared_statement::prepare(handle, "PRAGMA data_version")); });
  and_then([&]() -> result<> {
    auto version = read_data_version_.run_for_number();
    data_version_ = version.value_or(0);
    return version ? result<>{} : tl::unexpected{std::move(version).error()};
  });
  and_then([&] { return functions_.find_full_tables(); });
  and_then([&] { return keep(transaction_, bracket_statements::transaction(database_)); });
  and_then([&] { return keep(item_, bracket_statements::savepoint(database_, "millrace_item")); });
  and_then([&] { return keep(scripts_, script_runner::make(database_, functions_, watch_)); });
  and_then([&] { return keep(executor_, executor::make(database_, functions_, watch_, chosen.cached_statements)); });
  and_then([&] { return keep(outcomes_, outcome_store::make(database_, chosen.outcomes)); });
  and_then([&] { return keep(quarantine_, quarantine_table::make(database_)); });
  and_then([&] { return keep(store_position_, prepared_statement::prepare(handle, meta::store_position)); });
  and_then([&] { return keep(read_position_, prepared_statement::prepare(handle, meta::read_position)); });
  and_then([&] {
    return read_position().map([this](const log_position& found) {
      applied_seq_ = found.seq;
      applied_chain_ = found.chain;
    });
  });
  guard_ = file_guard::watch(database_);
  watch_.install(handle, chosen.transaction_time_max, chosen.transaction_pages_max);
  query_files_ = chosen.space;
  own_files_.emplace(query_files_->folder(), 0);
  afforded_ = chosen.afforded;
  afforded_.space = &*own_files_;
  checkpointer_.install(handle);
  return done;
}

result<log_position> writer::read_position() {
  reset_at_end guard{read_position_};
  const auto seq = read_position_.first_number();
  if (!seq) {
    return tl::unexpected{seq.error()};
  }
  return log_position{static_cast<std::uint64_t>(*seq),
                      static_cast<std::uint64_t>(sqlite3_column_int64(read_position_.get(), 1))};
}

/// Held as long as a call runs. Empty where this connection must not be used any more; `useless_` says why.
std::unique_lock<std::mutex> writer::enter() {
  auto inside = gate_->enter(pass_);
  if (!inside && !useless_) {
    give_up_connection({errc::unavailable, "another writer was opened after this one"});
  }
  return useless_ ? std::unique_lock<std::mutex>{} : std::move(inside);
}

trouble writer::in_trouble(failure why, std::uint64_t suspects, bool proven) const {
  const auto next = useless_ ? remedy::reopen : proven ? remedy::same_connection : remedy_after(why.code);
  return {std::move(why), next, suspects, proven};
}

tl::expected<std::vector<answer>, trouble> writer::apply(std::span<const batch_ptr> batches, attempt_mark& mark,
                                                         const write_limits& limits) {
  const auto inside = enter();
  if (!inside) {
    return tl::unexpected{in_trouble(*useless_)};
  }
  const auto last = last_seq_of(batches, applied_seq_);
  if (!last) {
    return tl::unexpected{in_trouble(last.error())};
  }
  if (*last <= applied_seq_) {
    return {};
  }
  watch_.begin_call(limits);
  query_files_taken_ = query_files_->times_taken();
  const auto end = end_before_timeout(batches, applied_seq_, *last);
  mark.begin(applied_seq_ + 1, end);
  auto answers = apply_somehow(batches, {mark, end, choose_caution(), {}});
  mark.end();
  if (answers) {
    query_files_->withhold(false);
  }
  return answers;
}

auto writer::choose_caution() noexcept -> caution {
  if (careful_calls_left_ == 0) {
    return caution::none;
  }
  --careful_calls_left_;
  return caution::savepoints;
}

tl::expected<std::vector<answer>, trouble> writer::apply_somehow(std::span<const batch_ptr> batches, plan aim) {
  for (;;) {
    auto done = try_to_apply(batches, aim);
    if (done) {
      if (aim.care == caution::none) {
        next_careful_calls_ = std::max(next_careful_calls_ / 2, 1u);
      }
      return std::move(*done);
    }
    auto& [what, reason, seq, suspects, proven] = done.error();
    if (suspects > 0 && !useless_) {
      forget_own_rollback();
    }
    if (take_back_room(reason)) {
      return tl::unexpected{in_trouble(std::move(reason))};
    }
    switch (what) {
      case stop::next::give_up:
        return tl::unexpected{in_trouble(std::move(reason), suspects)};
      case stop::next::call_off:
        return tl::unexpected{trouble{std::move(reason), remedy::none}};
      case stop::next::run_with_savepoints:
        aim.care = caution::savepoints;
        careful_calls_left_ = next_careful_calls_;
        next_careful_calls_ = std::min(next_careful_calls_ * 2, careful_calls_max);
        break;
      case stop::next::leave_out:
        if (seq == applied_seq_ + 1) {
          aim.first_failure = std::move(reason);
          aim.last_seq = seq;
        } else {
          aim.last_seq = seq - 1;
        }
        break;
      case stop::next::run_before: {
        const auto before = seq - applied_seq_ - 1;
        if (before == 0) {
          return tl::unexpected{in_trouble(std::move(reason), suspects, proven)};
        }
        // What stood before it has fitted once. Where it may be the machine, though, that may not be said any more.
        aim.last_seq = applied_seq_ + (suspects > 0 && !proven ? (before + 1) / 2 : before);
        watch_.forget_deadline();
        break;
      }
    }
  }
}

auto writer::try_to_apply(std::span<const batch_ptr> batches, const plan& aim) -> attempt<std::vector<answer>> {
  const auto give_up = [](failure reason) { return tl::unexpected{stop{stop::next::give_up, std::move(reason)}}; };
  sort_in_files(hold_script(batches));
  bracket whole{transaction_};
  if (const int code = whole.begin(); code != SQLITE_OK) {
    return give_up(failure_of(database_.get(), code));
  }
  if (auto ready = look_around(); !ready) {
    return give_up(std::move(ready).error());
  }
  if (std::exchange(schema_in_doubt_, false)) {
    if (auto done = forget_schema(); !done) {
      return give_up(std::move(done).error());
    }
  }
  failpoint("apply.begun");
  outcomes_->record.clear();
  clock_.begin();
  std::vector<answer> answers;
  answers.reserve(aim.last_seq - applied_seq_);
  std::uint64_t chain = 0;
  std::int64_t recorded_ms = 0;
  for (const auto& part : batches) {
    if (applied_seq_ + answers.size() == aim.last_seq || outcomes_->record.full()
        || (!answers.empty() && (watch_.call_is_over() || clock_.is_over()))) {
      break;
    }
    const auto recorded = outcomes_->record.count();
    if (auto done = run_batch(*part, aim, answers); !done) {
      return tl::unexpected{std::move(done).error()};
    }
    chain = part->chain;
    recorded_ms = outcomes_->record.count() > recorded ? part->accept_time_ms : recorded_ms;
  }
  aim.mark.at(0);
  if (auto done = commit(whole, {applied_seq_ + answers.size(), chain}, recorded_ms); !done) {
    return tl::unexpected{std::move(done).error()};
  }
  return answers;
}

auto writer::run_batch(const batch& part, const plan& aim, std::vector<answer>& answers) -> attempt<> {
  fixed_clock clock{part.accept_time_ms};
  accept_time_ms_ = part.accept_time_ms;
  auto seq = applied_seq_ + answers.size() + 1;
  auto skipped = std::ranges::lower_bound(part.skipped, seq, {}, &skipped_work::seq);
  for (const auto last = std::min(part.last_seq(), aim.last_seq); seq <= last; ++seq) {
    const auto& item = part.items[seq - part.first_seq];
    attempt<answer> done;
    const auto* const order = skipped != part.skipped.end() && skipped->seq == seq ? &*skipped++ : nullptr;
    came_to_end_ = order != nullptr && order->why == errc::none;
    if (order != nullptr && !came_to_end_) {
      done = skip_item(item, part.accept_time_ms, *order, aim.mark);
    } else {
      done = apply_item(item, seq, aim);
    }
    if (!done) {
      return tl::unexpected{std::move(done).error()};
    }
    answers.push_back(std::move(*done));
    clock_.note(seq);
    failpoint("apply.between_items");
    if (const auto bound = name_of(item, answers.back()); bound.name.given()) {
      auto& record = outcomes_->record;
      record.add(bound, seq, answers.back());
      if (record.full()) {
        break;
      }
    }
    if (clock_.is_over()) {
      break;
    }
  }
  return {};
}

auto writer::skip_item(const work& item, std::int64_t accept_time_ms, const skipped_work& order, attempt_mark& mark)
  -> attempt<answer> {
  mark.at(0);
  watch_.end_work();
  auto detail = "seq " + std::to_string(order.seq) + " was not applied";
  if (const auto* const change = std::get_if<schema_change>(&item); change && order.why == errc::deadline_exceeded) {
    return answer{tl::unexpected{overrun(*change)}};
  }
  if (order.why == errc::deadline_exceeded && order.deaths > 0) {
    detail += ": what its program had sent before it took the writer too long, and others waited";
  }
  if (order.why == errc::quarantined) {
    detail += order.deaths == 0 ? ", as an operator wished" : "";
    detail += order.deaths > 1 ? ": each of " + std::to_string(order.deaths) + " attempts at it failed" : "";
    detail += order.reason.empty() ? "" : ": " + order.reason;
    // An order about work in quarantine says nothing that is worth keeping; what it is about stays there.
    if (!std::holds_alternative<quarantine_order>(item)) {
      if (auto done = quarantine_->put(order, accept_time_ms, item); !done) {
        return tl::unexpected{stop{stop::next::give_up, std::move(done).error()}};
      }
    }
  }
  if (order.why == errc::too_large) {
    detail += ": it changes more pages than one transaction may";
  }
  return answer{tl::unexpected{failure{order.why, std::move(detail)}}};
}

auto writer::apply_item(const work& item, std::uint64_t seq, const plan& aim) -> attempt<answer> {
  if (aim.first_failure) {
    return answer{tl::unexpected{*aim.first_failure}};
  }
  aim.mark.at(seq);
  failpoint("apply.item_marked");
  const auto* const changes = std::get_if<transaction>(&item);
  watch_.begin_work(seq == applied_seq_ + 1, own_time_of(changes));
  if (changes != nullptr && says_forgotten(*changes)) {
    return answer{tl::unexpected{failure{errc::name_forgotten, "number " + std::to_string(changes->name.number)}}};
  }
  const bool undoable = aim.care == caution::savepoints || changes == nullptr;
  bracket undo{item_};
  if (undoable) {
    if (const int code = undo.begin(); code != SQLITE_OK) {
      return fail_item(set_back(failure_of(database_.get(), code)).value(), seq, undoable);
    }
  }
  auto done = executor_->begin_work(seq).and_then([&] { return run_item(item, seq); });
  if (done && watch_.look_at_end() != runaway_watch::finding::none) {
    done = set_back({errc::io_error, "it was not interrupted in time"});
  }
  // Where there is no memory or no room, SQLite may end the surrounding transaction and commit each statement after it.
  const bool outside = sqlite3_get_autocommit(database_.get()) != 0;
  if (outside && (done || done.error().how_far == reach::group || done.error().how_far == reach::item)) {
    return fail_item(set_back({errc::io_error, "SQLite ended the surrounding transaction"}).value(), seq, undoable);
  }
  if (!done) {
    if (const int code = undo.roll_back(); code != SQLITE_OK) {
      return fail_item(set_back(failure_of(database_.get(), code)).value(), seq, undoable);
    }
  }
  if (done && undoable) {
    if (const int code = undo.commit(); code != SQLITE_OK) {
      return fail_item(set_back(database_.get(), code).value(), seq, undoable);
    }
  }
  if (std::exchange(ran_script_, false)) {
    auto forgotten = forget_schema();
    if (!forgotten && (done || done.error().how_far != reach::culprit)) {
      return fail_item({reach::call, std::move(forgotten).error()}, seq, undoable);
    }
  }
  return done ? answer{std::move(*done)} : fail_item(std::move(done).error(), seq, undoable);
}

/// Compiled statements may know too little of a new schema: a new trigger may call changes(). And the connection keeps
/// the statistics that a script gathered though that was rolled back, and does not see those that one wrote itself,
/// until it reads the schema anew (SQLite: pragma.html, writable_schema). What it plans by must be what the database
/// holds.
result<> writer::forget_schema() {
  executor_->forget_statements();
  return database_.execute("PRAGMA writable_schema = RESET");
}

progress<outcome> writer::run_item(const work& item, std::uint64_t seq) {
  progress<outcome> done;
  if (const auto* changes = std::get_if<transaction>(&item)) {
    auto spent = watch_.afford(afforded_);
    const budget::scope paying{spent};
    done = executor_->run(*changes, seq);
  } else if (changes_schema(item)) {
    done = run_script(item, seq);
  } else if (const auto* order = std::get_if<quarantine_order>(&item)) {
    return obey(*order, seq);
  } else {
    // What it says of its neighbours stands beside them already.
    return outcome{seq, {}};
  }
  if (done) {
    if (auto ended = executor_->end_work(); !ended) {
      return tl::unexpected{std::move(ended).error()};
    }
  }
  return done;
}

/// A schema script or change.
progress<outcome> writer::run_script(const work& item, std::uint64_t seq) {
  const auto* const script = std::get_if<schema_script>(&item);
  const auto* const change = std::get_if<schema_change>(&item);
  if (script != nullptr || change->backfill.empty()) { // A backfill changes rows alone.
    schema_in_doubt_ = true;
    ran_script_ = true;
  }
  // It may have a whole table to change.
  const bool timed = script == nullptr && !came_to_end_;
  watch_.lift_limits(timed ? change->timeout : std::chrono::milliseconds{0});
  budget spent{{.space = &*own_files_}};
  const budget::scope paying{spent};
  if (script != nullptr) {
    return scripts_->run(*script, seq, accept_time_ms_).map([seq] { return outcome{seq, {}}; });
  }
  return scripts_->run(*change, seq, accept_time_ms_).map([seq](const ran_script& ran) {
    outcome done{seq, {}};
    if (ran.rows_covered) {
      done.results.push_back({.rows_changed = static_cast<std::int64_t>(*ran.rows_covered)});
    }
    return done;
  });
}

progress<outcome> writer::obey(const quarantine_order& order, std::uint64_t seq) {
  resubmitted_ = {};
  const auto item = quarantine_->take(order.seq);
  if (!item) {
    return set_back(item.error());
  }
  if (order.what == quarantine_order::action::discard) {
    return outcome{seq, {}};
  }
  auto done = run_item(*item, seq);
  if (const auto* changes = std::get_if<transaction>(&*item); changes != nullptr && done) {
    resubmitted_ = bound_name_of(*changes, scratch_);
  }
  return done;
}

bound_name writer::name_of(const work& item, const answer& reply) {
  if (const auto* changes = std::get_if<transaction>(&item)) {
    return changes->name.given() ? bound_name_of(*changes, scratch_) : bound_name{};
  }
  const bool obeyed = std::holds_alternative<quarantine_order>(item) && reply;
  return obeyed ? resubmitted_ : bound_name{};
}

auto writer::commit(bracket& whole, const log_position& end, std::int64_t recorded_ms) -> attempt<> {
  auto* const handle = database_.get();
  watch_.end_work();
  if (auto stored = outcomes_->store(recorded_ms); !stored) {
    return tl::unexpected{stop_all(std::move(stored).error(), end.seq)};
  }
  failpoint("apply.outcomes_stored");
  if (auto counted = quarantine_->count(); !counted) {
    return tl::unexpected{stop{stop::next::give_up, std::move(counted).error()}};
  }
  sqlite3_bind_int64(store_position_.get(), 1, static_cast<sqlite3_int64>(end.seq));
  sqlite3_bind_int64(store_position_.get(), 2, static_cast<sqlite3_int64>(end.chain));
  if (const int code = store_position_.run(); code != SQLITE_OK) {
    return tl::unexpected{stop_all(failure_of(handle, code), end.seq)};
  }
  failpoint("apply.before_commit");
  if (const int code = whole.commit(); code != SQLITE_OK) {
    return tl::unexpected{stop_commit(code, end.seq)};
  }
  failpoint("apply.after_commit");
  applied_seq_ = end.seq;
  applied_chain_ = end.chain;
  schema_in_doubt_ = false;
  outcomes_->committed();
  quarantine_->committed();
  return {};
}

/// A script may sort a whole table, a transaction no more than its memory. Outside of transactions alone SQLite can
/// always change it; where it cannot, it goes on as before.
void writer::sort_in_files(bool wanted) {
  if (wanted != sorts_in_files_ && database_.execute(wanted ? "PRAGMA temp_store=FILE" : "PRAGMA temp_store=MEMORY")) {
    sorts_in_files_ = wanted;
  }
}

tl::expected<checkpoint_report, trouble> writer::checkpoint(std::uint32_t journal_max) {
  const auto inside = enter();
  if (!inside) {
    return tl::unexpected{in_trouble(*useless_)};
  }
  if (auto ready = look_around(); !ready) {
    return tl::unexpected{in_trouble(std::move(ready).error())};
  }
  return checkpointer_.run(applied_seq_, journal_max);
}

} // namespace millrace::storage::sqlite
