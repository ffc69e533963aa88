#include "row_set.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <stdexcept>

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

/// The fewest digits that give the same number again, and a point where that would read as an integer.
std::string real_text(double number) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  std::string text{digits.data(), end};
  return text.find_first_not_of("-0123456789") == std::string::npos ? text + ".0" : text;
}

std::string_view name_of(cell::type kind) noexcept {
  switch (kind) {
    case cell::type::integer:
      return "an integer";
    case cell::type::real:
      return "a real";
    case cell::type::text:
      return "a text";
    case cell::type::blob:
      return "a blob";
    default:
      return "null";
  }
}

std::string listed(const std::vector<std::string>& columns) {
  std::string text;
  for (const auto& name : columns) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

/// Takes so many digits from the beginning of a text; nothing where there are fewer.
std::optional<int> take_digits(std::string_view& text, std::size_t count) noexcept {
  int number = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (i == text.size() || text[i] < '0' || text[i] > '9') {
      return std::nullopt;
    }
    number = 10 * number + (text[i] - '0');
  }
  text.remove_prefix(count);
  return number;
}

/// Takes a mark and the digits after it; nothing where these are none, or make a number that is greater.
std::optional<int> take_part(std::string_view& text, char mark, std::size_t count, int greatest) noexcept {
  if (!text.starts_with(mark)) {
    return std::nullopt;
  }
  text.remove_prefix(1);
  const auto number = take_digits(text, count);
  return number && *number <= greatest ? number : std::nullopt;
}

} // namespace

std::optional<std::pair<std::chrono::sys_seconds, std::chrono::nanoseconds>> detail::time_of(
  std::string_view text) noexcept {
  using namespace std::chrono;
  constexpr std::size_t nanosecond_digits = 9;
  const auto year = take_digits(text, 4);
  const auto month = year ? take_part(text, '-', 2, 12) : std::nullopt;
  const auto day = month ? take_part(text, '-', 2, 31) : std::nullopt;
  if (!day) {
    return std::nullopt;
  }
  const year_month_day date{std::chrono::year{*year}, std::chrono::month{static_cast<unsigned>(*month)},
                            std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) {
    return std::nullopt;
  }
  if (text.empty()) {
    return std::pair{sys_seconds{sys_days{date}}, nanoseconds{0}};
  }
  const auto hour = take_part(text, ' ', 2, 23);
  const auto minute = hour ? take_part(text, ':', 2, 59) : std::nullopt;
  const auto second = minute ? take_part(text, ':', 2, 59) : std::nullopt;
  if (!second) {
    return std::nullopt;
  }
  auto fraction = std::optional{0};
  if (!text.empty()) {
    const auto decimals = text.size() - 1;
    fraction = decimals > 0 && decimals <= nanosecond_digits ? take_part(text, '.', decimals, 999'999'999)
                                                             : std::nullopt;
    for (auto i = decimals; fraction && i < nanosecond_digits; ++i) {
      *fraction *= 10;
    }
  }
  if (!fraction) {
    return std::nullopt;
  }
  return std::pair{sys_days{date} + hours{*hour} + minutes{*minute} + seconds{*second}, nanoseconds{*fraction}};
}

std::int64_t cell::integer() const noexcept {
  return static_cast<std::int64_t>(load_little_endian<std::uint64_t>(payload_));
}

double cell::real() const noexcept {
  return std::bit_cast<double>(load_little_endian<std::uint64_t>(payload_));
}

void cell::demand(bool fits, std::string_view wanted) const {
  if (!fits) {
    throw std::invalid_argument{"the cell is " + std::string{name_of(type_)} + " and not " + std::string{wanted}
                                + "; `kind` tells, and `get` gives nothing instead"};
  }
}

std::int64_t cell::as_integer() const {
  demand(type_ == type::integer, name_of(type::integer));
  return integer();
}

double cell::as_real() const {
  demand(type_ == type::real || type_ == type::integer, "a number");
  return type_ == type::real ? real() : static_cast<double>(integer());
}

std::string_view cell::as_text() const {
  demand(type_ == type::text, name_of(type::text));
  return payload_;
}

std::span<const std::byte> cell::as_blob() const {
  demand(type_ == type::blob, name_of(type::blob));
  return bytes();
}

value cell::as_value() const {
  switch (type_) {
    case type::integer:
      return integer();
    case type::real:
      return real();
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
      return std::to_string(integer());
    case type::real:
      return real_text(real());
    case type::text:
      return std::string{payload_};
    case type::blob:
      return hexadecimal(payload_);
    default:
      return {};
  }
}

row::iterator::iterator(std::string_view cells, std::size_t offset, std::size_t left)
  : cells_(cells), offset_(offset), left_(left) {
  if (left_ > 0) {
    here_ = take_cell(cells_, offset_).value_or(cell{});
  }
}

row::iterator& row::iterator::operator++() {
  *this = {cells_, offset_, left_ - 1};
  return *this;
}

row::iterator row::begin() const {
  return {rows_->cells_, offset_, size()};
}

row::iterator row::end() const {
  return {rows_->cells_, offset_, 0};
}

cell row::operator[](std::size_t column) const {
  if (column >= size()) {
    throw std::out_of_range{"there is no column " + std::to_string(column) + ", counted from 0; there are "
                            + std::to_string(size()) + ": " + listed(rows_->columns())};
  }
  return *std::next(begin(), static_cast<std::ptrdiff_t>(column));
}

cell row::operator[](std::string_view column) const {
  const auto& names = rows_->columns();
  const auto found = std::ranges::find(names, column);
  if (found == names.end()) {
    throw std::out_of_range{"there is no column \"" + std::string{column} + "\"; there are: " + listed(names)};
  }
  if (std::find(found + 1, names.end(), column) != names.end()) {
    throw std::out_of_range{"there are several columns \"" + std::string{column}
                            + "\"; give them different names (AS), or take one by its position"};
  }
  return (*this)[static_cast<std::size_t>(found - names.begin())];
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

row row_set::operator[](std::size_t index) const& {
  if (index >= size()) {
    throw std::out_of_range{"there is no row " + std::to_string(index) + ", counted from 0; there are "
                            + std::to_string(size())};
  }
  return {*this, offsets_[index]};
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
