#pragma once

#include "checkpointer.hpp"
#include "executor.hpp"
#include "script_runner.hpp"

#include "../database.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace millrace::storage::sqlite {

/// The sole write connection.
///
/// Work is first applied without a savepoint per item, which spares a good part of the time: as long as nothing fails,
/// nothing has to be undone. At the first failure of something that may have had an effect, everything is rolled back
/// and run again with savepoints; that gives the same answers, because they are a function of the log. Where failures
/// are frequent the savepoints stay on for a while.
class writer final : public database_writer {
public:
  static result<std::unique_ptr<database_writer>> open(const std::filesystem::path& file,
                                                       const sqlite_options& options);

  std::uint64_t applied_seq() const noexcept override { return applied_seq_; }
  result<std::vector<answer>> apply(std::span<const batch_ptr> batches) override;
  std::uint32_t pages_waiting() const noexcept override { return checkpointer_.pages_waiting(); }
  result<checkpoint_report> checkpoint() override;

private:
  enum class caution { none, savepoints };

  /// Why an attempt at applying ended without a commit.
  struct stop {
    enum class next { give_up, run_again, run_with_savepoints } what;
    failure reason;
  };
  template <class T = void>
  using attempt = tl::expected<T, stop>;

  explicit writer(connection database) : database_(std::move(database)) {}

  result<> prepare(const sqlite_options& options);
  attempt<std::vector<answer>> try_to_apply(std::span<const batch_ptr> batches, caution care);
  attempt<answer> apply_item(const work& item, std::uint64_t seq, caution care);
  progress<outcome> run_item(const work& item, std::uint64_t seq);
  attempt<answer> fail_item(setback trouble, std::uint64_t seq, bool undoable);
  attempt<> commit(bracket& whole, std::uint64_t last_seq);
  result<> notice_schema_change();
  caution choose_caution() noexcept;

  connection database_;
  log_functions functions_;
  bracket_statements transaction_;
  bracket_statements item_;
  std::optional<script_runner> scripts_;
  std::optional<executor> executor_;
  prepared_statement read_schema_version_;
  prepared_statement store_applied_seq_;
  checkpointer checkpointer_;

  std::uint64_t applied_seq_ = 0;
  std::int64_t schema_version_ = -1;
  bool commit_failed_ = false;
  /// Work of the current call that ended the SQLite transaction, and how it failed.
  std::unordered_map<std::uint64_t, failure> culprits_;
  unsigned careful_calls_left_ = 0;
  unsigned next_careful_calls_ = 1;
};

} // namespace millrace::storage::sqlite
