#pragma once

#include <string>
#include <thread>

namespace millrace::tools {

/// Says on stderr what is waited for, where it lasts longer than two seconds. For as long as the object lives.
class waiting_note {
public:
  explicit waiting_note(std::string sentence);

private:
  std::jthread thread_;
};

/// Asks by `request`, and says so where the answer takes long.
template <class Request>
auto patiently(Request request) {
  const waiting_note note{"Waiting for the answer …"};
  return request();
}

} // namespace millrace::tools
