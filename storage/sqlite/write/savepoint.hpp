#pragma once

#include <millrace/storage/sqlite/common/connection.hpp>
#include <millrace/storage/sqlite/common/prepared_statement.hpp>

#include <string>

namespace millrace::storage::sqlite {

/// The three statements of a bracket around other statements, compiled once per connection. An empty one is of no use
/// until it is assigned to.
struct bracket_statements {
  prepared_statement begin;
  prepared_statement commit;
  prepared_statement roll_back;

  /// `BEGIN IMMEDIATE`, which takes the write lock at once.
  [[nodiscard]] static result<bracket_statements> transaction(connection& owner);
  /// A savepoint with a name of ours. Savepoints of one name nest.
  [[nodiscard]] static result<bracket_statements> savepoint(connection& owner, const std::string& name);
};

/// An open transaction or savepoint: rolled back unless committed, exceptions included.
class bracket {
public:
  explicit bracket(bracket_statements& statements) noexcept : statements_(&statements) {}
  bracket(const bracket&) = delete;
  bracket& operator=(const bracket&) = delete;
  ~bracket() { roll_back(); }

  /// SQLITE_OK, or the code it failed with.
  int begin() noexcept;
  /// SQLITE_OK, or the code it failed with; then it is still to be rolled back.
  int commit() noexcept;
  /// SQLITE_OK, also where nothing is left to undo, or the code it failed with. SQLite may then have ended the whole
  /// transaction, and what follows would be committed at once: nothing may follow.
  int roll_back() noexcept;

private:
  bracket_statements* statements_;
  bool open_ = false;
};

} // namespace millrace::storage::sqlite
