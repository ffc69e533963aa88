#include "writer.hpp"

#include "error.hpp"
#include "meta.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace millrace::storage::sqlite {

namespace {

constexpr unsigned careful_calls_max = 1'024;

/// The last `seq` of consecutive batches, or what is wrong with them.
result<std::uint64_t> last_seq_of(std::span<const batch_ptr> batches, std::uint64_t applied_seq) {
  auto expected = applied_seq + 1;
  for (const auto& part : batches) {
    if (part->first_seq != expected) {
      return fail(errc::malformed, "a batch begins at seq " + std::to_string(part->first_seq) + ", but seq "
                                     + std::to_string(expected) + " is due");
    }
    expected += part->items.size();
  }
  return expected - 1;
}

} // namespace

result<std::unique_ptr<database_writer>> writer::open(const std::filesystem::path& file,
                                                      const sqlite_options& options) {
  auto database = connection::open(file, role::writer, options);
  if (!database) {
    return tl::unexpected{std::move(database).error()};
  }
  std::unique_ptr<writer> made{new writer{std::move(*database)}};
  if (auto done = made->prepare(options); !done) {
    return tl::unexpected{std::move(done).error()};
  }
  // From here on its actor waits by message, and stays responsive meanwhile.
  sqlite3_busy_timeout(made->database_.get(), 0);
  return made;
}

result<> writer::prepare(const sqlite_options& options) {
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
  and_then([&] { return keep(transaction_, bracket_statements::transaction(database_)); });
  and_then([&] { return keep(item_, bracket_statements::savepoint(database_, "millrace_item")); });
  and_then([&] { return keep(scripts_, script_runner::make(database_)); });
  and_then([&] { return keep(executor_, executor::make(database_, functions_, options.cached_statements)); });
  and_then([&] { return keep(read_schema_version_, prepared_statement::prepare(handle, "PRAGMA schema_version")); });
  and_then([&] { return keep(store_applied_seq_, prepared_statement::prepare(handle, meta::store_applied_seq)); });
  and_then([&]() -> result<> {
    auto read = prepared_statement::prepare(handle, meta::read_applied_seq);
    auto seq = read ? read->run_for_number() : tl::unexpected{std::move(read).error()};
    applied_seq_ = static_cast<std::uint64_t>(seq.value_or(0));
    return seq ? result<>{} : tl::unexpected{std::move(seq).error()};
  });
  checkpointer_.install(handle);
  return done;
}

result<std::vector<answer>> writer::apply(std::span<const batch_ptr> batches) {
  if (commit_failed_) {
    return fail(errc::outcome_unknown, "an earlier commit failed; only a fresh connection knows what it came to");
  }
  if (auto last = last_seq_of(batches, applied_seq_); !last) {
    return tl::unexpected{std::move(last).error()};
  }
  culprits_.clear();
  auto care = choose_caution();
  for (;;) {
    auto done = try_to_apply(batches, care);
    if (done) {
      if (care == caution::none) {
        next_careful_calls_ = std::max(next_careful_calls_ / 2, 1u);
      }
      return std::move(*done);
    }
    switch (done.error().what) {
      case stop::next::give_up:
        return tl::unexpected{std::move(done.error().reason)};
      case stop::next::run_with_savepoints:
        care = caution::savepoints;
        careful_calls_left_ = next_careful_calls_;
        next_careful_calls_ = std::min(next_careful_calls_ * 2, careful_calls_max);
        break;
      case stop::next::run_again:
        break;
    }
  }
}

auto writer::choose_caution() noexcept -> caution {
  if (careful_calls_left_ == 0) {
    return caution::none;
  }
  --careful_calls_left_;
  return caution::savepoints;
}

auto writer::try_to_apply(std::span<const batch_ptr> batches, caution care) -> attempt<std::vector<answer>> {
  const auto give_up = [](failure reason) { return tl::unexpected{stop{stop::next::give_up, std::move(reason)}}; };
  bracket whole{transaction_};
  if (const int code = whole.begin(); code != SQLITE_OK) {
    return give_up(failure_of(database_.get(), code));
  }
  if (auto noticed = notice_schema_change(); !noticed) {
    return give_up(std::move(noticed).error());
  }
  std::vector<answer> answers;
  std::size_t count = 0;
  for (const auto& part : batches) {
    count += part->items.size();
  }
  answers.reserve(count);
  auto seq = applied_seq_;
  for (const auto& part : batches) {
    fixed_clock clock{part->accept_time_ms};
    for (const auto& item : part->items) {
      auto done = apply_item(item, ++seq, care);
      if (!done) {
        return tl::unexpected{std::move(done).error()};
      }
      answers.push_back(std::move(*done));
    }
  }
  if (auto done = commit(whole, seq); !done) {
    return tl::unexpected{std::move(done).error()};
  }
  return answers;
}

