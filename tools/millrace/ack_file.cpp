#include "ack_file.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace millrace::tools {

tl::expected<ack_file, std::string> ack_file::open(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return tl::unexpected{"The ack file " + path.string() + " cannot be written: " + std::strerror(errno) + "."};
  }
  return ack_file{descriptor};
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

bool ack_file::append(std::string_view key) {
  if (descriptor_ < 0) {
    return true;
  }
  line_.clear();
  for (const char character : key) {
    if (character == '\n' || character == '\r') {
      line_ += character == '\n' ? "\\n" : "\\r";
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
