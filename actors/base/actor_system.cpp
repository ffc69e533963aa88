#include "actor_system.hpp"

#include "logger.hpp"
#include "tenant.hpp"

#include <chrono>
#include <condition_variable>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

namespace millrace {

namespace detail {

/// All tenants of one system.
class tenancy {
public:
  struct entry {
    std::string what;
    std::function<void()> end;
  };

  std::uint64_t enter(entry one) {
    const std::lock_guard lock{mutex_};
    entries_.emplace(++last_, std::move(one));
    return last_;
  }

  void leave(std::uint64_t number) {
    const std::lock_guard lock{mutex_};
    entries_.erase(number);
    left_.notify_all();
  }

  /// The one that came last and does not leave by itself; nothing where all have.
  std::optional<entry> take_newest() {
    std::unique_lock lock{mutex_};
    if (left_.wait_for(lock, grace, [this] { return entries_.empty(); })) {
      return std::nullopt;
    }
    return std::move(entries_.extract(std::prev(entries_.end())).mapped());
  }

private:
  /// An actor that was sent an exit message ends a little later.
  static constexpr std::chrono::seconds grace{1};

  std::condition_variable left_;
  std::mutex mutex_; ///< Guards the two below.
  std::map<std::uint64_t, entry> entries_;
  std::uint64_t last_ = 0;
};

} // namespace detail

actor_system::actor_system() : caf::actor_system(own_config), tenants_(std::make_shared<detail::tenancy>()) {}

actor_system::actor_system(system_config& config)
  : caf::actor_system(config), tenants_(std::make_shared<detail::tenancy>()) {}

actor_system::~actor_system() {
  while (const auto left = tenants_->take_newest()) {
    millrace::logger()->error(
      "{} was still there when its actor system was destroyed, which ends it now; destroy it first", left->what);
    left->end();
  }
}

tenant::tenant(caf::actor_system& system, std::string what, std::function<void()> end) {
  if (const auto* known = dynamic_cast<actor_system*>(&system)) {
    of_ = known->tenants_;
    number_ = of_->enter({std::move(what), std::move(end)});
  }
}

tenant::~tenant() {
  if (of_) {
    of_->leave(number_);
  }
}

} // namespace millrace
