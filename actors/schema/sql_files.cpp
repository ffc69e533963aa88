#include "sql_files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace millrace {

namespace fs = std::filesystem;

std::optional<numbered_name> read_numbered_name(std::string_view stem) {
  const auto digits = stem.substr(0, stem.find('_'));
  std::uint64_t number = 0;
  for (const char digit : digits) {
    if (digit < '0' || digit > '9' || number > INT64_MAX / 10 - 1) {
      return std::nullopt;
    }
    number = number * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  if (number == 0 || digits.size() == stem.size()) {
    return std::nullopt;
  }
  return numbered_name{number, std::string{stem.substr(digits.size() + 1)}};
}

expected<std::vector<fs::path>> entries_of(const fs::path& folder) {
  std::error_code problem;
  std::vector<fs::path> entries;
  for (fs::directory_iterator at{folder, problem}; !problem && at != fs::directory_iterator{}; at.increment(problem)) {
    if (!at->path().filename().string().starts_with('.')) {
      entries.push_back(at->path());
    }
  }
  if (problem) {
    return tl::unexpected{
      failure{problem == std::errc::no_such_file_or_directory ? errc::file_not_found : errc::bad_option,
              fmt::format("{}: {}", folder.string(), problem.message())}};
  }
  std::ranges::sort(entries);
  return entries;
}

bool called_like_sql(std::string_view name) noexcept {
  constexpr std::string_view ending = ".sql";
  return name.size() >= ending.size()
         && std::ranges::equal(name.substr(name.size() - ending.size()), ending, {},
                               [](char letter) { return static_cast<char>(letter | 0x20); });
}

expected<std::string> read_text(const fs::path& file) {
  std::error_code unknown;
  if (!fs::is_regular_file(file, unknown)) {
    return unusable(file, "it is no file, or a link that leads nowhere");
  }
  errno = 0;
  std::ifstream stream{file, std::ios::binary};
  std::ostringstream text;
  // A file without a byte in it sets the failbit.
  if (!stream || (stream.peek() != std::ifstream::traits_type::eof() && !(text << stream.rdbuf())) || stream.bad()) {
    return unusable(file, fmt::format("it cannot be read: {}", std::strerror(errno)));
  }
  return std::move(text).str();
}

tl::unexpected<failure> unusable(const fs::path& file, std::string_view why) {
  return tl::unexpected{failure{errc::bad_option, fmt::format("{}: {}", file.string(), why)}};
}

} // namespace millrace
