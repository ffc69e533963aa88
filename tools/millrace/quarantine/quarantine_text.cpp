#include "quarantine_text.hpp"

#include <millrace/tools/millrace/common/table.hpp>
#include <millrace/tools/millrace/common/time_text.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::tools {

namespace {

using json = nlohmann::ordered_json;

std::string hexadecimal(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  }
  return text;
}

std::string first_statement(const transaction& work) {
  return work.statements.empty() ? "" : work.statements.front().sql;
}

/// Why it was set aside. What takes more than it may, alone, is tried once.
std::string reason(const quarantine_entry& entry) {
  const auto& [what, failed_with] = entry;
  if (what.deaths == 0) {
    return "an operator wished it";
  }
  if (what.deaths > 1) {
    return "each of " + std::to_string(what.deaths) + " attempts failed" + (failed_with.empty() ? "" : ": ")
           + failed_with;
  }
  return failed_with.empty() ? "alone, it takes more time or memory than it may, or meets an index out of step"
                             : failed_with;
}

/// SQL has no other word for infinity.
std::string infinity_text(double number) {
  return number > 0 ? "1e999" : "-1e999";
}

bool is_utf8(const std::string& text) {
  try {
    return !json(text).dump().empty();
  } catch (const json::type_error&) {
    return false;
  }
}

/// A value as SQL would write it.
struct as_sql {
  std::string operator()(std::monostate) const { return "NULL"; }
  std::string operator()(std::int64_t number) const { return std::to_string(number); }
  std::string operator()(double number) const {
    return std::isinf(number) ? infinity_text(number) : json(number).dump();
  }
  std::string operator()(const std::string& text) const {
    std::string quoted = "'";
    for (const char character : text) {
      quoted.append(character == '\'' ? 2 : 1, character);
    }
    return quoted + "'";
  }
  std::string operator()(const blob& bytes) const { return "x'" + hexadecimal(bytes.bytes) + "'"; }
};

/// What JSON has no word for, infinity and bytes that are no text, is an object that names it.
struct as_json {
  json operator()(std::monostate) const { return nullptr; }
  json operator()(std::int64_t number) const { return number; }
  json operator()(double number) const {
    return std::isinf(number) ? json{{"real", infinity_text(number)}} : json(number);
  }
  json operator()(const std::string& text) const {
    return is_utf8(text) ? json(text) : json{{"hex", hexadecimal(text)}};
  }
  json operator()(const blob& bytes) const { return {{"blob", hexadecimal(bytes.bytes)}}; }
};

/// `?1`, or the parameter's name.
std::string parameter_title(const statement& one, std::size_t position) {
  const bool named = position < one.names.size() && !one.names[position].empty();
  return named ? one.names[position] : "?" + std::to_string(position + 1);
}

json to_json(const statement& one) {
  auto parameters = json::object();
  for (std::size_t i = 0; i < one.parameters.size(); ++i) {
    parameters[parameter_title(one, i)] = std::visit(as_json{}, one.parameters[i].data());
  }
  json object{{"sql", one.sql}, {"parameters", std::move(parameters)}};
  if (one.expected_rows != statement::any_row_count) {
    object["expected_rows"] = one.expected_rows;
  }
  return object;
}

json to_json(const quarantine_entry& entry) {
  const auto& what = entry.what;
  json object{
    {"seq", what.seq}, {"accepted", time_text(what.accepted_ms)}, {"deaths", what.deaths}, {"reason", reason(entry)}};
  if (const auto& name = what.work.name; name.given()) {
    const auto* const bytes = reinterpret_cast<const char*>(name.client.data());
    object["client"] = hexadecimal({bytes, name.client.size()});
    object["number"] = name.number;
  }
  auto statements = json::array();
  for (const auto& one : what.work.statements) {
    statements.push_back(to_json(one));
  }
  object["statements"] = std::move(statements);
  return object;
}

void print(std::ostream& out, const json& document) {
  out << document.dump(-1, ' ', false, json::error_handler_t::replace) << '\n';
}

} // namespace

void print_quarantine(std::ostream& out, const std::vector<quarantine_entry>& entries) {
  if (entries.empty()) {
    out << "Nothing is in quarantine.\n";
    return;
  }
  using side = text_table::align;
  text_table table{{"seq", "accepted", "set aside because", "statements", "the first of them"}};
  for (const auto& entry : entries) {
    const auto& what = entry.what;
    table.add({std::to_string(what.seq), time_text(what.accepted_ms), reason(entry),
               std::to_string(what.work.statements.size()), first_statement(what.work)},
              {side::right, side::left, side::left, side::right, side::left});
  }
  table.print(out);
}

void print_quarantined(std::ostream& out, const quarantine_entry& entry) {
  const auto& what = entry.what;
  print_pairs(out, {{"seq", std::to_string(what.seq)},
                    {"accepted", time_text(what.accepted_ms)},
                    {"deaths", std::to_string(what.deaths)},
                    {"set aside because", reason(entry)}});
  for (const auto& one : what.work.statements) {
    out << '\n' << printable(one.sql) << '\n';
    std::vector<std::pair<std::string, std::string>> parameters;
    for (std::size_t i = 0; i < one.parameters.size(); ++i) {
      parameters.emplace_back(parameter_title(one, i), std::visit(as_sql{}, one.parameters[i].data()));
    }
    print_pairs(out, parameters);
  }
}

void print_quarantine_json(std::ostream& out, const std::vector<quarantine_entry>& entries) {
  auto list = json::array();
  for (const auto& entry : entries) {
    list.push_back(to_json(entry));
  }
  print(out, list);
}

void print_quarantined_json(std::ostream& out, const quarantine_entry& entry) {
  print(out, to_json(entry));
}

} // namespace millrace::tools
