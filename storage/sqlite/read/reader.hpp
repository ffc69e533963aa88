#pragma once

#include "read_watch.hpp"

#include <millrace/storage/database.hpp>
#include <millrace/storage/sqlite/common/connection.hpp>
#include <millrace/storage/sqlite/common/file_guard.hpp>
#include <millrace/storage/sqlite/common/prepared_statement.hpp>
#include <millrace/storage/sqlite/common/statement_cache.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace millrace::storage::sqlite {

/// One read-only connection.
class reader final : public database_reader {
public:
  [[nodiscard]] static result<std::unique_ptr<database_reader>> open(const settings& chosen);

  [[nodiscard]] result<> begin_snapshot() override;
  void end_snapshot() noexcept override;
  [[nodiscard]] result<row_set> run(const query& question, const read_limits& limits) override;
  [[nodiscard]] result<std::unique_ptr<row_cursor>> start(const query& question, const read_limits& limits) override;
  [[nodiscard]] result<std::optional<answer>> recorded_outcome(std::uint64_t seq) override;
  [[nodiscard]] result<quarantine_listing> quarantine(std::uint64_t after, std::uint32_t limit) override;
  [[nodiscard]] result<millrace::quarantine_reasons> quarantine_reasons(std::uint64_t after,
                                                                        std::uint32_t limit) override;
  [[nodiscard]] result<schema_state> schema(std::uint64_t after, std::uint32_t limit) override;
  [[nodiscard]] result<std::uint64_t> applied_seq() override;
  bool superseded() const noexcept override { return guard_.trouble().has_value(); }
  [[nodiscard]] result<std::vector<std::string>> find_damage(const read_limits& limits) override;

private:
  class cursor;
  class snapshot;

  reader(connection database, const settings& chosen);

  [[nodiscard]] result<> prepare();
  bool in_snapshot() const noexcept;
  [[nodiscard]] result<cached_statement*> begin_query(const query& question);
  void fit_page_cache(bool sorts);
  [[nodiscard]] result<> look_at_limits() const;
  [[nodiscard]] result<> result_of(int code) const;
  failure as_told(failure found) const;

  connection database_;
  file_guard guard_;
  read_watch watch_;
  statement_cache cache_;
  int cache_kib_;
  budget::amounts afforded_; ///< To each query.
  bool cache_is_small_ = false;
  prepared_statement begin_;
  prepared_statement end_;
  prepared_statement read_applied_seq_;
  std::uint64_t snapshot_seq_ = 0; ///< Its `applied_seq`.
  prepared_statement find_outcome_;
  prepared_statement list_quarantine_;
  prepared_statement list_reasons_;
};

} // namespace millrace::storage::sqlite
