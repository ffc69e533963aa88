#pragma once

#include <millrace/messages/row_set.hpp>
#include <millrace/storage/sqlite/common/connection.hpp>
#include <millrace/storage/sqlite/common/statement_cache.hpp>

#include <cstdint>

namespace millrace::storage::sqlite {

/// The rows of one query, taken piece by piece. Its statement is bound before, stays in its cache as long as this
/// lives, and is reset at the end.
class row_stream {
public:
  row_stream(connection& owner, cached_statement& source) noexcept : owner_(&owner), source_(&source) {}
  row_stream(const row_stream&) = delete;
  row_stream& operator=(const row_stream&) = delete;
  ~row_stream() { source_->prepared.reset(); }

  /// Fills `into` with up to `most` more rows, fewer at the end and where they would take more than
  /// `limits::row_set_bytes_max`. SQLITE_ROW where there are more, SQLITE_DONE at the end, or the code it failed with,
  /// which stays: SQLite has ended the statement, and another step would begin it anew.
  int take(std::uint32_t most, row_set& into);

  /// Passes over so many rows, or fewer at the end. The same codes.
  int skip(std::uint64_t count);

private:
  void begin();

  connection* owner_;
  cached_statement* source_;
  bool begun_ = false;
  int code_ = SQLITE_ROW; ///< Of the last step.
};

} // namespace millrace::storage::sqlite
