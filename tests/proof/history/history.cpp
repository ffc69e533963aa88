#include "history.hpp"

#include <charconv>
#include <sstream>
#include <stdexcept>

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

void history_writer::add(const event& what) const {
  lines_.add(to_line(what));
}

std::vector<event> read_history(const std::filesystem::path& file) {
  std::vector<event> all;
  for (const auto& line : complete_lines(file)) {
    all.push_back(from_line(line));
  }
  return all;
}

} // namespace millrace::test::histories
