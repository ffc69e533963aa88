#pragma once

#include <millrace/actors/base/answer.hpp>

#include <cstddef>
#include <utility>
#include <vector>

#include <caf/mailbox_element.hpp>
#include <caf/message.hpp>

namespace millrace {

/// Answers to what a reader took at once. Those that are small leave together: each one alone would wake the thread of
/// whoever asked, which would take the processor from the reader for a single answer. One thread at a time.
class replies {
public:
  replies() = default;
  replies(const replies&) = delete;
  replies& operator=(const replies&) = delete;
  ~replies() { send(); }

  /// Keeps an answer of so many bytes until `send`, unless it is large.
  void add(caf::mailbox_element_ptr request, caf::message content, std::size_t bytes) {
    kept_.push_back({std::move(request), std::move(content)});
    bytes_ += bytes;
    if (bytes_ > bytes_max) {
      send();
    }
  }

  void send() {
    for (auto& one : kept_) {
      answer(*one.request, std::move(one.content));
    }
    kept_.clear();
    bytes_ = 0;
  }

private:
  static constexpr std::size_t bytes_max = 64 * 1024;

  struct reply {
    caf::mailbox_element_ptr request;
    caf::message content;
  };
  std::vector<reply> kept_;
  std::size_t bytes_ = 0;
};

} // namespace millrace
