#pragma once

#include "setback.hpp"

#include <millrace/storage/sqlite/common/connection.hpp>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace millrace::storage::sqlite {

/// Keeps a script that rebuilds a table from losing rows of others, or leaving them without what they refer to, in
/// silence: SQLite deletes all rows of a table that is dropped, with what foreign keys do about that, and lets
/// references follow a table that is renamed (SQLite: foreignkeys.html §5, lang_altertable.html).
class key_guard {
public:
  /// Before the script.
  [[nodiscard]] static progress<key_guard> begin(connection& owner);

  /// Before a statement that drops these tables while foreign keys are on.
  [[nodiscard]] progress<> note_drops(std::vector<std::string> tables);

  /// After the script: `constraint` where rows of a table that is still there went with one that was made again, or a
  /// table that was there before refers to one that is not any more.
  [[nodiscard]] progress<> look_at_end();

private:
  struct reference {
    std::string from;
    std::string to;
    bool changes_rows = false; ///< Of `from`, where rows of the other go.
    bool dangles = false;
  };
  using link = std::pair<std::string, std::string>; ///< From and to.

  explicit key_guard(connection& owner) : owner_(&owner) {}

  [[nodiscard]] progress<std::vector<reference>> references() const;
  [[nodiscard]] progress<bool> has_rows(const std::string& table) const;

  connection* owner_;
  std::set<std::string> tables_before_;
  std::set<link> dangling_before_;
  std::vector<link> dropped_; ///< Tables with rows, and what they refer to.
};

} // namespace millrace::storage::sqlite
