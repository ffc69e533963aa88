#include "temporary_space.hpp"

#include <millrace/storage/base/folder.hpp>

#include <algorithm>
#include <cstdio>

#include <sys/stat.h>

namespace millrace::storage::sqlite {

bool temporary_space::take(std::int64_t bytes) noexcept {
  const auto taken = bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (bytes > 0 && kib_max_ != 0 && taken > kib_max_ * 1024) {
    bytes_.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }
  return true;
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
