#pragma once

#include "value.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
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

  // For who knows what is there: a cell of another type, null among them, throws `std::invalid_argument`.
  std::int64_t as_integer() const;
  /// A real, or the double that is nearest to an integer.
  double as_real() const;
  std::string_view as_text() const;
  std::span<const std::byte> as_blob() const;

  /// For who does not: the cell as a `T`, or nothing where it is null, of another type, or does not fit. `T` is an
  /// integer, `bool` (0 and 1), `double`, `float`, `std::string`, `std::string_view`, `blob`,
  /// `std::span<const std::byte>`, an enumeration (by its number, whether it has a name or not), or a
  /// `std::chrono::sys_time` (from text as a `value` makes it of one, a day alone among them; what is finer than `T` is
  /// cut off).
  template <class T>
  std::optional<T> get() const;

  /// The cell as an owning value.
  value as_value() const;
  /// The cell as a person reads it; null is empty, a real is always told from an integer (`1.0`), a blob is
  /// hexadecimal.
  std::string to_string() const;

private:
  std::int64_t integer() const noexcept;
  double real() const noexcept;
  std::span<const std::byte> bytes() const noexcept { return std::as_bytes(std::span{payload_}); }
  void demand(bool fits, std::string_view wanted) const;

  type type_ = type::null;
  std::string_view payload_; ///< Eight little-endian bytes for numbers, the bytes themselves for text and blob.
};

namespace detail {

/// A moment as a `value` writes it: seconds since 1970, and nanoseconds of the next one. Nothing where the text is
/// none.
std::optional<std::pair<std::chrono::sys_seconds, std::chrono::nanoseconds>> time_of(std::string_view text) noexcept;

template <class T>
inline constexpr bool is_moment = false;
template <class Duration>
inline constexpr bool is_moment<std::chrono::time_point<std::chrono::system_clock, Duration>> = true;

template <class Moment>
std::optional<Moment> moment_of(std::string_view text) {
  using duration = typename Moment::duration;
  using std::chrono::seconds;
  const auto time = time_of(text);
  // Nanoseconds in 64 bits end in the year 2262.
  if (!time || time->first.time_since_epoch() <= std::chrono::ceil<seconds>(duration::min())
      || time->first.time_since_epoch() >= std::chrono::floor<seconds>(duration::max())) {
    return std::nullopt;
  }
  return std::chrono::floor<duration>(time->first) + std::chrono::floor<duration>(time->second);
}

} // namespace detail

template <class T>
std::optional<T> cell::get() const {
  if constexpr (std::is_same_v<T, bool>) {
    const auto number = get<std::int64_t>();
    return number == 0 || number == 1 ? std::optional{number == 1} : std::nullopt;
  } else if constexpr (detail::number<T>) {
    return type_ == type::integer && std::in_range<T>(integer()) ? std::optional{static_cast<T>(integer())}
                                                                 : std::nullopt;
  } else if constexpr (std::is_enum_v<T>) {
    const auto number = get<std::underlying_type_t<T>>();
    return number ? std::optional{static_cast<T>(*number)} : std::nullopt;
  } else if constexpr (std::is_same_v<T, double> || std::is_same_v<T, float>) {
    return type_ == type::real || type_ == type::integer ? std::optional{static_cast<T>(as_real())} : std::nullopt;
  } else if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>) {
    return type_ == type::text ? std::optional<T>{payload_} : std::nullopt;
  } else if constexpr (std::is_same_v<T, blob>) {
    return type_ == type::blob ? std::optional{blob{std::string{payload_}}} : std::nullopt;
  } else if constexpr (std::is_same_v<T, std::span<const std::byte>>) {
    return type_ == type::blob ? std::optional{bytes()} : std::nullopt;
  } else {
    static_assert(detail::is_moment<T>, "no cell is one of these");
    return type_ == type::text ? detail::moment_of<T>(payload_) : std::nullopt;
  }
}

class row_set;

/// One row, viewed in place; valid as long as its `row_set`. A range of its cells.
class row {
public:
  using value_type = cell; ///< CAF asks it of everything that can be iterated.

  class iterator {
  public:
    using iterator_category = std::input_iterator_tag;
    using value_type = cell;
    using difference_type = std::ptrdiff_t;
    using pointer = const cell*;
    using reference = cell;

    iterator(std::string_view cells, std::size_t offset, std::size_t left);
    cell operator*() const { return here_; }
    iterator& operator++();
    iterator operator++(int) {
      auto before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const iterator& one, const iterator& other) noexcept { return one.left_ == other.left_; }

  private:
    std::string_view cells_;
    std::size_t offset_; ///< Behind `here_`.
    std::size_t left_;   ///< Cells from `here_` to the end of the row.
    cell here_;
  };

  row(const row_set& rows, std::size_t offset) : rows_(&rows), offset_(offset) {}

  /// The cell in a column by position from 0. Throws `std::out_of_range` beyond the last column.
  cell operator[](std::size_t column) const;
  /// The cell in a column by name. Throws `std::out_of_range` where there is no such column, or more than one.
  cell operator[](std::string_view column) const;
  std::size_t size() const noexcept;
  iterator begin() const;
  iterator end() const;

private:
  const row_set* rows_;
  std::size_t offset_;
};

/// The rows that a query or `RETURNING` gave. All cells stand packed in one buffer, so that a row costs no allocation
/// and serialising is a copy. Each cell is a type byte and its payload: nothing, 8 bytes of a little-endian number, or
/// a 4-byte little-endian length and the bytes.
///
/// Rows and cells are views, so they are not taken from a row set that nobody keeps: `rows()[0]` of what a function
/// returns does not compile, its result wants a name first.
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
    row operator*() const { return {*rows_, rows_->offsets_[index_]}; }
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
  /// Throws `std::out_of_range` beyond the last row.
  row operator[](std::size_t index) const&;
  row operator[](std::size_t index) const&& = delete;
  iterator begin() const& { return {this, 0}; }
  iterator begin() const&& = delete;
  iterator end() const& { return {this, size()}; }
  iterator end() const&& = delete;

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
