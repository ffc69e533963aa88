#include "key_guard.hpp"

#include <millrace/storage/sqlite/common/error.hpp>
#include <millrace/storage/sqlite/common/names.hpp>
#include <millrace/storage/sqlite/common/prepared_statement.hpp>
#include <millrace/storage/sqlite/common/rows.hpp>
#include <millrace/storage/sqlite/common/sql_tokens.hpp>

#include <algorithm>

namespace millrace::storage::sqlite {

namespace {

constexpr auto read_references = R"(
SELECT child.name, key."table", key.on_delete IN ('CASCADE', 'SET NULL', 'SET DEFAULT'),
  NOT EXISTS (SELECT 1 FROM sqlite_schema parent WHERE parent.type = 'table' AND lower(parent.name) = lower(key."table"))
FROM sqlite_schema child, pragma_foreign_key_list(child.name) key WHERE child.type = 'table'
)";

tl::unexpected<setback> refuse(const std::string& sentence) {
  return set_back({errc::constraint, sentence});
}

} // namespace

progress<key_guard> key_guard::begin(connection& owner) {
  key_guard made{owner};
  auto tables = prepared_statement::prepare(owner.get(), "SELECT name FROM sqlite_schema WHERE type = 'table'");
  if (!tables) {
    return set_back(std::move(tables).error());
  }
  int code = tables->step();
  for (; code == SQLITE_ROW; code = tables->step()) {
    made.tables_before_.emplace(blob_at(tables->get(), 0));
  }
  if (code != SQLITE_DONE) {
    return set_back(owner.get(), code);
  }
  const auto all = made.references();
  if (!all) {
    return tl::unexpected{all.error()};
  }
  for (const auto& one : *all) {
    if (one.dangles) {
      made.dangling_before_.emplace(one.from, one.to);
    }
  }
  return made;
}

progress<> key_guard::note_drops(std::vector<std::string> tables) {
  if (tables.empty()) {
    return {};
  }
  const authorizer::scope looking{owner_->rights(), authority::internal};
  const auto all = references();
  if (!all) {
    return tl::unexpected{all.error()};
  }
  for (const auto& one : *all) {
    const bool concerned = one.changes_rows && !same(one.from, one.to)
                           && std::ranges::any_of(tables, [&](const auto& table) { return same(table, one.to); });
    const auto filled = concerned ? has_rows(one.from) : progress<bool>{false};
    if (!filled) {
      return tl::unexpected{filled.error()};
    }
    if (*filled) {
      dropped_.emplace_back(one.from, one.to);
    }
  }
  return {};
}

progress<> key_guard::look_at_end() {
  const auto all = references();
  if (!all) {
    return tl::unexpected{all.error()};
  }
  for (const auto& one : *all) {
    const auto was_dropped = [&](const link& which) { return which.first == one.from && same(which.second, one.to); };
    if (!one.dangles && std::ranges::any_of(dropped_, was_dropped)) {
      return refuse("table " + one.to + " was dropped and made again, which deletes or changes the rows of " + one.from
                    + " that refer to it; begin with PRAGMA foreign_keys=OFF, and they stay");
    }
    if (one.dangles && tables_before_.contains(one.from) && !dangling_before_.contains({one.from, one.to})) {
      return refuse("table " + one.from + " would refer to " + one.to
                    + ", which is not there any more; make the new table under another name, drop the old one, and "
                      "rename the new one");
    }
  }
  return {};
}

auto key_guard::references() const -> progress<std::vector<reference>> {
  auto rows = prepared_statement::prepare(owner_->get(), read_references);
  if (!rows) {
    return set_back(std::move(rows).error());
  }
  std::vector<reference> all;
  int code = rows->step();
  for (; code == SQLITE_ROW; code = rows->step()) {
    all.push_back({.from = std::string{blob_at(rows->get(), 0)},
                   .to = std::string{blob_at(rows->get(), 1)},
                   .changes_rows = sqlite3_column_int(rows->get(), 2) != 0,
                   .dangles = sqlite3_column_int(rows->get(), 3) != 0});
  }
  return code == SQLITE_DONE ? progress<std::vector<reference>>{std::move(all)} : set_back(owner_->get(), code);
}

progress<bool> key_guard::has_rows(const std::string& table) const {
  const auto sql = "SELECT EXISTS (SELECT 1 FROM " + quoted_name(table) + ")";
  auto look = prepared_statement::prepare(owner_->get(), sql.c_str());
  if (!look) {
    return set_back(std::move(look).error());
  }
  const auto found = look->run_for_number();
  return found ? progress<bool>{*found != 0} : set_back(found.error());
}

} // namespace millrace::storage::sqlite
