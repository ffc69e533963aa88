#pragma once

#include "connection.hpp"
#include "prepared_statement.hpp"
#include "savepoint.hpp"
#include "statement_cache.hpp"

#include "../database.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>

namespace millrace::storage::sqlite {

/// One read-only connection.
class reader final : public database_reader {
public:
  static result<std::unique_ptr<database_reader>> open(const std::filesystem::path& file,
                                                       const sqlite_options& options);

  result<> begin_snapshot() override;
  void end_snapshot() noexcept override;
  result<row_set> run(const query& question, std::chrono::steady_clock::time_point deadline) override;
  result<std::uint64_t> applied_seq() override;

private:
  reader(connection database, const sqlite_options& options);

  result<> prepare();
  result<row_set> collect(cached_statement& target, std::uint32_t max_rows);
  void fit_page_cache(bool sorts);
  failure failure_now(int code) const;
  static int on_progress(void* self) noexcept;

  connection database_;
  statement_cache cache_;
  int cache_kib_;
  bool cache_is_small_ = false;
  prepared_statement begin_;
  prepared_statement end_;
  prepared_statement read_applied_seq_;
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
};

} // namespace millrace::storage::sqlite
