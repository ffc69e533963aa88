#pragma once

#include <filesystem>
#include <stdexcept>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace millrace::test {

/// A named pipe with this test at its writing end. Opening either end waits for nobody.
class named_pipe {
public:
  explicit named_pipe(const std::filesystem::path& file) {
    if (::mkfifo(file.c_str(), 0600) != 0 || (descriptor_ = ::open(file.c_str(), O_RDWR | O_CLOEXEC)) < 0) {
      throw std::runtime_error{"no pipe"};
    }
  }
  named_pipe(const named_pipe&) = delete;
  named_pipe& operator=(const named_pipe&) = delete;
  ~named_pipe() { close(); }

  void write(std::string_view text) const {
    if (::write(descriptor_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      throw std::runtime_error{"the pipe takes no more"};
    }
  }

  /// The reader finds the end.
  void close() noexcept {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
      descriptor_ = -1;
    }
  }

private:
  int descriptor_ = -1;
};

} // namespace millrace::test
