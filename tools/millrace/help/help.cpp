#include "help.hpp"

#include <millrace/actors/network/http/status_code.hpp>
#include <millrace/messages/error.hpp>
#include <millrace/tools/millrace/common/console.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/common/table.hpp>
#include <millrace/tools/millrace/common/usage.hpp>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::tools {

namespace {

struct help_settings {
  std::vector<std::string> words;
  bool json = false;
};

/// All that this version knows, by their numbers.
std::vector<errc> error_codes() {
  std::vector<errc> all;
  for (unsigned number = 1; number <= std::numeric_limits<std::uint8_t>::max(); ++number) {
    if (const auto code = static_cast<errc>(number); name(code) != name(errc{255})) {
      all.push_back(code);
    }
  }
  return all;
}

std::string_view kind_name(errc code) noexcept {
  switch (kind(code)) {
    case error_kind::rejected:
      return "rejected";
    case error_kind::retryable:
      return "retryable";
    case error_kind::unknown:
      break;
  }
  return "unknown";
}

std::string_view promise_of(errc code) noexcept {
  switch (kind(code)) {
    case error_kind::rejected:
      return "What was sent had no effect and never will: sending the same again gives the same answer.";
    case error_kind::retryable:
      return "What was sent had no effect; the same may succeed later.";
    case error_kind::unknown:
      break;
  }
  return "What was sent may or may not take effect. Send it again under its name: then it takes effect once, and the "
         "answer is the one that it has.";
}

void explain(errc code) {
  std::cout << fmt::format("{}: {}\n\n{}\n\nKind {}, number {} in logs and messages, status {} over HTTP.\n",
                           name(code), sentence(code), promise_of(code), kind_name(code), static_cast<unsigned>(code),
                           network::http::status_code(code));
}

void print_codes(bool json) {
  auto list = nlohmann::ordered_json::array();
  text_table table{{"code", "kind", "HTTP", "what it says"}};
  for (const auto code : error_codes()) {
    const auto status = network::http::status_code(code);
    list.push_back({{"code", name(code)},
                    {"number", static_cast<unsigned>(code)},
                    {"kind", kind_name(code)},
                    {"http_status", status},
                    {"sentence", sentence(code)}});
    table.add(
      {std::string{name(code)}, std::string{kind_name(code)}, std::to_string(status), std::string{sentence(code)}});
  }
  if (json) {
    std::cout << list.dump() << '\n';
    return;
  }
  table.print(std::cout);
  std::cout << "\nExit codes:\n";
  for (const auto& one : exit_code::all) {
    std::cout << fmt::format("{:>5}  {}\n", one.code, one.meaning);
  }
}

/// The help of the command that the words name, one within the other; nothing where there is none.
std::optional<std::string> help_of(const CLI::App& program, const std::vector<std::string>& words) {
  const auto* at = &program;
  auto called = program.get_name();
  for (const auto& word : words) {
    const auto below = at->get_subcommands([&](const CLI::App* one) { return one->get_name() == word; });
    if (below.empty()) {
      return std::nullopt;
    }
    at = below.front();
    called += ' ' + word;
  }
  // Its own `help` would be that of the command which is run now.
  return at->get_formatter()->make_help(at, called, CLI::AppFormatMode::Normal);
}

/// What can be asked for, by its first word.
std::vector<std::string> known_words(const CLI::App& program) {
  std::vector<std::string> all{"codes"};
  for (const auto* const one : program.get_subcommands([](const CLI::App*) { return true; })) {
    all.push_back(one->get_name());
  }
  for (const auto code : error_codes()) {
    all.emplace_back(name(code));
  }
  return all;
}

int help(const CLI::App& program, const help_settings& settings) {
  const auto& words = settings.words;
  if (const auto text = help_of(program, words)) {
    std::cout << *text;
    return exit_code::ok;
  }
  if (words.size() == 1) {
    const auto& word = words.front();
    if (word == "codes") {
      print_codes(settings.json);
      return exit_code::ok;
    }
    const auto codes = error_codes();
    if (const auto code = std::ranges::find(codes, word, [](errc one) { return name(one); }); code != codes.end()) {
      explain(*code);
      return exit_code::ok;
    }
    const auto as_text = [](const exit_code::entry& one) { return std::to_string(one.code); };
    if (const auto* const exit = std::ranges::find(exit_code::all, word, as_text); exit != exit_code::all.end()) {
      std::cout << fmt::format("Exit code {}: {}\n", exit->code, exit->meaning);
      return exit_code::ok;
    }
  }
  const auto meant = nearest(words.front(), known_words(program));
  return complain(
    fmt::format("There is no command, error code or exit code {}.{} `millrace help codes` shows all codes.",
                fmt::join(words, " "), meant.empty() ? "" : " Do you mean " + meant + '?'),
    exit_code::usage);
}

constexpr const char* footer = R"(
Examples:
  millrace help migrate up
  millrace help over_budget
  millrace help 70
  millrace help codes

Exit codes: 0 done, 2 there is no such thing.)";

} // namespace

void add_help_command(CLI::App& program, int& result) {
  auto settings = std::make_shared<help_settings>();
  auto& command = *program.add_subcommand("help", "Explain a command, the code of an error, or an exit code");
  command.footer(footer);
  command.add_option("WORD", settings->words, "A command, a code such as over_budget, an exit code, or `codes`");
  command.add_flag("--json", settings->json, "Print `codes` as an array of objects");
  command.callback([settings, &program, &result] {
    if (settings->json && settings->words != std::vector<std::string>{"codes"}) {
      throw CLI::ValidationError{"--json", "it is for `codes`"};
    }
    result = help(program, *settings);
  });
}

} // namespace millrace::tools
