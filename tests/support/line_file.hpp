#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace millrace::test {

/// Lines that outlive the process that writes them. Used by any thread.
class line_file {
public:
  /// Goes on behind the complete lines that are there; nobody else may be writing. A process that is killed while it
  /// writes may leave a line in part, at a boundary of pages; the next line would be read as its rest, so it is cut
  /// off.
  explicit line_file(const std::filesystem::path& path) {
    if (std::filesystem::exists(path)) {
      std::ifstream stream{path, std::ios::binary};
      const std::string bytes{std::istreambuf_iterator<char>{stream}, {}};
      std::filesystem::resize_file(path, bytes.rfind('\n') + 1); // 0 where there is no line.
    }
    descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (descriptor_ < 0) {
      throw std::runtime_error{path.string() + " cannot be written"};
    }
  }
  line_file(const line_file&) = delete;
  line_file& operator=(const line_file&) = delete;
  ~line_file() { ::close(descriptor_); }

  /// The line comes with its line break. Ends the process with code 1 where it cannot be written, since a file with a
  /// hole proves nothing; an abort would look like a planned death.
  void add(std::string_view line) const noexcept {
    if (::write(descriptor_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
      std::fputs("a line cannot be written\n", stderr);
      std::_Exit(EXIT_FAILURE);
    }
  }

private:
  int descriptor_ = -1;
};

/// A file's lines; what stands behind the last line break was being written when its writer died.
inline std::vector<std::string> complete_lines(const std::filesystem::path& path) {
  std::ifstream stream{path};
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line) && !stream.eof();) {
    lines.push_back(line);
  }
  return lines;
}

} // namespace millrace::test
