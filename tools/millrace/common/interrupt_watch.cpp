#include "interrupt_watch.hpp"

#include "exit_code.hpp"
#include "process.hpp"

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <stop_token>
#include <utility>

namespace millrace::tools {

interrupt_watch::interrupt_watch(std::string sentence) {
  catch_interrupts();
  thread_ = std::jthread{[said = std::move(sentence)](const std::stop_token& over) {
    while (!over.stop_requested()) {
      if (interrupted()) {
        std::cerr << said << std::endl;
        std::_Exit(exit_code::interrupted);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
  }};
}

} // namespace millrace::tools
