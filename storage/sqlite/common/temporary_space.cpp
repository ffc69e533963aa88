#include "temporary_space.hpp"

#include <millrace/storage/base/folder.hpp>

#include <algorithm>
#include <cstdio>

#include <sys/stat.h>

namespace millrace::storage::sqlite {

bool temporary_space::take(std::int64_t bytes) noexcept {
  const auto taken = bytes_.fetch_add(bytes) + bytes;
  if (bytes > 0 && kib_max_ != 0 && taken > kib_max_ * 1024) {
    bytes_.fetch_sub(bytes);
    return false;
  }
  if (bytes > 0) {
    times_taken_.fetch_add(1);
  }
  return true;
}

std::optional<std::uint64_t> temporary_space::times_taken() const noexcept {
  const auto times = times_taken_.load(); // First, so that what is taken meanwhile shows in one of the two.
  return bytes_.load() == 0 ? std::optional{times} : std::nullopt;
}

bool temporary_space::name_file(std::span<char> into) const noexcept {
  static std::atomic<unsigned> made{0};
  std::ranges::fill(into, '\0');
  const auto length = std::snprintf(into.data(), into.size() - 1, "%s/%s%x", folder_.c_str(), temporary_file_prefix,
                                    made.fetch_add(1, std::memory_order_relaxed));
  return length > 0 && static_cast<std::size_t>(length) < into.size() - 1;
}

bool temporary_space::make_folder() const noexcept {
  return ::mkdir(folder_.c_str(), 0700) == 0 && ::chmod(folder_.c_str(), 0700) == 0; // Whatever the umask is.
}

} // namespace millrace::storage::sqlite
