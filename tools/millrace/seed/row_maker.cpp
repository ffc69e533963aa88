#include "row_maker.hpp"

#include <millrace/tools/millrace/common/sql_text.hpp>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace millrace::tools {

namespace {

/// Of a thousand values that may be null so many are.
constexpr std::uint64_t null_per_mille = 100;

bool contains(const std::vector<std::size_t>& all, std::size_t one) {
  return std::ranges::find(all, one) != all.end();
}

bool holds_all(const std::vector<std::size_t>& whole, const std::vector<std::size_t>& part) {
  return std::ranges::all_of(part, [&](std::size_t one) { return contains(whole, one); });
}

failure unfit(std::string why) {
  return {errc::bad_option, std::move(why)};
}

bool is_numbered(content what) {
  return what <= content::real;
}

} // namespace

expected<row_maker> row_maker::make(client& database, const table_shape& table, std::uint64_t run,
                                    std::uint64_t rows_max) {
  row_maker made{table, run};
  if (auto wrong = made.read_parents(database, rows_max)) {
    return tl::unexpected{std::move(*wrong)};
  }
  made.choose_pairs();
  made.choose_columns();
  auto wrong = made.read_state(database);
  wrong = wrong || made.had_ >= rows_max ? wrong : made.look_at_room(rows_max);
  if (wrong) {
    return tl::unexpected{std::move(*wrong)};
  }
  made.write_sql();
  return made;
}

std::optional<failure> row_maker::read_parents(client& database, std::uint64_t rows_max) {
  for (const auto& one : table_->references) {
    made_reference made{.from = one.from, .rows = {}};
    const auto sql = fmt::format("SELECT {0} FROM {1} ORDER BY {0} LIMIT {2}", identifier_list(one.to),
                                 quote_identifier(one.table), rows_max);
    for (const auto& page : database.pages(sql)) {
      if (!page) {
        return page.error();
      }
      for (const auto row : *page) {
        std::vector<value> keys;
        for (const auto key : row) {
          keys.push_back(key.as_value());
        }
        if (std::ranges::none_of(keys, &value::is_null)) {
          made.rows.push_back(std::move(keys));
        }
      }
    }
    if (made.rows.empty()) {
      made.rows.emplace_back(one.from.size());
    }
    references_.push_back(std::move(made));
  }
  return std::nullopt;
}

bool row_maker::refers(std::size_t place) const {
  return std::ranges::any_of(references_, [&](const made_reference& one) { return contains(one.from, place); });
}

/// Where what is unique consists of references alone, they must not be drawn at random.
void row_maker::choose_pairs() {
  for (const auto& key : table_->keys) {
    const auto alone = std::ranges::find_if(references_,
                                            [&](const made_reference& one) { return holds_all(one.from, key); });
    if (alone != references_.end()) {
      alone->how = choice::each_once;
      continue;
    }
    std::vector<made_reference*> parts;
    for (auto& one : references_) {
      if (std::ranges::any_of(key, [&](std::size_t place) { return contains(one.from, place); })) {
        parts.push_back(&one);
      }
    }
    const bool of_references = std::ranges::all_of(key, [this](std::size_t place) { return refers(place); });
    const bool free = std::ranges::none_of(parts, [](const auto* one) { return one->how == choice::each_once; });
    if (of_references && free && parts.size() > 1) {
      parts[0]->how = choice::pair_first;
      parts[1]->how = choice::pair_second;
      first_of_pairs_ = parts[0]->rows.size();
    }
  }
}

/// Of what must be unique one column is made so: the last that refers to nothing.
void row_maker::choose_columns() {
  std::vector<std::size_t> unique;
  for (const auto& key : table_->keys) {
    const auto found = std::ranges::find_if(key.rbegin(), key.rend(), [this](std::size_t one) { return !refers(one); });
    const bool done = std::ranges::any_of(key, [&](std::size_t one) { return contains(unique, one); });
    if (!done && found != key.rend()) {
      unique.push_back(*found);
    }
  }
  for (std::size_t place = 0; place < table_->columns.size(); ++place) {
    const auto& column = table_->columns[place];
    const bool in_key = std::ranges::any_of(table_->keys, [&](const auto& key) { return contains(key, place); });
    if (!refers(place) && (in_key || !column.has_default)) {
      columns_.push_back({.place = place,
                          .what = content_of(column),
                          .unique = contains(unique, place),
                          .may_be_null = !column.not_null && !in_key});
    }
  }
}

