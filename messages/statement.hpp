#pragma once

#include "value.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace millrace {

/// A parameter given by name: `named{":title", "Solar kettle"}`. The name carries its prefix (`:`, `@` or `$`).
struct named {
  std::string name{};
  millrace::value value{};
};

/// One SQL statement with its parameters. Parameters are all by position (`?1`) or all by name (`:title`).
struct statement {
  /// Marks a statement that may change any number of rows.
  static constexpr std::int64_t any_row_count = -1;

  std::string sql{};
  std::vector<value> parameters{};
  /// Empty, or one name per parameter.
  std::vector<std::string> names{};
  /// The transaction fails with `row_count_mismatch` unless exactly so many rows change. This is how optimistic
  /// concurrency is written: `UPDATE … WHERE id = ?1 AND version = ?2`, one row expected.
  std::int64_t expected_rows = any_row_count;

  friend bool operator==(const statement&, const statement&) = default;
};

/// The bytes that a statement's texts and values take; what admission counts and limits bound.
inline std::size_t payload_bytes(const statement& step) noexcept {
  std::size_t bytes = step.sql.size() + 16;
  for (const auto& parameter : step.parameters) {
    bytes += 16 + parameter.payload_bytes();
  }
  for (const auto& name : step.names) {
    bytes += name.size();
  }
  return bytes;
}

template <class T>
concept parameter = std::constructible_from<value, T> || std::same_as<std::remove_cvref_t<T>, named>;

/// Builds a statement from its text and its parameters, which are values or `named`.
template <parameter... Ts>
statement make_statement(std::string_view sql, Ts&&... parameters) {
  statement result;
  result.sql = sql;
  result.parameters.reserve(sizeof...(Ts));
  [[maybe_unused]] auto add = [&result]<class T>(T&& parameter) {
    if constexpr (std::same_as<std::remove_cvref_t<T>, named>) {
      result.names.resize(result.parameters.size());
      result.names.emplace_back(parameter.name);
      result.parameters.emplace_back(std::forward<T>(parameter).value);
    } else {
      result.parameters.emplace_back(std::forward<T>(parameter));
      if (!result.names.empty()) {
        result.names.emplace_back();
      }
    }
  };
  (add(std::forward<Ts>(parameters)), ...);
  return result;
}

} // namespace millrace
