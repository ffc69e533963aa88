#pragma once

#include "table_shape.hpp"

#include <millrace/messages/value.hpp>

#include <cstdint>
#include <string_view>

namespace millrace::tools {

/// Numbers that look drawn and follow from where they are drawn alone.
class draw {
public:
  /// For one value: of a run's number, the names of table and column, and the row.
  draw(std::uint64_t run, std::string_view table, std::string_view column, std::uint64_t row) noexcept;

  std::uint64_t next() noexcept;
  /// From 0 to `bound` - 1.
  std::uint64_t below(std::uint64_t bound) noexcept { return next() % bound; }

private:
  std::uint64_t state_;
};

/// What stands in a column, by its declared type and the words of its name.
enum class content : std::uint8_t {
  flag,
  small_number, ///< 1 to 20.
  number,       ///< 1 to 1,000.
  age,
  year,
  rating, ///< 1 to 5.
  percent,
  cents,
  unix_time,
  amount, ///< With two decimals.
  score,  ///< 0 to 10, with a decimal.
  latitude,
  longitude,
  real,
  moment,
  day,
  time,
  person,
  first_name,
  last_name,
  login,
  mail,
  phone,
  street,
  city,
  country,
  postcode,
  url,
  uuid,
  colour,
  language,
  currency,
  code,
  json,
  title,
  sentence,
  bytes,
};

content content_of(const table_column& column);

/// A value for a row, from 1. Where it is to be unique, no other row's is the same, unless there are too few values.
value made_value(content what, bool unique, std::uint64_t row, draw& from);

} // namespace millrace::tools
