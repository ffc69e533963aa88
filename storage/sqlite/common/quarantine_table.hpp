#pragma once

#include "connection.hpp"
#include "prepared_statement.hpp"

#include <millrace/storage/base/bytes.hpp>
#include <millrace/storage/work.hpp>

#include <cstdint>
#include <string_view>

namespace millrace::storage::sqlite {

/// The writer's side of `millrace_quarantine`: work that was set aside because each attempt at it failed or ended
/// the writer. Works inside the open SQLite transaction of its writer.
class quarantine_table {
public:
  [[nodiscard]] static result<quarantine_table> make(connection& owner);

  /// Sets the work aside that an order says is skipped.
  [[nodiscard]] result<> put(const skipped_work& order, std::int64_t accept_time_ms, const work& item);

  /// Takes it out. `not_found` where there is nothing under this `seq`, `malformed` where its record is damaged.
  [[nodiscard]] result<work> take(std::uint64_t seq);

  /// Counts it, where that may have changed; due before each commit.
  [[nodiscard]] result<> count();
  /// What was counted last is committed.
  void committed() noexcept;
  /// How many are set aside, as of the last commit.
  std::uint64_t size() const noexcept { return size_; }

private:
  explicit quarantine_table(connection& owner) : owner_(&owner) {}

  connection* owner_;
  prepared_statement insert_;
  prepared_statement remove_;
  prepared_statement count_;
  byte_writer record_;
  bool changed_ = true; ///< Whether something was put or taken since the last commit.
  std::uint64_t counted_ = 0;
  std::uint64_t size_ = 0;
};

/// Reads a record of the table: one record of the log's codec that refers to no other. `malformed` where it is damaged.
[[nodiscard]] result<work> decode_quarantined(std::uint64_t seq, std::string_view record);

} // namespace millrace::storage::sqlite
