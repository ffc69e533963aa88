#pragma once

#include "delimited.hpp"

#include <millrace/messages/row_set.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::tools {

/// The hash of a row of a file. Unambiguous: fields that look alike only when they are joined differ.
std::uint64_t hash_of_row(const record& row);
/// The hash of a row of a table: that of the row of a file that it was loaded from, where nothing converted its values.
std::uint64_t hash_of_row(const row& row);

/// Many rows, whatever their order, in a few KiB: their number, and the sum of their hashes, in each of a few thousand
/// buckets.
class table_sum {
public:
  static constexpr std::size_t bucket_count = 4'096;

  struct bucket {
    std::uint64_t sum = 0; ///< Modulo 2^64.
    std::uint64_t rows = 0;

    friend bool operator==(const bucket&, const bucket&) = default;
  };

  static constexpr std::size_t bucket_of(std::uint64_t hash) noexcept { return hash % bucket_count; }

  void add(std::uint64_t hash) noexcept {
    auto& one = buckets_[bucket_of(hash)];
    one.sum += hash;
    ++one.rows;
  }

  /// The rows of both.
  table_sum& operator+=(const table_sum& other) noexcept;

  const bucket& operator[](std::size_t index) const noexcept { return buckets_[index]; }

  /// As bytes, to be stored; none where there are no rows.
  std::string to_bytes() const;
  /// Nothing where the bytes are not of `to_bytes`.
  static std::optional<table_sum> from_bytes(std::string_view bytes);

private:
  std::array<bucket, bucket_count> buckets_{};
};

} // namespace millrace::tools
