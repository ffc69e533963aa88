#include "writer.hpp"

#include <millrace/storage/base/failpoint.hpp>
#include <millrace/storage/sqlite/common/error.hpp>

#include <chrono>
#include <utility>

/// Schema changes that are tried and taken back.
namespace millrace::storage::sqlite {

tl::expected<rehearsal, trouble> writer::rehearse(std::span<const schema_change> changes, std::int64_t now_ms,
                                                  const write_limits& limits) {
  const auto inside = enter();
  if (!inside) {
    return tl::unexpected{in_trouble(*useless_)};
  }
  watch_.begin_call(limits);
  sort_in_files(true);
  bracket whole{transaction_};
  if (const int code = whole.begin(); code != SQLITE_OK) {
    return tl::unexpected{in_trouble(failure_of(database_.get(), code))};
  }
  if (auto ready = look_around(); !ready) {
    return tl::unexpected{in_trouble(std::move(ready).error())};
  }
  const fixed_clock clock{now_ms};
  accept_time_ms_ = now_ms;
  schema_rehearsed all;
  progress<> done;
  for (auto seq = applied_seq_ + 1; const auto& change : changes) {
    auto one = rehearse_one(change, seq++);
    if (!one) {
      using finding = runaway_watch::finding;
      done = watch_.found() == finding::overtime ? set_back(overrun(change)) : tl::unexpected{std::move(one).error()};
      break;
    }
    all.changes.push_back(std::move(*one));
  }
  watch_.end_work();
  failpoint("rehearse.before_rollback");
  const int undone = whole.roll_back();
  auto forgotten = forget_schema();
  if (undone != SQLITE_OK || !forgotten) {
    const auto why = undone != SQLITE_OK ? failure_of(database_.get(), undone) : std::move(forgotten).error();
    return tl::unexpected{in_trouble(give_up_connection(why))};
  }
  forget_own_rollback();
  return judge(std::move(done), std::move(all));
}

progress<rehearsed_change> writer::rehearse_one(const schema_change& change, std::uint64_t seq) {
  watch_.begin_work(seq == applied_seq_ + 1, std::chrono::milliseconds{0});
  watch_.lift_limits(change.timeout, true); // Nobody is to wait for what nobody keeps.
  budget spent{{.space = &*own_files_}};
  const budget::scope paying{spent};
  const auto begun = std::chrono::steady_clock::now();
  return executor_->begin_work(seq)
    .and_then([&] { return scripts_->run(change, seq, accept_time_ms_); })
    .and_then([&](ran_script ran) {
      return executor_->end_work().map([&] {
        const auto took = std::chrono::steady_clock::now() - begun;
        return rehearsed_change{std::chrono::duration_cast<std::chrono::microseconds>(took), ran.rows_changed,
                                std::move(ran.differences)};
      });
    });
}

/// Of what depends on the machine the asker is told, too: it may try again.
tl::expected<rehearsal, trouble> writer::judge(progress<> done, schema_rehearsed all) const {
  if (done) {
    return rehearsal{std::move(all)};
  }
  using finding = runaway_watch::finding;
  if (watch_.found() == finding::called_off) {
    return tl::unexpected{trouble{{errc::unavailable, "it was called off"}, remedy::none}};
  }
  return rehearsal{
    tl::unexpected{watch_.found() == finding::none || watch_.found() == finding::overtime
                     ? std::move(done).error().reason
                     : failure{errc::deadline_exceeded, "it was interrupted, as nothing else is applied meanwhile"}}};
}

} // namespace millrace::storage::sqlite
