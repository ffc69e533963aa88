#pragma once

#include <cstdint>

namespace millrace::storage {

/// What the writer is trying at this moment.
class attempt_mark {
public:
  virtual ~attempt_mark() = default;
  /// A call that applies `first` to `last` begins.
  virtual void begin(std::uint64_t first, std::uint64_t last) noexcept = 0;
  /// `seq` is about to be run; 0 when what follows is the commit of all.
  virtual void at(std::uint64_t seq) noexcept = 0;
  /// The call has returned, with or without success: nobody died over it.
  virtual void end() noexcept = 0;
};

} // namespace millrace::storage
