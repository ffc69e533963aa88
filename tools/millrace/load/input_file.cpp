#include "input_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace millrace::tools {

namespace {

/// How long `end` may go unnoticed while a pipe is silent.
constexpr int look_interval_ms = 50;

} // namespace

tl::expected<std::unique_ptr<input_file>, std::string> input_file::open(const std::filesystem::path& file,
                                                                        std::uint64_t bytes_max) {
  const auto descriptor = file == standard_input ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
                                                 : ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return tl::unexpected<std::string>{std::strerror(errno)};
  }
  return std::unique_ptr<input_file>{new input_file{descriptor, bytes_max}};
}

input_file::~input_file() {
  ::close(descriptor_);
}

input_file::int_type input_file::underflow() {
  while (bytes_left_ > 0 && wait()) {
    const auto count = ::read(descriptor_, bytes_.data(), std::min<std::uint64_t>(bytes_.size(), bytes_left_));
    if (count > 0) {
      bytes_left_ -= bytes_left_ == no_limit ? 0 : static_cast<std::uint64_t>(count);
      setg(bytes_.data(), bytes_.data(), bytes_.data() + count);
      return traits_type::to_int_type(bytes_.front());
    }
    if (count == 0) {
      problem_ = bytes_left_ == no_limit ? "" : "it was cut short meanwhile";
      break;
    }
    if (errno != EINTR && errno != EAGAIN) {
      problem_ = std::strerror(errno);
      break;
    }
  }
  return traits_type::eof();
}

/// Whether there is something to read, its end or an error included.
bool input_file::wait() const noexcept {
  pollfd readable{descriptor_, POLLIN, 0};
  while (!ended_.load(std::memory_order_relaxed)) {
    if (::poll(&readable, 1, look_interval_ms) > 0) {
      return true;
    }
  }
  return false;
}

} // namespace millrace::tools
