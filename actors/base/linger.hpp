#pragma once

#include <chrono>
#include <thread>

namespace millrace {

/// Keeps the thread awake until the actor's next message is there, for so long at most. Whoever waits for an answer of
/// a few system calls' length waits longer for the thread to be woken: two such wake-ups were a quarter of what a lone
/// client waited for. Only for an actor with a thread of its own, from within one of its handlers.
template <class Actor>
void linger(Actor& self, std::chrono::microseconds at_most) {
  if (at_most.count() > 0) {
    const auto end = std::chrono::steady_clock::now() + at_most;
    while (self.mailbox().empty() && std::chrono::steady_clock::now() < end) {
      std::this_thread::yield();
    }
  }
}

} // namespace millrace
