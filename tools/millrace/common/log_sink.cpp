#include "log_sink.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include <fmt/format.h>
#include <poll.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/socket.h>
#include <unistd.h>

namespace millrace::tools {

namespace {

/// A pipe that says that it can be written to takes so much (pipe(7)).
constexpr std::size_t piece_bytes = PIPE_BUF;

ssize_t write_piece(int descriptor, std::string_view piece) noexcept {
  const auto sent = ::send(descriptor, piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0 || errno != ENOTSOCK) {
    return sent;
  }
  pollfd place{descriptor, POLLOUT, 0};
  return ::poll(&place, 1, 0) == 1 && (place.revents & POLLOUT) != 0 ? ::write(descriptor, piece.data(), piece.size())
                                                                     : -1;
}

class log_sink final : public spdlog::sinks::base_sink<std::mutex> {
private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t formatted;
    formatter_->format(message, formatted);
    auto text = left_out_ == 0 ? std::string{} : fmt::format("[{} lines were not taken and are left out]\n", left_out_);
    text.append(formatted.data(), formatted.size());
    left_out_ = write_at_once(STDERR_FILENO, text) ? 0 : left_out_ + 1;
  }
  void flush_() override {}

  std::uint64_t left_out_ = 0;
};

} // namespace

bool write_at_once(int descriptor, std::string_view text) noexcept {
  while (!text.empty()) {
    const auto written = write_piece(descriptor, text.substr(0, piece_bytes));
    if (written > 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (written == 0 || errno != EINTR) {
      return false;
    }
  }
  return true;
}

spdlog::sink_ptr make_log_sink() {
  return std::make_shared<log_sink>();
}

} // namespace millrace::tools
