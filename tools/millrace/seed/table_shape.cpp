#include "table_shape.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace millrace::tools {

namespace {

/// Names are the same to SQL whatever the case of their letters is, of ASCII's alone.
bool same_name(std::string_view one, std::string_view other) {
  const auto lower = [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  };
  return std::ranges::equal(one, other, {}, lower, lower);
}

const table_shape* find_table(const std::vector<table_shape>& all, std::string_view name) {
  const auto found = std::ranges::find_if(all, [&](const table_shape& one) { return same_name(one.name, name); });
  return found == all.end() ? nullptr : &*found;
}

std::optional<std::size_t> place_of(const table_shape& table, std::string_view column) {
  const auto found = std::ranges::find_if(table.columns,
                                          [&](const table_column& one) { return same_name(one.name, column); });
  return found == table.columns.end() ? std::nullopt
                                      : std::optional{static_cast<std::size_t>(found - table.columns.begin())};
}

void add_key(table_shape& table, std::vector<std::size_t> key) {
  if (!key.empty() && std::ranges::find(table.keys, key) == table.keys.end()) {
    table.keys.push_back(std::move(key));
  }
}

std::optional<failure> read_columns(client& database, table_shape& table) {
  const auto rows = database.query(
    "SELECT name, type, \"notnull\", dflt_value IS NOT NULL, pk FROM pragma_table_xinfo(?1) WHERE hidden = 0 "
    "ORDER BY cid",
    table.name);
  if (!rows) {
    return rows.error();
  }
  std::vector<std::pair<std::int64_t, std::size_t>> primary;
  for (const auto row : *rows) {
    if (const auto place = row[std::size_t{4}].as_integer(); place > 0) {
      primary.emplace_back(place, table.columns.size());
    }
    table.columns.push_back({.name = row[std::size_t{0}].to_string(),
                             .type = row[std::size_t{1}].to_string(),
                             .not_null = row[std::size_t{2}].as_integer() != 0,
                             .has_default = row[std::size_t{3}].as_integer() != 0});
  }
  std::ranges::sort(primary);
  std::vector<std::size_t> key;
  std::ranges::transform(primary, std::back_inserter(key), &std::pair<std::int64_t, std::size_t>::second);
  add_key(table, std::move(key));
  return std::nullopt;
}

/// What is unique otherwise. An index on an expression, or on what is computed, is left out.
std::optional<failure> read_indexes(client& database, table_shape& table) {
  const auto rows = database.query(
    "SELECT l.seq, i.name FROM pragma_index_list(?1) AS l, pragma_index_info(l.name) AS i WHERE l.\"unique\" "
    "ORDER BY l.seq, i.seqno",
    table.name);
  if (!rows) {
    return rows.error();
  }
  std::map<std::int64_t, std::vector<std::optional<std::size_t>>> indexes;
  for (const auto row : *rows) {
    indexes[row[std::size_t{0}].as_integer()].push_back(place_of(table, row[std::size_t{1}].to_string()));
  }
  for (const auto& [number, places] : indexes) {
    std::vector<std::size_t> key;
    for (const auto& place : places) {
      if (place) {
        key.push_back(*place);
      }
    }
    if (key.size() == places.size()) {
      add_key(table, std::move(key));
    }
  }
  return std::nullopt;
}

/// The columns of a table's primary key, to which a foreign key refers that names none.
std::vector<std::string> primary_key(const std::vector<table_shape>& all, const std::string& name) {
  const auto* const table = find_table(all, name);
  std::vector<std::string> columns;
  if (table != nullptr && !table->keys.empty()) {
    std::ranges::transform(table->keys.front(), std::back_inserter(columns),
                           [&](std::size_t place) { return table->columns[place].name; });
  }
  return columns;
}

std::optional<failure> read_references(client& database, const std::vector<table_shape>& all, table_shape& table) {
  const auto rows = database.query(
    "SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?1) ORDER BY id, seq", table.name);
  if (!rows) {
    return rows.error();
  }
  std::int64_t last = -1;
  for (const auto row : *rows) {
    const auto id = row[std::size_t{0}].as_integer();
    if (std::exchange(last, id) != id) {
      table.references.push_back({.table = row[std::size_t{1}].to_string(), .from = {}, .to = {}});
    }
    auto& reference = table.references.back();
    if (const auto place = place_of(table, row[std::size_t{2}].to_string())) {
      reference.from.push_back(*place);
    }
    if (!row[std::size_t{3}].is_null()) {
      reference.to.push_back(row[std::size_t{3}].to_string());
    }
  }
  for (auto& reference : table.references) {
    reference.to = reference.to.empty() ? primary_key(all, reference.table) : reference.to;
  }
  // What is computed, or refers to nothing, nobody can fill in here.
  std::erase_if(table.references,
                [](const table_reference& one) { return one.from.empty() || one.from.size() != one.to.size(); });
  return std::nullopt;
}

/// Whether rows of a table that is still to come must, or at least may, be there before those of this one.
bool waits(const table_shape& table, const std::vector<table_shape>& left, bool only_required) {
  return std::ranges::any_of(table.references, [&](const table_reference& one) {
    return !same_name(one.table, table.name) && find_table(left, one.table) != nullptr
           && (!only_required || table.requires_row(one));
  });
}

} // namespace

bool table_shape::requires_row(const table_reference& one) const {
  return std::ranges::all_of(one.from, [this](std::size_t place) { return columns[place].not_null; });
}

expected<std::vector<table_shape>> read_tables(client& database) {
  const auto names = database.query(
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE "
    "'\\' AND name NOT LIKE 'millrace\\_%' ESCAPE '\\' ORDER BY name");
  if (!names) {
    return tl::unexpected{names.error()};
  }
  std::vector<table_shape> all;
  for (const auto row : *names) {
    auto& table = all.emplace_back();
    table.name = row[std::size_t{0}].to_string();
    auto wrong = read_columns(database, table);
    wrong = wrong ? wrong : read_indexes(database, table);
    if (wrong) {
      return tl::unexpected{std::move(*wrong)};
    }
  }
  for (auto& table : all) {
    if (auto wrong = read_references(database, all, table)) {
      return tl::unexpected{std::move(*wrong)};
    }
  }
  return all;
}

expected<std::vector<table_shape>> choose_tables(std::vector<table_shape> all, const std::vector<std::string>& names) {
  const auto wrong = [](std::string why) { return tl::unexpected{failure{errc::bad_option, std::move(why)}}; };
  const auto list_of = [](const std::vector<table_shape>& tables) {
    std::string list;
    for (const auto& one : tables) {
      list += (list.empty() ? "" : ", ") + one.name;
    }
    return list;
  };
  for (const auto& name : names) {
    if (find_table(all, name) == nullptr) {
      return wrong(fmt::format("there is no table {} that could be filled; there are: {}", name, list_of(all)));
    }
  }
  std::erase_if(all, [&](const table_shape& one) {
    return !names.empty()
           && std::ranges::none_of(names, [&](const std::string& name) { return same_name(name, one.name); });
  });
  std::vector<table_shape> ordered;
  while (!all.empty()) {
    auto next = std::ranges::find_if(all, [&](const table_shape& one) { return !waits(one, all, false); });
    if (next == all.end()) {
      next = std::ranges::find_if(all, [&](const table_shape& one) { return !waits(one, all, true); });
    }
    if (next == all.end()) {
      return wrong(fmt::format("of {} each needs rows of another first; fill these by a seed file", list_of(all)));
    }
    ordered.push_back(std::move(*next));
    all.erase(next);
  }
  return ordered;
}

} // namespace millrace::tools
