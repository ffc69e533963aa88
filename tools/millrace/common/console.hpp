#pragma once

#include <millrace/messages/error.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::tools {

/// `34924` as `34,924`.
std::string grouped(std::uint64_t number);

/// A rate as people read it: grouped, without decimals from 10 on.
std::string rate_text(double per_second);

/// A duration in milliseconds, with the precision that its size deserves.
std::string milliseconds_text(std::chrono::nanoseconds duration);

double to_milliseconds(std::chrono::nanoseconds duration);

/// Prints a sentence to stderr and gives `code`, so that a command can end with it.
int complain(const std::string& sentence, int code);

/// The same with a failure: its sentence, then its detail on a line of its own.
int complain(const failure& reason, int code);

/// `exit_code::engine` where a request found no engine that can serve it now, else `exit_code::failed`.
int code_of(const failure& reason) noexcept;

/// Complains with that code.
int complain(const failure& reason);

/// What a long run shows on stderr: a line that redraws itself on a terminal, a plain line at intervals elsewhere, and
/// messages in between. Used by one thread.
class progress_line {
public:
  /// `interval` is how often a plain line is printed where stderr is no terminal.
  explicit progress_line(std::chrono::milliseconds interval);
  progress_line(const progress_line&) = delete;
  progress_line& operator=(const progress_line&) = delete;
  ~progress_line();

  /// Shows `text`, with a bar in front where the share done (0 to 1) is known. May be called at any rate.
  void update(std::string_view text, std::optional<double> share = std::nullopt);

  /// Prints a line of its own at once.
  void message(std::string_view text);

  /// Takes the redrawn line away, so that what follows begins on a clean line.
  void clear();

private:
  bool terminal_;
  bool drawn_ = false;
  std::chrono::milliseconds interval_;
  std::chrono::steady_clock::time_point next_;
};

} // namespace millrace::tools