std::optional<failure> row_maker::read_state(client& database) {
  std::string sql = "SELECT count(*)";
  for (const auto& one : columns_) {
    if (one.unique && is_numbered(one.what)) {
      sql += fmt::format(", CAST(max({}) AS INTEGER)", quote_identifier(table_->columns[one.place].name));
    }
  }
  const auto rows = database.query(sql + " FROM " + quote_identifier(table_->name));
  if (!rows) {
    return rows.error();
  }
  const auto found = (*rows)[0];
  had_ = static_cast<std::uint64_t>(found[std::size_t{0}].as_integer());
  for (const auto one : found) {
    last_number_ = std::max(last_number_,
                            static_cast<std::uint64_t>(std::max<std::int64_t>(one.get<std::int64_t>().value_or(0), 0)));
  }
  return std::nullopt;
}

/// Whether there are rows to refer to, and enough of them.
std::optional<failure> row_maker::look_at_room(std::uint64_t rows_max) const {
  std::uint64_t pairs = 0;
  for (std::size_t i = 0; i < references_.size(); ++i) {
    const auto& meant = table_->references[i];
    const auto& one = references_[i];
    if (one.rows[0][0].is_null()) {
      if (table_->requires_row(meant)) {
        return unfit(
          fmt::format("each row of {} needs one of {}, which has none; name both by --table, or fill {} "
                      "by a seed file",
                      table_->name, meant.table, meant.table));
      }
      continue;
    }
    if (one.how == choice::each_once && one.rows.size() < rows_max) {
      return unfit(
        fmt::format("each row of {} needs one of {} of its own, and there are {}; fill that first, or ask "
                    "for fewer rows",
                    table_->name, meant.table, one.rows.size()));
    }
    pairs = one.how == choice::pair_second ? first_of_pairs_ * one.rows.size() : pairs;
  }
  return pairs == 0 || pairs >= rows_max
           ? std::nullopt
           : std::optional{unfit(fmt::format("{} refers to each pair of rows once, and there are {} pairs; ask for "
                                             "fewer rows of it by --table",
                                             table_->name, pairs))};
}

void row_maker::write_sql() {
  for (const auto& one : columns_) {
    places_.push_back(one.place);
  }
  for (const auto& one : references_) {
    std::ranges::copy(one.from, std::back_inserter(places_));
  }
  // Two foreign keys may have a column in common.
  std::ranges::sort(places_);
  places_.erase(std::unique(places_.begin(), places_.end()), places_.end());
  std::vector<std::string> names;
  std::ranges::transform(places_, std::back_inserter(names),
                         [this](std::size_t place) { return table_->columns[place].name; });
  sql_ = names.empty() ? "INSERT INTO " + quote_identifier(table_->name) + " DEFAULT VALUES"
                       : insert_statement(table_->name, names) + " ON CONFLICT DO NOTHING";
}

std::size_t row_maker::parent_of(const made_reference& one, std::uint64_t place) const {
  const auto count = one.rows.size();
  switch (one.how) {
    case choice::each_once:
      return place % count;
    case choice::pair_first:
      return place % first_of_pairs_;
    case choice::pair_second:
      return (place / first_of_pairs_ + place % first_of_pairs_) % count;
    case choice::any:
      break;
  }
  return draw{run_, table_->name, table_->columns[one.from[0]].name, place}.below(count);
}

std::vector<value> row_maker::row(std::uint64_t place) const {
  std::vector<value> all(places_.size());
  const auto at = [&](std::size_t column) -> value& {
    return all[static_cast<std::size_t>(std::ranges::lower_bound(places_, column) - places_.begin())];
  };
  for (const auto& one : columns_) {
    draw from{run_, table_->name, table_->columns[one.place].name, place};
    if (!one.may_be_null || from.below(1'000) >= null_per_mille) {
      at(one.place) = made_value(one.what, one.unique, last_number_ + (place - had_) + 1, from);
    }
  }
  for (const auto& one : references_) {
    const auto& keys = one.rows[parent_of(one, place)];
    for (std::size_t i = 0; i < one.from.size(); ++i) {
      at(one.from[i]) = keys[i];
    }
  }
  return all;
}

} // namespace millrace::tools
