#include "file_identity.hpp"

#include <millrace/storage/base/hash.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <system_error>
#include <utility>

namespace millrace::tools {

namespace {

constexpr std::size_t hashed_at_once = 1024 * 1024;
constexpr std::uint64_t told_rows = 10'000;

std::string interrupted_at(const std::filesystem::path& file) {
  return "It was interrupted while " + file.string() + " was read.";
}

/// The hash of all that was hashed before and of what follows.
std::int64_t chained(std::int64_t before, std::string_view bytes) {
  std::string text(sizeof before + bytes.size(), '\0');
  std::memcpy(text.data(), &before, sizeof before);
  std::ranges::copy(bytes, text.begin() + sizeof before);
  return static_cast<std::int64_t>(storage::hash_of(text));
}

bool line_break(char byte) noexcept {
  return byte == '\n' || byte == '\r';
}

/// The bytes of a file from one place up to another, or up to its end.
std::string bytes_between(std::ifstream& input, std::int64_t first, std::int64_t end) {
  std::string bytes(static_cast<std::size_t>(end - first), '\0');
  input.clear();
  input.seekg(first);
  input.read(bytes.data(), end - first);
  bytes.resize(static_cast<std::size_t>(input.gcount()));
  return bytes;
}

} // namespace

tl::expected<prefix_hashes, std::string> hash_prefixes(const std::filesystem::path& file,
                                                       std::vector<std::int64_t> lengths,
                                                       const std::function<bool(double)>& on_progress) {
  prefix_hashes hashes;
  std::ranges::sort(lengths);
  std::ifstream input{file, std::ios::binary};
  std::string chunk(hashed_at_once, '\0');
  std::int64_t hash = 0;
  std::int64_t begin = 0;
  auto next = lengths.begin();
  while (next != lengths.end()) {
    input.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    const auto count = input.gcount();
    for (; next != lengths.end() && *next <= begin + count; ++next) {
      hashes[*next] = chained(hash, std::string_view{chunk}.substr(0, static_cast<std::size_t>(*next - begin)));
    }
    if (next == lengths.end()) {
      break;
    }
    if (count < static_cast<std::streamsize>(chunk.size())) {
      return tl::unexpected{file.string() + " cannot be read: "
                            + (input.eof() ? "it was cut short meanwhile" : std::strerror(errno)) + "."};
    }
    hash = chained(hash, chunk);
    begin += count;
    if (!on_progress(static_cast<double>(begin) / static_cast<double>(lengths.back()))) {
      return tl::unexpected{interrupted_at(file)};
    }
  }
  return hashes;
}

std::string absolute_path(const std::filesystem::path& file) {
  std::error_code unknown;
  const auto path = std::filesystem::canonical(file, unknown);
  return (unknown ? std::filesystem::absolute(file, unknown) : path).string();
}

std::int64_t hash_of_reading(const source_format& format) {
  std::string text{format.delimiter, format.header ? 'h' : '-', format.null ? 'n' : '-'};
  text += format.null.value_or("") + '\0';
  for (const auto& column : format.columns) {
    text += column + '\0';
  }
  return static_cast<std::int64_t>(storage::hash_of(text));
}

tl::expected<bool, std::string> row_ends_at(const std::filesystem::path& file, const source_format& format,
                                            std::int64_t bytes, const std::function<bool(double)>& on_progress) {
  std::ifstream input{file, std::ios::binary};
  auto end = bytes;
  while (end > 0 && std::ranges::all_of(bytes_between(input, end - 1, end), line_break)) {
    --end;
  }
  auto source = row_source::open(file, format);
  if (!source) {
    return tl::unexpected{source.error()};
  }
  const auto read = [&source] { return static_cast<std::int64_t>((*source)->bytes_read()); };
  while (read() < end) {
    const auto row = (*source)->next();
    if (!row) {
      return false;
    }
    if (row->number % told_rows == 0 && !on_progress(static_cast<double>(read()) / static_cast<double>(end))) {
      return tl::unexpected{interrupted_at(file)};
    }
  }
  return std::ranges::all_of(bytes_between(input, end, std::min(read(), end + 3)), line_break);
}

} // namespace millrace::tools
