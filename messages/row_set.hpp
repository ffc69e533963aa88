#pragma once

#include "value.hpp"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// One cell, viewed in place; valid as long as its `row_set`.
class cell {
public:
  enum class type : std::uint8_t { null, integer, real, text, blob };

  cell() = default;
  cell(type kind, std::string_view payload) : type_(kind), payload_(payload) {}

  type kind() const noexcept { return type_; }
  bool is_null() const noexcept { return type_ == type::null; }
  /// The number; a real is truncated, anything else is 0.
  std::int64_t as_integer() const noexcept;
  /// The number; anything that is no number is 0.
  double as_real() const noexcept;
  /// The bytes of a text or blob, empty for the rest.
  std::string_view as_text() const noexcept;
  /// The cell as an owning value.
  value as_value() const;
  /// The cell as a person reads it; null is empty, a blob is hexadecimal.
  std::string to_string() const;

private:
  type type_ = type::null;
  std::string_view payload_; ///< Eight little-endian bytes for numbers, the bytes themselves for text and blob.
};

class row_set;

/// One row, viewed in place; valid as long as its `row_set`.
class row {
public:
  row(const row_set& rows, std::size_t offset) : rows_(&rows), offset_(offset) {}

  /// The cell in a column by position from 0; null beyond the last column.
  cell operator[](std::size_t column) const;
  /// The cell in a column by name; null where there is no such column.
  cell operator[](std::string_view column) const;
  std::size_t size() const noexcept;

private:
  const row_set* rows_;
  std::size_t offset_;
};

/// The rows that a query or `RETURNING` gave. All cells stand packed in one buffer, so that a row costs no allocation
/// and serialising is a copy. Each cell is a type byte and its payload: nothing, 8 bytes of a little-endian number, or
/// a 4-byte little-endian length and the bytes.
class row_set {
public:
  using value_type = row; ///< CAF asks it of everything that can be iterated.
  using columns_ptr = std::shared_ptr<const std::vector<std::string>>;

  class iterator {
  public:
    using iterator_category = std::input_iterator_tag;
    using value_type = row;
    using difference_type = std::ptrdiff_t;
    using pointer = const row*;
    using reference = row;

    iterator(const row_set* rows, std::size_t index) : rows_(rows), index_(index) {}
    row operator*() const { return (*rows_)[index_]; }
    iterator& operator++() {
      ++index_;
      return *this;
    }
    iterator operator++(int) {
      auto before = *this;
      ++index_;
      return before;
    }
    friend bool operator==(const iterator&, const iterator&) = default;

  private:
    const row_set* rows_;
    std::size_t index_;
  };

  row_set() = default;
  explicit row_set(columns_ptr columns) : columns_(std::move(columns)) {}

  /// Rebuilds a row set from its parts as they arrive from another node. Nothing where they do not fit together.
  static std::optional<row_set> from_parts(std::vector<std::string> columns, std::string cells, std::uint64_t row_count,
                                           bool truncated, std::uint64_t seq = 0);

  const std::vector<std::string>& columns() const noexcept;
  std::size_t size() const noexcept { return offsets_.size(); }
  bool empty() const noexcept { return offsets_.empty(); }
  /// Whether there were more rows than the query allowed.
  bool truncated() const noexcept { return truncated_; }
  /// The state that a query saw: everything up to this `seq`, and nothing after it. 0 for rows of `RETURNING`, whose
  /// state is that of their outcome's `seq`.
  std::uint64_t seq() const noexcept { return seq_; }
  row operator[](std::size_t index) const { return {*this, offsets_[index]}; }
  iterator begin() const { return {this, 0}; }
  iterator end() const { return {this, size()}; }

  /// The packed cells, for serialising and for bounding memory.
  const std::string& cells() const noexcept { return cells_; }

  // Filling: `begin_row`, then one `add_…` per column.
  void begin_row() { offsets_.push_back(static_cast<std::uint32_t>(cells_.size())); }
  void add_null();
  void add_integer(std::int64_t number);
  void add_real(double number);
  void add_text(std::string_view text);
  void add_blob(std::string_view bytes);
  void mark_truncated() noexcept { truncated_ = true; }
  void set_seq(std::uint64_t seq) noexcept { seq_ = seq; }
  /// Forgets the row that was begun last.
  void drop_last_row();

  friend bool operator==(const row_set& left, const row_set& right);

private:
  friend class row;

  void add_number(cell::type kind, std::uint64_t bits);
  void add_bytes(cell::type kind, std::string_view bytes);

  columns_ptr columns_;
  std::string cells_;
  std::vector<std::uint32_t> offsets_; ///< Where each row begins in `cells_`.
  bool truncated_ = false;
  std::uint64_t seq_ = 0;
};

} // namespace millrace
