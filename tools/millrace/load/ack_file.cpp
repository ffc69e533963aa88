#include "ack_file.hpp"

#include <millrace/storage/base/file.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace millrace::tools {

namespace {

/// Where the last complete line of the file ends; 0 where it has none.
storage::result<std::uint64_t> end_of_lines(storage::file& file, std::uint64_t size) {
  std::array<char, 4096> block{};
  for (auto end = size; end > 0;) {
    const auto begin = end - std::min<std::uint64_t>(end, block.size());
    const auto read = file.read_at(begin, std::span{block}.first(end - begin));
    if (!read) {
      return tl::unexpected{read.error()};
    }
    const auto last = std::string_view{block.data(), *read}.rfind('\n');
    if (last != std::string_view::npos) {
      return begin + last + 1;
    }
    end = begin;
  }
  return 0;
}

/// Cuts off the part of a line at the file's end: its process was killed while it wrote it, and the next line would be
/// read as its rest. A file without any complete line is none of ours to cut.
storage::result<> cut_torn_line(const std::filesystem::path& path) {
  const auto file = storage::posix_file_system().open(path, storage::file_mode::read_write);
  if (!file) {
    return tl::unexpected{file.error()};
  }
  const auto size = (*file)->size();
  const auto end = size.and_then([&](std::uint64_t bytes) { return end_of_lines(**file, bytes); });
  if (!end) {
    return tl::unexpected{end.error()};
  }
  if (*end == 0 && *size > 0) {
    return storage::fail(errc::bad_option, path.string() + " holds no lines; give another file");
  }
  return *end == *size ? storage::result<>{} : (*file)->truncate(*end);
}

} // namespace

tl::expected<ack_file, std::string> ack_file::open(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return tl::unexpected{"The ack file " + path.string() + " cannot be written: " + std::strerror(errno) + "."};
  }
  ack_file opened{descriptor};
  std::error_code unknown;
  // Whoever appends holds the lock with others. Who gets it alone is the only one, and may cut.
  if (std::filesystem::is_regular_file(path, unknown) && ::flock(descriptor, LOCK_EX | LOCK_NB) == 0) {
    if (const auto whole = cut_torn_line(path); !whole) {
      return tl::unexpected{"The ack file cannot be written: " + whole.error().detail + "."};
    }
  }
  ::flock(descriptor, LOCK_SH);
  return opened;
}

ack_file::ack_file(ack_file&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

ack_file& ack_file::operator=(ack_file&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

ack_file::~ack_file() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

bool ack_file::append(std::optional<std::string_view> key) {
  if (descriptor_ < 0) {
    return true;
  }
  line_ = key ? "" : "\\N";
  for (const char character : key.value_or("")) {
    if (character == '\n' || character == '\r' || character == '\\') {
      line_ += '\\';
      line_ += character == '\n' ? 'n' : character == '\r' ? 'r' : '\\';
    } else {
      line_ += character;
    }
  }
  line_ += '\n';
  std::string_view rest = line_;
  while (!rest.empty()) {
    const auto written = ::write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno != EINTR) {
      return false;
    }
    rest.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
  }
  return true;
}

} // namespace millrace::tools
