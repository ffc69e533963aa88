#include "output.hpp"

#include "console.hpp"
#include "exit_code.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <iostream>
#include <streambuf>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace millrace::tools {

namespace {

/// Writes to stdout, and remembers why it could not: C's own stream forgets.
class stdout_buffer final : public std::streambuf {
public:
  stdout_buffer() { setp(bytes_.data(), bytes_.data() + bytes_.size()); }

  /// What the system said; 0 where nothing has failed.
  int trouble() const noexcept { return trouble_; }

private:
  int_type overflow(int_type next) override {
    if (sync() != 0) {
      return traits_type::eof();
    }
    return traits_type::eq_int_type(next, traits_type::eof()) ? traits_type::not_eof(next)
                                                              : sputc(traits_type::to_char_type(next));
  }

  int sync() override {
    const char* next = pbase();
    while (trouble_ == 0 && next != pptr()) {
      const auto written = ::write(STDOUT_FILENO, next, static_cast<std::size_t>(pptr() - next));
      if (written >= 0) {
        next += written;
      } else if (errno == EAGAIN) {
        // Whoever shares the stream has made it non-blocking.
        pollfd writable{STDOUT_FILENO, POLLOUT, 0};
        ::poll(&writable, 1, -1);
      } else if (errno != EINTR) {
        trouble_ = errno;
      }
    }
    setp(bytes_.data(), bytes_.data() + bytes_.size());
    return trouble_ == 0 ? 0 : -1;
  }

  int trouble_ = 0;
  std::array<char, 64 * 1024> bytes_{};
};

stdout_buffer& standard_output() {
  // Never destroyed: the library flushes std::cout after everything else.
  static auto& only = *new stdout_buffer;
  return only;
}

} // namespace

void prepare_output() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(descriptor, F_GETFD) < 0 && errno == EBADF) {
      // The lowest number that is free. It cannot be written to, so that what is printed to it is missed.
      ::open("/dev/null", O_RDONLY);
    }
  }
  std::cout.rdbuf(&standard_output());
}

bool output_arrives() {
  return static_cast<bool>(std::cout.flush());
}

void vouch(const std::string& sentence) {
  if (!output_arrives()) {
    complain(sentence, exit_code::ok);
  }
}

int finish_output(int code) {
  if (output_arrives()) {
    return code;
  }
  const int reason = standard_output().trouble();
  if (reason != EPIPE) {
    std::cerr << "The output could not be written in full: " << std::strerror(reason) << '\n';
  }
  return code != exit_code::ok ? code : reason == EPIPE ? exit_code::closed_pipe : exit_code::failed;
}

} // namespace millrace::tools
