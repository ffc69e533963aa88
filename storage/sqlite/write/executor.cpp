#include "executor.hpp"

#include <millrace/messages/limits.hpp>
#include <millrace/storage/sqlite/common/error.hpp>
#include <millrace/storage/sqlite/common/parameters.hpp>
#include <millrace/storage/sqlite/common/rows.hpp>

#include <utility>

namespace millrace::storage::sqlite {

result<executor> executor::make(connection& owner, log_functions& functions, runaway_watch& watch,
                                int cached_statements) {
  auto group = bracket_statements::savepoint(owner, "millrace_group");
  if (!group) {
    return tl::unexpected{std::move(group).error()};
  }
  // Any statement that could change rows sets changes() to what it did change.
  auto clear_changes = prepared_statement::prepare(owner.get(), "DELETE FROM millrace_schema WHERE name IS NULL");
  if (!clear_changes) {
    return tl::unexpected{std::move(clear_changes).error()};
  }
  return executor{owner, functions, watch, cached_statements, std::move(*group), std::move(*clear_changes)};
}

executor::executor(connection& owner, log_functions& functions, runaway_watch& watch, int cached_statements,
                   bracket_statements group, prepared_statement clear_changes)
  : owner_(&owner),
    functions_(&functions),
    watch_(&watch),
    cache_(owner, authority::transaction, cached_statements),
    group_(std::move(group)),
    clear_changes_(std::move(clear_changes)) {}

progress<> executor::begin_work(std::uint64_t seq) {
  seq_ = seq;
  started_ = false;
  changes_known_ = false;
  if (auto ready = functions_->begin_work(seq); !ready) {
    return set_back(std::move(ready).error());
  }
  return {};
}

progress<outcome> executor::run(const transaction& work, std::uint64_t seq) {
  if (const auto depth = group_depth(work); !depth || *depth > limits::group_depth_max) {
    return set_back({errc::malformed, "seq " + std::to_string(seq) + ": its groups overlap or leave the transaction"});
  }
  work_ = &work;
  next_group_ = 0;
  results_.clear();
  rows_bytes_ = 0;
  results_.resize(work.statements.size());
  if (auto done = run_range(0, work.statements.size()); !done) {
    return tl::unexpected{std::move(done).error()};
  }
  outcome result;
  result.seq = seq;
  // Who sends a name again may ask for more than the first one did.
  if (work.acknowledgement == ack::applied || work.name.given()) {
    result.results = std::move(results_);
  }
  return result;
}

progress<> executor::end_work() {
  int open = 0;
  int highest = 0;
  sqlite3_db_status(owner_->get(), SQLITE_DBSTATUS_DEFERRED_FKS, &open, &highest, 0);
  if (open != 0) {
    // SQLite would fail the COMMIT, and all neighbours with it.
    return set_back(
      {errc::constraint, "seq " + std::to_string(seq_) + ": a deferred FOREIGN KEY constraint is violated at the end"});
  }
  return check_row_ids();
}

progress<> executor::run_range(std::size_t first, std::size_t last) {
  const auto& groups = work_->groups;
  while (first < last || (next_group_ < groups.size() && groups[next_group_].first < last)) {
    if (next_group_ < groups.size() && groups[next_group_].first == first) {
      const auto& part = groups[next_group_++];
      if (auto done = run_group(part); !done) {
        return done;
      }
      first += part.count;
    } else if (auto done = run_statement(first++); !done) {
      return done;
    }
  }
  return {};
}

progress<> executor::run_group(const group& part) {
  const auto end = std::size_t{part.first} + part.count;
  if (part.policy == on_error::abort_transaction) {
    // It needs no savepoint: what fails in it is undone with the whole transaction.
    auto done = run_range(part.first, end);
    if (!done && done.error().how_far == reach::group) {
      done.error().how_far = reach::item;
    }
    return done;
  }
  const auto carried_row_id = functions_->carried_row_id;
  bracket undo{group_};
  if (const int code = undo.begin(); code != SQLITE_OK) {
    return set_back(failure_of(owner_->get(), code));
  }
  auto done = run_range(part.first, end);
  if (done) {
    const int code = undo.commit();
    return code == SQLITE_OK ? progress<>{} : set_back(failure_of(owner_->get(), code));
  }
  if (done.error().how_far != reach::group) {
    return done;
  }
  if (const int code = undo.roll_back(); code != SQLITE_OK) {
    return tl::unexpected{setback{reach::call, failure_of(owner_->get(), code)}};
  }
  functions_->carried_row_id = carried_row_id;
  for (auto index = std::size_t{part.first}; index < end; ++index) {
    results_[index] = statement_result{};
    results_[index].error = done.error().reason;
  }
  const auto& groups = work_->groups;
  while (next_group_ < groups.size() && groups[next_group_].first < end) {
    ++next_group_;
  }
  return {};
}

progress<> executor::run_statement(std::size_t index) {
  if (watch_->ends_before_statement()) {
    return locate(set_back({errc::deadline_exceeded, "what stands before it took too much"}), index);
  }
  const auto& source = work_->statements[index];
  auto& result = results_[index];
  auto target = cache_.find(source.sql);
  if (!target) {
    return locate(set_back(std::move(target).error()), index);
  }
  if (auto bound = bind_parameters(**target, source); !bound) {
    return locate(set_back(std::move(bound).error()), index);
  }
  if (auto done = run_prepared(**target, result); !done) {
    return locate(tl::unexpected{std::move(done).error()}, index);
  }
  if (source.expected_rows != statement::any_row_count && source.expected_rows != result.rows_changed) {
    return locate(set_back({errc::row_count_mismatch, std::to_string(result.rows_changed) + " rows changed, "
                                                        + std::to_string(source.expected_rows) + " were expected"}),
                  index);
  }
  return {};
}

progress<> executor::run_prepared(cached_statement& target, statement_result& into) {
  if (target.uses_changes) {
    if (auto done = clear_changes(); !done) {
      return done;
    }
  }
  started_ = true;
  auto* const database = owner_->get();
  sqlite3_set_last_insert_rowid(database, 0);
  if (auto done = collect(target, into); !done) {
    return done;
  }
  if (target.reads_only) {
    return {};
  }
  changes_known_ = true;
  into.rows_changed = sqlite3_changes64(database);
  into.last_row_id = sqlite3_last_insert_rowid(database);
  if (into.last_row_id != 0) {
    functions_->carried_row_id = into.last_row_id;
  }
  return check_row_ids();
}

progress<> executor::check_row_ids() {
  return functions_->has_row_id_fault() ? progress<>{set_back({errc::not_permitted, functions_->take_row_id_fault()})}
                                        : progress<>{};
}

progress<> executor::collect(cached_statement& target, statement_result& into) {
  auto& prepared = target.prepared;
  auto* const database = owner_->get();
  int code = SQLITE_OK;
  {
    reset_at_end guard{prepared};
    code = prepared.step();
    if (code == SQLITE_ROW) {
      into.rows = row_set{target.columns};
    }
    for (; code == SQLITE_ROW; code = prepared.step()) {
      if (into.rows.size() >= limits::rows_max || !append_row(prepared.get(), into.rows)
          || rows_bytes_ + into.rows.cells().size() > limits::row_set_bytes_max) {
        return set_back({errc::too_large, "the statements give more rows than an outcome may carry, which is "
                                            + std::to_string(limits::rows_max) + " of a statement and "
                                            + std::to_string(limits::row_set_bytes_max) + " bytes of all"});
      }
    }
    rows_bytes_ += into.rows.cells().size();
    if (code == SQLITE_DONE) {
      return {};
    }
  }
  auto trouble = set_back(functions_->explain(failure_of(database, code)));
  if (trouble.value().how_far == reach::group && sqlite3_get_autocommit(database) != 0) {
    trouble.value().how_far = reach::ended;
  }
  return trouble;
}

progress<> executor::clear_changes() {
  if (changes_known_) {
    return {};
  }
  changes_known_ = true;
  const int code = clear_changes_.run();
  return code == SQLITE_OK ? progress<>{} : set_back(failure_of(owner_->get(), code));
}

tl::unexpected<setback> executor::locate(tl::unexpected<setback> trouble, std::size_t index) const {
  auto& detail = trouble.value().reason.detail;
  detail = "seq " + std::to_string(seq_) + ", statement " + std::to_string(index + 1) + ": " + detail;
  return trouble;
}

} // namespace millrace::storage::sqlite
