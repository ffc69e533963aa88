#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace millrace::test {

/// How a process ended, and what it wrote.
struct ending {
  int code = -1;  ///< Its exit code; -1 where a signal ended it.
  int signal = 0; ///< The signal that ended it, or 0.
  std::string out;
  std::string err;
};

/// A process that runs beside the test. It is killed where the test ends before it.
class program {
public:
  /// Starts it; the first argument is its path.
  explicit program(std::vector<std::string> arguments);
  program(program&& other) noexcept;
  program& operator=(program&&) = delete;
  ~program();

  pid_t id() const noexcept { return id_; }
  bool running();
  void send(int signal);
  /// What it has written to stdout so far.
  std::string out_so_far() const { return text(out_); }
  std::string err_so_far() const { return text(err_); }
  /// Waits until it has ended; one that does not end within minutes is killed, which the ending then tells.
  ending wait();

private:
  std::string text(int descriptor) const;

  pid_t id_ = -1;
  int status_ = 0;
  bool ended_ = false;
  int out_ = -1;
  int err_ = -1;
};

/// Runs the `millrace` program to its end.
ending run_millrace(const std::vector<std::string>& arguments);
/// Starts the `millrace` program.
program start_millrace(const std::vector<std::string>& arguments);

/// Something that this test program does in a process of its own, because it is killed there or ends the process. A
/// namespace-scope object makes it known under its name.
class role {
public:
  /// Gives the exit code.
  using function = int (*)(const std::vector<std::string>& arguments);

  role(std::string_view name, function play);

  /// Starts this test program again; what it then does is the role alone, until the test ends.
  static program start(std::string_view name, const std::vector<std::string>& arguments);
};

} // namespace millrace::test
