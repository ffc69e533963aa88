#pragma once

#include <cstdint>

namespace millrace::test {

/// What happens to the system calls on files that the engine itself makes (SQLite makes others), in this thread.
struct call_fault {
  std::uint64_t nth = 0;       ///< The call that fails, counted from 1; 0 for none.
  int error = 0;               ///< With this `errno`.
  bool lasts = false;          ///< Whether all calls after it fail as well.
  unsigned interruptions = 0;  ///< How often each call is interrupted (EINTR) before it is done.
  std::uint64_t bytes_max = 0; ///< What one call transfers at most; 0 for all.
};

/// Lets it happen while it lives. One at a time.
class failing_calls {
public:
  explicit failing_calls(const call_fault& fault) noexcept;
  failing_calls(const failing_calls&) = delete;
  failing_calls& operator=(const failing_calls&) = delete;
  ~failing_calls();

  /// The name of the call that failed first; null where none did.
  const char* struck() const noexcept;
  std::uint64_t interruptions() const noexcept;
};

} // namespace millrace::test
