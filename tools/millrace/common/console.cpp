#include "console.hpp"

#include "exit_code.hpp"
#include "table.hpp"

#include <algorithm>
#include <cstdio>
#include <iostream>

#include <fmt/format.h>
#include <unistd.h>

namespace millrace::tools {

namespace {

constexpr std::chrono::milliseconds redraw_interval{100};
constexpr std::size_t bar_width = 24;

/// What cannot be shown is not: it is told nowhere else, and no work ends for it.
void show(const std::string& text) {
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

std::string bar(double share) {
  const auto done = std::clamp(share, 0.0, 1.0);
  const auto filled = static_cast<std::size_t>(done * static_cast<double>(bar_width));
  std::string result = "[";
  result.append(filled, '=');
  result.append(filled < bar_width ? 1 : 0, '>');
  result.append(filled < bar_width ? bar_width - filled - 1 : 0, ' ');
  return fmt::format("{}] {:3.0f} %  ", result, done * 100.0);
}

} // namespace

std::string grouped(std::uint64_t number) {
  auto digits = std::to_string(number);
  for (auto position = static_cast<std::ptrdiff_t>(digits.size()) - 3; position > 0; position -= 3) {
    digits.insert(static_cast<std::size_t>(position), ",");
  }
  return digits;
}

std::string rate_text(double per_second) {
  return per_second < 10.0 ? fmt::format("{:.2f}", per_second) : grouped(static_cast<std::uint64_t>(per_second + 0.5));
}

double to_milliseconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double, std::milli>{duration}.count();
}

std::string milliseconds_text(std::chrono::nanoseconds duration) {
  const auto amount = to_milliseconds(duration);
  const int decimals = amount < 10.0 ? 3 : amount < 1000.0 ? 1 : 0;
  return fmt::format("{:.{}f} ms", amount, decimals);
}

int complain(const std::string& sentence, int code) {
  std::cerr << printable(sentence) << '\n';
  return code;
}

int complain(const failure& reason, int code) {
  std::cerr << sentence(reason.code) << '\n';
  if (!reason.detail.empty()) {
    std::cerr << printable(reason.detail) << '\n';
  }
  return code;
}

int code_of(const failure& reason) noexcept {
  return kind(reason.code) == error_kind::retryable ? exit_code::engine : exit_code::failed;
}

int complain(const failure& reason) {
  return complain(reason, code_of(reason));
}

progress_line::progress_line(std::chrono::milliseconds interval)
  : terminal_(isatty(STDERR_FILENO) == 1),
    interval_(terminal_ ? redraw_interval : interval),
    next_(std::chrono::steady_clock::now() + interval_) {}

progress_line::~progress_line() {
  clear();
}

void progress_line::update(std::string_view text, std::optional<double> share) {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) {
    return;
  }
  next_ = now + interval_;
  if (terminal_) {
    show(fmt::format("\r\x1b[2K{}{}", share ? bar(*share) : "", text));
    drawn_ = true;
  } else {
    show(fmt::format("{}{}\n", share ? fmt::format("{:3.0f} %  ", *share * 100.0) : "", text));
  }
}

void progress_line::message(std::string_view text) {
  clear();
  show(fmt::format("{}\n", text));
}

void progress_line::clear() {
  if (drawn_) {
    show("\r\x1b[2K");
    drawn_ = false;
  }
}

} // namespace millrace::tools
