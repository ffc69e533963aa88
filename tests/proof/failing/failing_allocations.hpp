#pragma once

#include <cstdint>

namespace millrace::test {

/// While it lives, the n-th allocation of this thread fails, or all from that one on: those of C++ by `std::bad_alloc`,
/// SQLite's with a null pointer. Other threads get what they ask for. One at a time.
class allocation_fault {
public:
  allocation_fault(std::uint64_t nth, bool lasts) noexcept;
  allocation_fault(const allocation_fault&) = delete;
  allocation_fault& operator=(const allocation_fault&) = delete;
  ~allocation_fault();

  /// Whether it has struck.
  bool struck() const noexcept;
  /// Allocations so far.
  std::uint64_t count() const noexcept;
};

/// Whatever is allocated while it lives is neither counted nor fails.
class unfailing_scope {
public:
  unfailing_scope() noexcept;
  unfailing_scope(const unfailing_scope&) = delete;
  unfailing_scope& operator=(const unfailing_scope&) = delete;
  ~unfailing_scope();

private:
  bool before_;
};

} // namespace millrace::test
