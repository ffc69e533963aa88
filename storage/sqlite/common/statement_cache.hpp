#pragma once

#include "connection.hpp"
#include "prepared_statement.hpp"

#include <millrace/messages/row_set.hpp>
#include <millrace/storage/base/hash.hpp>
#include <millrace/storage/database.hpp>

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

namespace millrace::storage::sqlite {

/// A client's statement, compiled, with what is asked of it for every run.
struct cached_statement {
  std::string sql;
  prepared_statement prepared;
  int parameters = 0;
  /// Null where it gives no rows. Shared with the row sets it filled.
  row_set::columns_ptr columns;
  bool reads_only = false;
  bool uses_changes = false; ///< Calls `changes()`, itself or in a trigger.

  std::size_t bytes = 0; ///< That SQLite holds for it.
  bool sorts = false;    ///< Of queries: may sort many rows at once.

  /// Reads the column names anew.
  void describe();
};

/// Compiled statements of one connection by their text, of 32 MiB in all; the least recently used one makes room. Must
/// not outlive its connection.
class statement_cache {
public:
  /// Statements are compiled with the rights of `who`.
  statement_cache(connection& owner, authority who, int capacity);

  /// Finds the statement, or compiles it. Valid until the next call. A hit copies nothing. Errors: `bad_sql`,
  /// `not_permitted`, `not_a_query`, `too_large`, and what the machine may do.
  [[nodiscard]] result<cached_statement*> find(const std::string& sql);

  /// Forgets all statements, as is due after a schema change.
  void clear() noexcept;

private:
  struct text_hash {
    std::size_t operator()(std::string_view text) const noexcept { return hash_of(text); }
  };

  void make_room(std::size_t bytes) noexcept;
  [[nodiscard]] result<cached_statement> compile(const std::string& sql);
  bool sorts(const std::string& sql) const;
  [[nodiscard]] result<> admit(const cached_statement& candidate, const char* tail);

  connection* owner_;
  authority who_;
  std::size_t capacity_;
  std::size_t bytes_ = 0;                  ///< Of all statements.
  std::list<cached_statement> statements_; ///< The most recently used one first.
  std::unordered_map<std::string_view, std::list<cached_statement>::iterator, text_hash> by_text_;
};

} // namespace millrace::storage::sqlite
