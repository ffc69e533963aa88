#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace millrace {

/// Bytes that are not text. Kept in a string because CAF 0.17 resizes byte vectors before it checks their length.
struct blob {
  std::string bytes;

  friend bool operator==(const blob&, const blob&) = default;
};

/// One SQL value: null, 64-bit integer, double, UTF-8 text or blob (SQLite: datatype3.html §1).
/// Converts from what a program has at hand. A NaN becomes null, as SQLite stores it.
class value {
public:
  using variant = std::variant<std::monostate, std::int64_t, double, std::string, blob>;

  value() = default;
  value(std::nullptr_t) {}
  value(std::integral auto number) : data_(static_cast<std::int64_t>(number)) {}
  value(std::floating_point auto number) {
    if (!std::isnan(number)) {
      data_ = static_cast<double>(number);
    }
  }
  value(std::string text) : data_(std::move(text)) {}
  value(std::string_view text) : data_(std::string{text}) {}
  value(const char* text) : data_(std::string{text}) {}
  value(blob bytes) : data_(std::move(bytes)) {}
  template <class T>
  value(std::optional<T> maybe) : value(maybe ? value{std::move(*maybe)} : value{}) {}

  const variant& data() const noexcept { return data_; }
  bool is_null() const noexcept { return data_.index() == 0; }

  /// The payload of text or blob in bytes, 0 for the rest; what admission and limits count.
  std::size_t payload_bytes() const noexcept {
    if (const auto* text = std::get_if<std::string>(&data_)) {
      return text->size();
    }
    const auto* bytes = std::get_if<blob>(&data_);
    return bytes == nullptr ? 0 : bytes->bytes.size();
  }

  friend bool operator==(const value&, const value&) = default;

private:
  variant data_;
};

} // namespace millrace
