#include "simulated_disk.hpp"

namespace millrace::test {

void simulated_disk::crash_before(std::uint64_t operation, std::function<void()> crash) {
  operations_left_ = operation;
  crash_ = std::move(crash);
}

void simulated_disk::operate() {
  if (operations_left_ > 0 && --operations_left_ == 0) {
    std::exchange(crash_, {})();
  }
}

storage::result<> simulated_disk::perform(const file_operation& asked, const action& proceed) {
  switch (asked.what) {
    case operation::open:
    case operation::read:
    case operation::size:
    case operation::list:
      return proceed();
    case operation::sync:
    case operation::sync_folder:
      operate();
      machine_.pass(sync_time);
      ++syncs_;
      return proceed();
    case operation::preallocate:
      operate();
      return full ? storage::fail(errc::disk_full, "simulated") : proceed();
    default:
      operate();
      return proceed();
  }
}

} // namespace millrace::test
