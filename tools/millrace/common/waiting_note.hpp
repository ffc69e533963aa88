#pragma once

#include "engine_voice.hpp"

#include <string>
#include <thread>

namespace millrace::tools {

/// Says on stderr what is waited for, where it lasts longer than two seconds. For as long as the object lives.
class waiting_note {
public:
  /// With a voice, what the engine says is wrong comes with it; the voice outlives this.
  explicit waiting_note(std::string sentence, engine_voice* voice = nullptr);

private:
  std::jthread thread_;
};

/// Asks by `request`, and says so, and what the engine says is wrong, where the answer takes long.
template <class Request>
auto patiently(engine_voice& voice, Request request) {
  const waiting_note note{"Waiting for the answer …", &voice};
  return request();
}

} // namespace millrace::tools
