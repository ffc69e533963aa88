#include "history.hpp"

#include <charconv>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <fcntl.h>
#include <unistd.h>

namespace millrace::test::histories {

namespace {

template <class T>
std::string word(T number) {
  return ' ' + std::to_string(static_cast<std::int64_t>(number));
}

template <class T>
T number_in(std::istringstream& words) {
  std::int64_t number = 0;
  if (!(words >> number)) {
    throw std::runtime_error{"a line of the history cannot be read"};
  }
  return static_cast<T>(number);
}

operation_id next_id(std::istringstream& words) {
  const auto client = number_in<std::uint32_t>(words);
  return {client, number_in<std::uint32_t>(words)};
}

event from_line(const std::string& line) {
  std::istringstream words{line};
  event what;
  what.kind = number_in<event_kind>(words);
  what.who = next_id(words);
  what.seq = number_in<std::uint64_t>(words);
  switch (what.kind) {
    case event_kind::invoke:
      what.action = number_in<action>(words);
      what.list = number_in<std::uint64_t>(words);
      what.acknowledgement = number_in<ack>(words);
      what.level = number_in<consistency>(words);
      what.named = number_in<int>(words) != 0;
      break;
    case event_kind::ok:
      what.total = number_in<std::int64_t>(words);
      for (auto left = number_in<std::size_t>(words); left > 0; --left) {
        what.values.push_back(next_id(words));
      }
      break;
    case event_kind::fail:
    case event_kind::info:
      what.why = number_in<errc>(words);
      break;
  }
  return what;
}

} // namespace

std::string to_string(const operation_id& who) {
  return std::to_string(who.client) + ':' + std::to_string(who.number);
}

std::string to_line(const event& what) {
  std::string line = std::to_string(static_cast<int>(what.kind)) + word(what.who.client) + word(what.who.number)
                     + word(what.seq);
  switch (what.kind) {
    case event_kind::invoke:
      line += word(what.action) + word(what.list) + word(what.acknowledgement) + word(what.level) + word(what.named);
      break;
    case event_kind::ok:
      line += word(what.total) + word(what.values.size());
      for (const auto& value : what.values) {
        line += word(value.client) + word(value.number);
      }
      break;
    case event_kind::fail:
    case event_kind::info:
      line += word(what.why);
      break;
  }
  return line + '\n';
}

history_writer::history_writer(const std::filesystem::path& file)
  : descriptor_(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
  if (descriptor_ < 0) {
    throw std::runtime_error{"the history cannot be written"};
  }
}

history_writer::~history_writer() {
  ::close(descriptor_);
}

void history_writer::add(const event& what) const {
  const auto line = to_line(what);
  if (::write(descriptor_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    std::abort(); // A history with a hole would prove nothing.
  }
}

std::vector<event> read_history(const std::filesystem::path& file) {
  std::vector<event> all;
  std::ifstream stream{file};
  for (std::string line; std::getline(stream, line) && !stream.eof();) {
    all.push_back(from_line(line));
  }
  return all;
}

} // namespace millrace::test::histories
