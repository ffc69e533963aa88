#include "waiting_note.hpp"

#include <chrono>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <stop_token>
#include <utility>

namespace millrace::tools {

waiting_note::waiting_note(std::string sentence)
  : thread_([said = std::move(sentence)](const std::stop_token& over) {
      std::mutex mutex;
      std::unique_lock lock{mutex};
      std::condition_variable_any{}.wait_for(lock, over, std::chrono::seconds{2}, [] { return false; });
      if (!over.stop_requested()) {
        std::cerr << said << std::endl;
      }
    }) {}

} // namespace millrace::tools
