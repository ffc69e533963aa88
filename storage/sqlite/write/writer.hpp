#pragma once

#include "checkpointer.hpp"
#include "executor.hpp"
#include "fence.hpp"
#include "outcome_store.hpp"
#include "runaway_watch.hpp"
#include "script_runner.hpp"
#include "work_clock.hpp"

#include <millrace/storage/database.hpp>
#include <millrace/storage/sqlite/common/file_guard.hpp>
#include <millrace/storage/sqlite/common/quarantine_table.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace millrace::storage::sqlite {

/// The sole write connection.
///
/// Work is first applied without a savepoint per item, which spares a good part of the time: as long as nothing fails,
/// nothing has to be undone. At the first failure of something that may have had an effect, everything is rolled back
/// and run again with savepoints; that gives the same answers, because they are a function of the log. Where failures
/// are frequent the savepoints stay on for a while.
///
/// Work that ends the surrounding SQLite transaction (`OR ROLLBACK`, `RAISE(ROLLBACK)`) undoes what stood before it in
/// the call. That is run again and committed, and the call ends there. A call that begins with such work commits its
/// failure alone.
class writer final : public database_writer {
public:
  [[nodiscard]] static result<std::unique_ptr<database_writer>> open(const settings& chosen,
                                                                     std::shared_ptr<fence> gate);

  log_position applied() const noexcept override { return {applied_seq_, applied_chain_}; }
  [[nodiscard]] tl::expected<std::vector<answer>, trouble> apply(std::span<const batch_ptr> batches, attempt_mark& mark,
                                                                 const write_limits& limits) override;
  [[nodiscard]] tl::expected<void, trouble> probe(std::uint64_t bytes) override;
  [[nodiscard]] tl::expected<rehearsal, trouble> rehearse(std::span<const schema_change> changes, std::int64_t now_ms,
                                                          const write_limits& limits) override;
  std::uint64_t quarantined() const noexcept override { return quarantine_->size(); }
  bool take_foreign_commit() noexcept override { return std::exchange(foreign_commit_, false); }
  std::vector<time_taken> take_times() override { return clock_.take(); }
  std::uint32_t unmerged() const noexcept override { return checkpointer_.pages_waiting(); }
  [[nodiscard]] tl::expected<checkpoint_report, trouble> checkpoint(std::uint32_t journal_max) override;

private:
  enum class caution { none, savepoints };

  /// What an attempt is to do.
  struct plan {
    attempt_mark& mark;
    std::uint64_t last_seq; ///< Where it ends at the latest.
    caution care;
    /// How its first piece of work fails; that is not run then.
    std::optional<failure> first_failure;
  };

  /// Why an attempt ended without a commit.
  struct stop {
    enum class next { give_up, call_off, run_with_savepoints, leave_out, run_before } what;
    failure reason;
    std::uint64_t seq = 0;      ///< What is to be left out, or left to the next call.
    std::uint64_t suspects = 0; ///< As in `trouble`, and so is the next.
    bool proven = false;
  };
  template <class T = void>
  using attempt = tl::expected<T, stop>;

  writer(connection database, std::shared_ptr<fence> gate, fence::pass pass)
    : gate_(std::move(gate)), pass_(pass), database_(std::move(database)) {}

  [[nodiscard]] result<> prepare(const settings& chosen);
  std::unique_lock<std::mutex> enter();
  trouble in_trouble(failure why, std::uint64_t suspects = 0, bool proven = false) const;
  [[nodiscard]] tl::expected<std::vector<answer>, trouble> apply_somehow(std::span<const batch_ptr> batches, plan aim);
  [[nodiscard]] attempt<std::vector<answer>> try_to_apply(std::span<const batch_ptr> batches, const plan& aim);
  [[nodiscard]] attempt<> run_batch(const batch& part, const plan& aim, std::vector<answer>& answers);
  [[nodiscard]] attempt<answer> apply_item(const work& item, std::uint64_t seq, const plan& aim);
  [[nodiscard]] attempt<answer> skip_item(const work& item, std::int64_t accept_time_ms, const skipped_work& order,
                                          attempt_mark& mark);
  [[nodiscard]] progress<outcome> run_item(const work& item, std::uint64_t seq);
  [[nodiscard]] progress<outcome> run_script(const work& item, std::uint64_t seq);
  [[nodiscard]] progress<rehearsed_change> rehearse_one(const schema_change& change, std::uint64_t seq);
  [[nodiscard]] tl::expected<rehearsal, trouble> judge(progress<> done, schema_rehearsed all) const;
  [[nodiscard]] progress<outcome> obey(const quarantine_order& order, std::uint64_t seq);
  [[nodiscard]] attempt<answer> fail_item(setback cause, std::uint64_t seq, bool undoable);
  stop stop_runaway(std::uint64_t seq) const;
  stop stop_all(failure reason, std::uint64_t last_seq) const;
  stop stop_commit(int code, std::uint64_t last_seq);
  bool take_back_room(const failure& met) noexcept;
  bound_name name_of(const work& item, const answer& reply);
  [[nodiscard]] attempt<> commit(bracket& whole, const log_position& end, std::int64_t recorded_ms);
  [[nodiscard]] result<log_position> read_position();
  [[nodiscard]] result<> look_around();
  void forget_own_rollback();
  void sort_in_files(bool wanted);
  [[nodiscard]] result<> forget_schema();
  failure give_up_connection(failure reason);
  caution choose_caution() noexcept;

  std::shared_ptr<fence> gate_;
  fence::pass pass_;
  std::optional<temporary_space> own_files_; ///< Of scripts above all, which may take as much as there is.
  std::shared_ptr<temporary_space> query_files_;
  std::optional<std::uint64_t> query_files_taken_; ///< `times_taken` of these when the call began.
  bool sorts_in_files_ = false;
  connection database_;
  log_functions functions_;
  runaway_watch watch_;
  budget::amounts afforded_; ///< To each transaction.
  file_guard guard_;
  bracket_statements transaction_;
  bracket_statements item_;
  std::optional<script_runner> scripts_;
  std::optional<executor> executor_;
  std::optional<outcome_store> outcomes_;
  std::optional<quarantine_table> quarantine_;
  prepared_statement read_data_version_;
  prepared_statement read_position_;
  prepared_statement store_position_;
  checkpointer checkpointer_;

  std::int64_t accept_time_ms_ = 0; ///< Of the batch that runs.
  std::uint64_t applied_seq_ = 0;
  std::uint64_t applied_chain_ = 0;
  std::int64_t data_version_ = 0;
  bool foreign_commit_ = false;
  work_clock clock_; ///< Of the last attempt.
  /// Whether somebody else committed, or a script ran that is not committed yet: then the compiled statements may know
  /// a schema that is gone.
  bool schema_in_doubt_ = false;
  bool came_to_end_ = false; ///< Whether the log says of the work that runs that its timeout was kept.
  bool ran_script_ = false;  ///< The piece of work that runs, one from quarantine perhaps.
  /// Of the transaction that the last order took out of quarantine and applied.
  bound_name resubmitted_;
  byte_writer scratch_; ///< Of what names are bound to.
  /// Why this connection must not be used any more.
  std::optional<failure> useless_;
  unsigned careful_calls_left_ = 0;
  unsigned next_careful_calls_ = 1;
};

} // namespace millrace::storage::sqlite