auto writer::apply_item(const work& item, std::uint64_t seq, caution care) -> attempt<answer> {
  if (!culprits_.empty()) {
    if (const auto known = culprits_.find(seq); known != culprits_.end()) {
      return answer{tl::unexpected{known->second}};
    }
  }
  const bool is_script = std::holds_alternative<schema_script>(item);
  const bool undoable = care == caution::savepoints || is_script;
  bracket undo{item_};
  if (undoable) {
    if (const int code = undo.begin(); code != SQLITE_OK) {
      return fail_item({reach::call, failure_of(database_.get(), code)}, seq, undoable);
    }
  }
  executor_->begin_work(seq);
  auto done = run_item(item, seq);
  if (is_script) {
    // Compiled statements may know too little of the new schema: a new trigger may call changes().
    executor_->forget_statements();
  }
  if (!done) {
    undo.roll_back();
    return fail_item(std::move(done).error(), seq, undoable);
  }
  if (undoable) {
    if (const int code = undo.commit(); code != SQLITE_OK) {
      return fail_item({reach::call, failure_of(database_.get(), code)}, seq, undoable);
    }
  }
  return answer{std::move(*done)};
}

progress<outcome> writer::run_item(const work& item, std::uint64_t seq) {
  progress<outcome> done;
  if (const auto* script = std::get_if<schema_script>(&item)) {
    if (auto ran = scripts_->run(*script, seq); ran) {
      done = outcome{seq, {}};
    } else {
      done = tl::unexpected{std::move(ran).error()};
    }
  } else {
    done = executor_->run(std::get<transaction>(item), seq);
  }
  if (done) {
    if (auto ended = executor_->end_work(); !ended) {
      return tl::unexpected{std::move(ended).error()};
    }
  }
  return done;
}

auto writer::fail_item(setback trouble, std::uint64_t seq, bool undoable) -> attempt<answer> {
  if (trouble.how_far == reach::call) {
    return tl::unexpected{stop{stop::next::give_up, std::move(trouble.reason)}};
  }
  if (trouble.how_far == reach::ended) {
    // All neighbours are undone with it. They are applied again without it; how it failed follows from what came before
    // it, which will be the same.
    culprits_.emplace(seq, std::move(trouble.reason));
    return tl::unexpected{stop{stop::next::run_again, {}}};
  }
  if (!undoable && executor_->started()) {
    return tl::unexpected{stop{stop::next::run_with_savepoints, {}}};
  }
  return answer{tl::unexpected{std::move(trouble.reason)}};
}

auto writer::commit(bracket& whole, std::uint64_t last_seq) -> attempt<> {
  auto* const handle = database_.get();
  sqlite3_bind_int64(store_applied_seq_.get(), 1, static_cast<sqlite3_int64>(last_seq));
  if (const int code = store_applied_seq_.run(); code != SQLITE_OK) {
    return tl::unexpected{stop{stop::next::give_up, failure_of(handle, code)}};
  }
  if (const int code = whole.commit(); code != SQLITE_OK) {
    auto reason = failure_of(handle, code);
    if (reason.code != errc::locked || sqlite3_get_autocommit(handle) != 0) {
      // SQLite 3.40 can bring such a commit back after reopening, so nobody knows (DESIGN §3).
      commit_failed_ = true;
      database_.abandon();
      reason = {errc::outcome_unknown, "the commit of seq " + std::to_string(applied_seq_ + 1) + " to "
                                         + std::to_string(last_seq) + " failed: " + reason.detail};
    }
    return tl::unexpected{stop{stop::next::give_up, std::move(reason)}};
  }
  applied_seq_ = last_seq;
  return {};
}

result<> writer::notice_schema_change() {
  const auto version = read_schema_version_.run_for_number();
  if (!version) {
    return tl::unexpected{version.error()};
  }
  if (*version != schema_version_) {
    executor_->forget_statements();
    schema_version_ = *version;
  }
  return {};
}

result<checkpoint_report> writer::checkpoint() {
  if (commit_failed_) {
    return fail(errc::outcome_unknown, "an earlier commit failed; only a fresh connection may write");
  }
  return checkpointer_.run(applied_seq_);
}

} // namespace millrace::storage::sqlite

namespace millrace::storage {

result<std::unique_ptr<database_writer>> open_sqlite_writer(const std::filesystem::path& file,
                                                            const sqlite_options& options) {
  return sqlite::writer::open(file, options);
}

} // namespace millrace::storage
