#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <caf/fwd.hpp>

namespace millrace {

namespace detail {
class tenancy;
} // namespace detail

/// What must end before its actor system does holds one. Where that is a `millrace::actor_system` which ends first, it
/// calls `end`, once, in the thread that destroys it; a plain one of CAF's knows nothing of it. Any thread, but none
/// may let go of a tenant while the system ends.
class tenant {
public:
  /// `what` it is, as the log names it: `"an engine"`.
  tenant(caf::actor_system& system, std::string what, std::function<void()> end);
  tenant(const tenant&) = delete;
  tenant& operator=(const tenant&) = delete;
  ~tenant();

private:
  std::shared_ptr<detail::tenancy> of_; ///< Null in a plain actor system.
  std::uint64_t number_ = 0;
};

} // namespace millrace
