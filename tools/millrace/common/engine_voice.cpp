#include "engine_voice.hpp"

#include "table.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/messages/wire/registry.hpp>

#include <chrono>
#include <utility>

namespace millrace::tools {

std::string engine_voice::news() {
  const auto report = client{system_, front_, std::chrono::seconds{1}}.health();
  if (!report) {
    return {};
  }
  std::string lines;
  const std::lock_guard lock{mutex_};
  for (const auto& reason : report->reasons) {
    auto kind = reason;
    std::erase_if(kind, [](char character) { return character >= '0' && character <= '9'; });
    if (told_.insert(std::move(kind)).second) {
      lines += (lines.empty() ? "" : "\n") + ("The engine says: " + on_one_line(reason));
    }
  }
  return lines;
}

} // namespace millrace::tools
