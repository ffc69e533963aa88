#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <spdlog/sinks/ringbuffer_sink.h>
#include <spdlog/spdlog.h>

namespace millrace::test {

/// What is logged meanwhile, by default or by a logger that a test gives.
class log_listener {
public:
  explicit log_listener(std::shared_ptr<spdlog::logger> to = spdlog::default_logger()) : to_(std::move(to)) {
    to_->sinks().push_back(sink_);
  }
  log_listener(const log_listener&) = delete;
  log_listener& operator=(const log_listener&) = delete;
  ~log_listener() { std::erase(to_->sinks(), sink_); }

  /// Lines that contain the text.
  std::ptrdiff_t count(const std::string& text) const {
    return std::ranges::count_if(sink_->last_formatted(),
                                 [&](const std::string& line) { return line.find(text) != std::string::npos; });
  }
  bool has(const std::string& text) const { return count(text) > 0; }

private:
  std::shared_ptr<spdlog::logger> to_;
  std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> sink_ = std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(100);
};

} // namespace millrace::test
