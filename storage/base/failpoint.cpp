#include "failpoint.hpp"

#ifdef MILLRACE_PROOF

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>

namespace millrace::storage {

namespace {

std::string_view from_environment(const char* name) noexcept {
  const char* value = std::getenv(name); // NOLINT(concurrency-mt-unsafe): read once, before any thread is started.
  return value == nullptr ? std::string_view{} : value;
}

/// Where and how the process ends.
struct ending {
  std::string_view name;
  unsigned nth = 1;
  bool abort = false;

  explicit ending(std::string_view text) noexcept {
    name = text.substr(0, text.find(':'));
    while (text.find(':') != std::string_view::npos) {
      text.remove_prefix(text.find(':') + 1);
      const auto word = text.substr(0, text.find(':'));
      if (word == "abort") {
        abort = true;
      } else if (word != "kill") {
        std::from_chars(word.data(), word.data() + word.size(), nth);
      }
    }
  }
};

const ending wanted{from_environment("MILLRACE_FAILPOINT")};
std::atomic<unsigned> passed = 0;

} // namespace

void failpoint(std::string_view name) noexcept {
  if (name != wanted.name || ++passed != wanted.nth) {
    return;
  }
  if (wanted.abort) {
    std::abort();
  }
  std::raise(SIGKILL);
}

} // namespace millrace::storage

#endif
