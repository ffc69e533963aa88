#include "index_tables.hpp"

#include "prepared_statement.hpp"

#include <string>
#include <vector>

namespace millrace::storage::sqlite {

std::optional<failure> index_read_refused(const connection& owner) {
  const std::vector<std::string> read = owner.rights().indexes_read();
  if (read.empty()) {
    return std::nullopt;
  }
  const authorizer::scope acting{owner.rights(), authority::internal};
  auto look = prepared_statement::prepare(
    owner.get(), "SELECT 1 FROM pragma_table_list WHERE name = ?1 COLLATE NOCASE AND type = 'shadow'");
  if (!look) {
    return look.error();
  }
  for (const auto& table : read) {
    const reset_at_end guard{*look};
    sqlite3_bind_text64(look->get(), 1, table.data(), table.size(), SQLITE_STATIC, SQLITE_UTF8);
    if (look->step() != SQLITE_DONE) {
      return failure{errc::not_permitted,
                     "reading " + table + ": how it is laid out is no function of the log; a query may read it"};
    }
  }
  return std::nullopt;
}

} // namespace millrace::storage::sqlite
