#pragma once

#include <millrace/messages/uuid.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

/// How numbers and texts become bytes in the log: little-endian, LEB128 varints, nothing aligned inside a record.
namespace millrace::storage {

static_assert(std::endian::native == std::endian::little || std::endian::native == std::endian::big);

/// Turns a number from the machine's byte order to little-endian, or back.
template <class T>
T little_endian(T number) noexcept {
  static_assert(std::is_integral_v<T> && (sizeof(T) == 4 || sizeof(T) == 8));
  if constexpr (std::endian::native == std::endian::little) {
    return number;
  } else if constexpr (sizeof(T) == 4) {
    return static_cast<T>(__builtin_bswap32(static_cast<std::uint32_t>(number)));
  } else {
    return static_cast<T>(__builtin_bswap64(static_cast<std::uint64_t>(number)));
  }
}

/// Reads a little-endian number; the caller has checked that `from` holds so many bytes.
template <class T>
T load(const char* from) noexcept {
  T number;
  std::memcpy(&number, from, sizeof number);
  return little_endian(number);
}

template <class T>
void store(char* to, T number) noexcept {
  number = little_endian(number);
  std::memcpy(to, &number, sizeof number);
}

/// Grows once and is reused, so that encoding a batch allocates nothing.
class byte_writer {
public:
  static constexpr std::size_t varint_bytes_max = 10;

  void clear() noexcept { used_ = 0; }
  std::size_t size() const noexcept { return used_; }
  std::string_view view() const noexcept { return {buffer_.data(), used_}; }
  char* data() noexcept { return buffer_.data(); }

  void put_byte(std::uint8_t byte) { *room(1) = static_cast<char>(byte); }

  template <class T>
  void put_fixed(T number) {
    store(room(sizeof number), number);
  }

  void put_varint(std::uint64_t number) {
    reserve(varint_bytes_max);
    char* to = buffer_.data() + used_;
    while (number >= 0x80) {
      *to++ = static_cast<char>(number | 0x80);
      number >>= 7;
    }
    *to++ = static_cast<char>(number);
    used_ = static_cast<std::size_t>(to - buffer_.data());
  }

  /// Small negative numbers stay small: 0, -1, 1, -2, … become 0, 1, 2, 3, …
  void put_zigzag(std::int64_t number) {
    const auto bits = static_cast<std::uint64_t>(number);
    put_varint((bits << 1) ^ (number < 0 ? ~std::uint64_t{0} : 0));
  }

  void put_raw(std::string_view bytes) {
    char* to = room(bytes.size());
    if (!bytes.empty()) {
      std::memcpy(to, bytes.data(), bytes.size());
    }
  }

  void put_uuid(const uuid& id) {
    char* to = room(id.size());
    std::memcpy(to, id.data(), id.size());
  }

  /// A length and the bytes.
  void put_text(std::string_view bytes) {
    put_varint(bytes.size());
    put_raw(bytes);
  }

  void put_zeroes(std::size_t count) {
    char* to = room(count);
    std::fill_n(to, count, '\0');
  }

  /// Shifts what was written from `position` on by `count` bytes towards the end.
  void make_gap(std::size_t position, std::size_t count) {
    const auto moved = used_ - position;
    room(count);
    std::memmove(buffer_.data() + position + count, buffer_.data() + position, moved);
  }

private:
  void reserve(std::size_t count) {
    if (buffer_.size() - used_ < count) [[unlikely]] {
      grow(count);
    }
  }

  // Apart, so that the check alone is inlined: it is made a dozen times per transaction.
  [[gnu::noinline]] void grow(std::size_t count) { buffer_.resize(std::max(buffer_.size() * 2, used_ + count + 4096)); }

  char* room(std::size_t count) {
    reserve(count);
    used_ += count;
    return buffer_.data() + used_ - count;
  }

  std::string buffer_;
  std::size_t used_ = 0;
};

/// Reads untrusted bytes. What does not fit gives zero or nothing and makes `ok()` false from then on; never reads
/// beyond the end.
class byte_reader {
public:
  explicit byte_reader(std::string_view bytes) noexcept : rest_(bytes) {}

  bool ok() const noexcept { return ok_; }
  std::size_t left() const noexcept { return rest_.size(); }
  std::string_view rest() const noexcept { return rest_; }

  /// Makes `ok()` false: what was read makes no sense.
  void reject() noexcept { ok_ = false; }

  std::uint8_t byte() noexcept {
    const auto bytes = raw(1);
    return bytes.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(bytes.front());
  }

  template <class T>
  T fixed() noexcept {
    const auto bytes = raw(sizeof(T));
    return bytes.empty() ? T{0} : load<T>(bytes.data());
  }

  std::uint64_t varint() noexcept {
    std::uint64_t number = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto next = byte();
      const auto digits = static_cast<std::uint64_t>(next & 0x7f);
      if (shift == 63 && digits > 1) {
        break;
      }
      number |= digits << shift;
      if ((next & 0x80) == 0) {
        return number;
      }
    }
    ok_ = false;
    return 0;
  }

  std::int64_t zigzag() noexcept {
    const auto bits = varint();
    return static_cast<std::int64_t>((bits >> 1) ^ (~(bits & 1) + 1));
  }

  /// A varint that must not exceed `most`: what is checked before anything is allocated for it.
  std::uint64_t bounded(std::uint64_t most) noexcept {
    const auto number = varint();
    if (number > most) {
      ok_ = false;
      return 0;
    }
    return number;
  }

  std::string_view raw(std::size_t count) noexcept {
    if (!ok_ || count > rest_.size()) {
      ok_ = false;
      return {};
    }
    const auto bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }

  /// Sixteen bytes, as `byte_writer::put_uuid` puts them.
  uuid id() noexcept {
    uuid given{};
    const auto bytes = raw(given.size());
    std::copy(bytes.begin(), bytes.end(), given.begin());
    return given;
  }

  std::string_view text(std::size_t most) noexcept { return raw(static_cast<std::size_t>(bounded(most))); }

private:
  std::string_view rest_;
  bool ok_ = true;
};

} // namespace millrace::storage
