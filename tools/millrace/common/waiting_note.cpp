#include "waiting_note.hpp"

#include <chrono>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <stop_token>
#include <utility>

namespace millrace::tools {

waiting_note::waiting_note(std::string sentence, engine_voice* voice)
  : thread_([said = std::move(sentence), voice](const std::stop_token& over) {
      std::mutex mutex;
      std::unique_lock lock{mutex};
      std::condition_variable_any{}.wait_for(lock, over, std::chrono::seconds{2}, [] { return false; });
      if (over.stop_requested()) {
        return;
      }
      std::cerr << said << std::endl;
      if (const auto news = voice == nullptr ? "" : voice->news(); !news.empty()) {
        std::cerr << news << std::endl;
      }
    }) {}

} // namespace millrace::tools
