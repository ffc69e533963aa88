#pragma once

#include "made_value.hpp"
#include "table_shape.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/messages/value.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace::tools {

/// Makes the rows that a table lacks. What has a default gets that, foreign keys point at rows that are there, and what
/// must be unique is. The same run makes the same rows of a table in the same state.
class row_maker {
public:
  /// Looks at what is there, at most `rows_max` rows of each table that is referred to. `bad_option` where rows cannot
  /// be made: a table that is referred to has none, or too few for what is unique.
  [[nodiscard]] static expected<row_maker> make(client& database, const table_shape& table, std::uint64_t run,
                                                std::uint64_t rows_max);

  /// How many rows the table had.
  std::uint64_t had() const noexcept { return had_; }
  /// How many places are tried so that the table has so many rows: each row that is there may be in the way of one by
  /// each of its keys.
  std::uint64_t places(std::uint64_t rows) const noexcept { return had_ + rows * (1 + table_->keys.size()); }
  /// What inserts a row, unless what must be unique is there.
  const std::string& sql() const noexcept { return sql_; }
  /// The parameters of a row, by its place in the table, from 0.
  std::vector<value> row(std::uint64_t place) const;

private:
  /// A column that a value is made for.
  struct made_column {
    std::size_t place = 0;
    content what = content::number;
    bool unique = false;
    bool may_be_null = false;
  };
  /// Which row of another table each row refers to.
  enum class choice : std::uint8_t {
    any,
    each_once,  ///< The rows in turn, none of them twice.
    pair_first, ///< With `pair_second`: no pair of rows twice.
    pair_second,
  };
  struct made_reference {
    std::vector<std::size_t> from;
    std::vector<std::vector<value>> rows; ///< What is referred to; one row of nulls where there is none.
    choice how = choice::any;
  };

  row_maker(const table_shape& table, std::uint64_t run) : table_(&table), run_(run) {}

  std::optional<failure> read_parents(client& database, std::uint64_t rows_max);
  void choose_pairs();
  void choose_columns();
  std::optional<failure> read_state(client& database);
  std::optional<failure> look_at_room(std::uint64_t rows_max) const;
  bool refers(std::size_t place) const;
  void write_sql();
  std::size_t parent_of(const made_reference& one, std::uint64_t place) const;

  const table_shape* table_; ///< Not owned; outlives this.
  std::uint64_t run_;
  std::uint64_t had_ = 0;
  std::uint64_t last_number_ = 0;    ///< The highest that a unique column has, or as many as there are rows.
  std::uint64_t first_of_pairs_ = 1; ///< How many rows the first of a pair may refer to.
  std::vector<made_reference> references_;
  std::vector<made_column> columns_;
  std::vector<std::size_t> places_; ///< Of each parameter.
  std::string sql_;
};

} // namespace millrace::tools
