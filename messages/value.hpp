#pragma once

#include <chrono>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ratio>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace millrace {

/// Bytes that are not text. Kept in a string because CAF 0.17 resizes byte vectors before it checks their length.
struct blob {
  std::string bytes{};

  friend bool operator==(const blob&, const blob&) = default;
};

namespace detail {

template <class T, class... Others>
concept one_of = (std::same_as<T, Others> || ...);

/// C++ counts with characters, SQL does not: 'x' would be stored as 120. Nor has SQL integers of 128 bits, which are
/// some compilers' own.
template <class T>
concept number = std::integral<T> && sizeof(T) <= sizeof(std::int64_t)
                 && !one_of<T, char, wchar_t, char8_t, char16_t, char32_t>;

/// `2024-05-01`.
std::string date_text(std::chrono::sys_days day);
/// `2024-05-01 12:30:00.250`: a day, the time since it began, and so many decimals of its seconds.
std::string time_text(std::chrono::sys_days day, std::chrono::seconds time, std::uint64_t fraction, unsigned decimals);

[[noreturn]] void refuse_integer(std::uint64_t number);

} // namespace detail

/// One SQL value: null, 64-bit integer, double, UTF-8 text or blob (SQLite: datatype3.html §1).
///
/// Converts from what a program has at hand, and never to something else in silence: what has no such value does not
/// compile (characters, a single `std::byte`, `long double`, durations), an unsigned number above 2^63 - 1 and a moment
/// outside the years 0 to 9999 throw `std::out_of_range`. A NaN becomes null, as SQLite stores it.
class value {
public:
  using variant = std::variant<std::monostate, std::int64_t, double, std::string, blob>;

  value() = default;
  value(std::nullptr_t) {}
  value(std::nullopt_t) {}
  value(detail::number auto number) : data_(integer(number)) {}
  value(std::same_as<float> auto number) : value(static_cast<double>(number)) {}
  value(std::same_as<double> auto number) {
    if (!std::isnan(number)) {
      data_ = number;
    }
  }
  value(std::string text) : data_(std::move(text)) {}
  value(std::string_view text) : data_(std::string{text}) {}
  /// A null pointer is null.
  value(const char* text) {
    if (text != nullptr) {
      data_ = std::string{text};
    }
  }
  value(blob bytes) : data_(std::move(bytes)) {}
  value(std::span<const std::byte> bytes) : data_(blob{{reinterpret_cast<const char*>(bytes.data()), bytes.size()}}) {}
  value(std::span<const std::uint8_t> bytes) : value(std::as_bytes(bytes)) {}
  /// The number of an enumerator. `std::byte` is one to C++, and no number to whoever has it.
  template <class Enum>
  requires(std::is_enum_v<Enum> && !std::same_as<Enum, std::byte>) value(Enum one)
    : data_(integer(static_cast<std::underlying_type_t<Enum>>(one))) {}
  /// Text in UTC, as SQLite's date functions read and give it: `2024-05-01 12:30:00.250`, with as many decimals as the
  /// clock has, and `2024-05-01` for a day. Such texts stand in the order of their moments.
  template <class Duration>
  value(std::chrono::time_point<std::chrono::system_clock, Duration> moment) : data_(text_of(moment)) {}
  /// Nothing is null.
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
  template <class T>
  static std::int64_t integer(T number) {
    if constexpr (std::is_unsigned_v<T> && sizeof(T) == sizeof(std::uint64_t)) {
      if (number > std::uint64_t{INT64_MAX}) {
        detail::refuse_integer(number);
      }
    }
    return static_cast<std::int64_t>(number);
  }

  template <class Duration>
  static std::string text_of(std::chrono::time_point<std::chrono::system_clock, Duration> moment) {
    const auto day = std::chrono::floor<std::chrono::days>(moment);
    if constexpr (std::ratio_greater_equal_v<typename Duration::period, std::chrono::days::period>) {
      return detail::date_text(day);
    } else {
      const std::chrono::hh_mm_ss time{moment - day};
      return detail::time_text(day, time.hours() + time.minutes() + time.seconds(),
                               static_cast<std::uint64_t>(time.subseconds().count()), time.fractional_width);
    }
  }

  variant data_;
};

} // namespace millrace
