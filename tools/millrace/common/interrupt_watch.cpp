#include "interrupt_watch.hpp"

#include "exit_code.hpp"
#include "process.hpp"

#include <cstdlib>
#include <iostream>
#include <stop_token>
#include <utility>

namespace millrace::tools {

namespace {

constexpr std::chrono::milliseconds pause{20};

} // namespace

interrupt_watch::interrupt_watch(std::string sentence, std::chrono::milliseconds grace) {
  catch_interrupts();
  thread_ = std::jthread{[said = std::move(sentence), left = grace](const std::stop_token& over) mutable {
    while (!over.stop_requested()) {
      if (interrupted() && (left -= pause) < pause) {
        std::cerr << said << std::endl;
        std::_Exit(exit_code::interrupted);
      }
      std::this_thread::sleep_for(pause);
    }
  }};
}

} // namespace millrace::tools
