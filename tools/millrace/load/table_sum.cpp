#include "table_sum.hpp"

#include <millrace/storage/base/hash.hpp>

#include <algorithm>
#include <limits>

namespace millrace::tools {

namespace {

template <class Number>
void append_number(std::string& bytes, Number number) {
  for (std::size_t shift = 0; shift < 8 * sizeof number; shift += 8) {
    bytes += static_cast<char>((number >> shift) & 0xFFU);
  }
}

std::uint64_t take_number(std::string_view& bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i) {
    number |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  bytes.remove_prefix(sizeof number);
  return number;
}

/// The bytes that a row's hash is taken of. Used by one thread; kept for its memory.
class row_bytes {
public:
  void add(std::string_view field) {
    append_number(bytes_, static_cast<std::uint32_t>(field.size()));
    bytes_ += field;
  }
  void add_null() { append_number(bytes_, std::numeric_limits<std::uint32_t>::max()); }
  std::uint64_t take_hash() {
    const auto hash = storage::hash_of(bytes_);
    bytes_.clear();
    return hash;
  }

private:
  std::string bytes_;
};

thread_local row_bytes bytes;

} // namespace

std::uint64_t hash_of_row(const record& row) {
  for (std::size_t i = 0; i < row.fields.size(); ++i) {
    row.is_null(i) ? bytes.add_null() : bytes.add(row.fields[i]);
  }
  return bytes.take_hash();
}

namespace {

/// A number as it most likely stands in a file: a real that is whole has no `.0` there.
std::string as_in_file(const cell& number) {
  auto text = number.to_string();
  if (number.kind() == cell::type::real && text.ends_with(".0")) {
    text.resize(text.size() - 2);
  }
  return text;
}

} // namespace

std::uint64_t hash_of_row(const row& row) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    const auto cell = row[i];
    if (cell.is_null()) {
      bytes.add_null();
    } else if (cell.kind() == cell::type::text) {
      bytes.add(cell.as_text());
    } else {
      bytes.add(as_in_file(cell));
    }
  }
  return bytes.take_hash();
}

table_sum& table_sum::operator+=(const table_sum& other) noexcept {
  for (std::size_t i = 0; i < bucket_count; ++i) {
    buckets_[i].sum += other.buckets_[i].sum;
    buckets_[i].rows += other.buckets_[i].rows;
  }
  return *this;
}

std::string table_sum::to_bytes() const {
  std::string result;
  if (buckets_ == decltype(buckets_){}) {
    return result;
  }
  for (const auto& one : buckets_) {
    append_number(result, one.sum);
    append_number(result, one.rows);
  }
  return result;
}

std::optional<table_sum> table_sum::from_bytes(std::string_view stored) {
  table_sum result;
  if (stored.empty()) {
    return result;
  }
  if (stored.size() != bucket_count * 2 * sizeof(std::uint64_t)) {
    return std::nullopt;
  }
  for (auto& one : result.buckets_) {
    one.sum = take_number(stored);
    one.rows = take_number(stored);
  }
  return result;
}

} // namespace millrace::tools
