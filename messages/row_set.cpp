#include "row_set.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>

namespace millrace {

namespace {

constexpr std::size_t number_bytes = 8;
constexpr std::size_t length_bytes = 4;

template <class T>
T load_little_endian(std::string_view bytes) noexcept {
  T number{};
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    number |= static_cast<T>(static_cast<T>(static_cast<unsigned char>(bytes[i])) << (8 * i));
  }
  return number;
}

template <class T>
void append_little_endian(std::string& to, T number) {
  std::array<char, sizeof(T)> bytes{};
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    bytes[i] = static_cast<char>(number >> (8 * i));
  }
  to.append(bytes.data(), bytes.size());
}

/// Takes the cell that begins at `offset`; nothing where the bytes are no whole cell. Moves `offset` behind it.
std::optional<cell> take_cell(std::string_view cells, std::size_t& offset) noexcept {
  if (offset >= cells.size()) {
    return std::nullopt;
  }
  const auto kind = static_cast<cell::type>(cells[offset++]);
  std::size_t length = 0;
  switch (kind) {
    case cell::type::null:
      break;
    case cell::type::integer:
    case cell::type::real:
      length = number_bytes;
      break;
    case cell::type::text:
    case cell::type::blob:
      if (cells.size() - offset < length_bytes) {
        return std::nullopt;
      }
      length = load_little_endian<std::uint32_t>(cells.substr(offset, length_bytes));
      offset += length_bytes;
      break;
    default:
      return std::nullopt;
  }
  if (cells.size() - offset < length) {
    return std::nullopt;
  }
  cell result{kind, cells.substr(offset, length)};
  offset += length;
  return result;
}

std::string hexadecimal(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char byte : bytes) {
    const auto number = static_cast<unsigned char>(byte);
    text += digits[number >> 4U];
    text += digits[number & 15U];
  }
  return text;
}

} // namespace

std::int64_t cell::as_integer() const noexcept {
  if (type_ == type::integer) {
    return static_cast<std::int64_t>(load_little_endian<std::uint64_t>(payload_));
  }
  if (type_ != type::real) {
    return 0;
  }
  constexpr double beyond = 9223372036854775808.0; // 2^63: a cast from there on is undefined
  const auto number = as_real();
  if (number >= beyond) {
    return INT64_MAX;
  }
  return number <= -beyond ? INT64_MIN : static_cast<std::int64_t>(number);
}

double cell::as_real() const noexcept {
  if (type_ == type::real) {
    return std::bit_cast<double>(load_little_endian<std::uint64_t>(payload_));
  }
  return type_ == type::integer ? static_cast<double>(as_integer()) : 0.0;
}

std::string_view cell::as_text() const noexcept {
  return type_ == type::text || type_ == type::blob ? payload_ : std::string_view{};
}

value cell::as_value() const {
  switch (type_) {
    case type::integer:
      return as_integer();
    case type::real:
      return as_real();
    case type::text:
      return payload_;
    case type::blob:
      return blob{std::string{payload_}};
    default:
      return nullptr;
  }
}

std::string cell::to_string() const {
  switch (type_) {
    case type::integer:
      return std::to_string(as_integer());
    case type::real: {
      std::array<char, 32> text{};
      const auto end = std::to_chars(text.data(), text.data() + text.size(), as_real()).ptr;
      return {text.data(), end};
    }
    case type::text:
      return std::string{payload_};
    case type::blob:
      return hexadecimal(payload_);
    default:
      return {};
  }
}

cell row::operator[](std::size_t column) const {
  if (column >= size()) {
    return {};
  }
  auto offset = offset_;
  std::optional<cell> found;
  for (std::size_t i = 0; i <= column; ++i) {
    found = take_cell(rows_->cells_, offset);
  }
  return found.value_or(cell{});
}

cell row::operator[](std::string_view column) const {
  const auto& names = rows_->columns();
  return (*this)[static_cast<std::size_t>(std::ranges::find(names, column) - names.begin())];
}

std::size_t row::size() const noexcept {
  return rows_->columns().size();
}

std::optional<row_set> row_set::from_parts(std::vector<std::string> columns, std::string cells, std::uint64_t row_count,
                                           bool truncated, std::uint64_t seq) {
  const auto width = columns.size();
  // A cell takes at least one byte, which bounds what is allocated for a count that somebody else sent.
  if ((width == 0 && row_count > 0) || (width > 0 && row_count > cells.size() / width)) {
    return std::nullopt;
  }
  row_set result;
  result.offsets_.reserve(row_count);
  std::size_t offset = 0;
  for (std::uint64_t i = 0; i < row_count; ++i) {
    result.offsets_.push_back(static_cast<std::uint32_t>(offset));
    for (std::size_t column = 0; column < width; ++column) {
      if (!take_cell(cells, offset)) {
        return std::nullopt;
      }
    }
  }
  if (offset != cells.size()) {
    return std::nullopt;
  }
  if (width > 0) {
    result.columns_ = std::make_shared<const std::vector<std::string>>(std::move(columns));
  }
  result.cells_ = std::move(cells);
  result.truncated_ = truncated;
  result.seq_ = seq;
  return result;
}

const std::vector<std::string>& row_set::columns() const noexcept {
  static const std::vector<std::string> none;
  return columns_ == nullptr ? none : *columns_;
}

void row_set::add_null() {
  cells_ += static_cast<char>(cell::type::null);
}

void row_set::add_integer(std::int64_t number) {
  add_number(cell::type::integer, static_cast<std::uint64_t>(number));
}

void row_set::add_real(double number) {
  add_number(cell::type::real, std::bit_cast<std::uint64_t>(number));
}

void row_set::add_text(std::string_view text) {
  add_bytes(cell::type::text, text);
}

void row_set::add_blob(std::string_view bytes) {
  add_bytes(cell::type::blob, bytes);
}

void row_set::drop_last_row() {
  cells_.resize(offsets_.back());
  offsets_.pop_back();
}

bool operator==(const row_set& left, const row_set& right) {
  return left.columns() == right.columns() && left.cells_ == right.cells_ && left.size() == right.size()
         && left.truncated_ == right.truncated_ && left.seq_ == right.seq_;
}

void row_set::add_number(cell::type kind, std::uint64_t bits) {
  cells_ += static_cast<char>(kind);
  append_little_endian(cells_, bits);
}

void row_set::add_bytes(cell::type kind, std::string_view bytes) {
  cells_ += static_cast<char>(kind);
  append_little_endian(cells_, static_cast<std::uint32_t>(bytes.size()));
  cells_ += bytes;
}

} // namespace millrace
