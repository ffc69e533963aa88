#include "engine_impl.hpp"

#include <millrace/actors/base/atoms.hpp>
#include <millrace/actors/base/logger.hpp>

#include <algorithm>
#include <utility>

#include <caf/scoped_actor.hpp>

/// How an engine ends (actors/DESIGN.md §8).
namespace millrace {

void engine::impl::close() {
  if (std::exchange(closed_, true) || !supervisor_) {
    return;
  }
  board_->close();
  auto deadline = std::chrono::steady_clock::now();
  if (!abandoned_) {
    deadline += settings_.drain_deadline;
    drain(deadline);
  }
  board_->closing()->store(true);
  // The queue releases what the writer's last checkpoint covers, and hears of that before it is asked once more.
  static_cast<void>(drained("writer", deadline) && drained("queue", deadline));
  if (stop_supervisor()) {
    data_->leave_at_rest();
    data_.reset();
  }
}

/// Waits for what was accepted, and says what did not come to its end.
void engine::impl::drain(std::chrono::steady_clock::time_point deadline) {
  if (!drained("queue", deadline)) {
    logger()->warn(
      "closing: not all accepted transactions were applied in time; they are in the log and are applied at "
      "the next start");
  }
  for (std::size_t i = 0; i < settings_.read.readers; ++i) {
    if (!drained(reader_pool::id(i), deadline)) {
      logger()->warn("closing: {} did not answer all its queries in time", reader_pool::id(i));
    }
  }
}

void engine::impl::leave() {
  close();
  front_ = nullptr;
  operations_ = nullptr;
}

/// Waits until a child has answered all that it was given. Nothing new reaches it: the address_book is closed.
bool engine::impl::drained(std::string_view id, std::chrono::steady_clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  const auto address = board_->find(id);
  auto done = !address;
  if (address) {
    caf::scoped_actor self{system_};
    auto asked = self->request(address, std::max(left, std::chrono::milliseconds{1}), atom::drain::value);
    wait_for_answer(self);
    asked.receive([&](std::uint64_t) { done = true; }, [](const caf::error&) {});
  }
  return done;
}

/// False where some did not end, and may still write.
bool engine::impl::stop_supervisor() {
  // Children get a deadline each, then are killed; this bound only keeps a stuck disk from holding the caller for ever.
  // What still writes then must not be left alone with a folder that another engine may open.
  constexpr std::chrono::minutes patience{1};
  caf::scoped_actor self{system_};
  auto asked = self->request(supervisor_, patience, atom::stop::value);
  wait_for_answer(self);
  auto ended = true;
  asked.receive([](atom::stop) {},
                [&](const caf::error& reason) {
                  ended = false;
                  settings_.on_escalation("closing: actors did not end: " + caf::to_string(reason));
                });
  supervisor_ = nullptr;
  return ended;
}

} // namespace millrace
