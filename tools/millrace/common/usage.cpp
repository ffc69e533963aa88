#include "usage.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace millrace::tools {

namespace {

/// How many letters must be changed, added or left out (Levenshtein).
std::size_t distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < left.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < right.size(); ++j) {
      const auto changed = diagonal + (left[i] == right[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

/// The command that was named last: `quarantine list` of `millrace quarantine list …`.
const CLI::App& command_of(const CLI::App& program) {
  const auto chosen = program.get_subcommands();
  return chosen.empty() ? program : command_of(*chosen.front());
}

std::string full_name(const CLI::App& command) {
  const auto* const parent = command.get_parent();
  return parent == nullptr ? command.get_name() : full_name(*parent) + ' ' + command.get_name();
}

std::vector<std::string> commands_of(const CLI::App& command) {
  std::vector<std::string> names;
  for (const auto* const one : command.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(one->get_name());
  }
  return names;
}

/// Of the command and of those that it belongs to.
std::vector<std::string> options_of(const CLI::App& command) {
  std::vector<std::string> names;
  for (const auto* one = &command; one != nullptr; one = one->get_parent()) {
    for (const auto* const option : one->get_options()) {
      for (const auto& name : option->get_lnames()) {
        names.push_back("--" + name);
      }
    }
  }
  return names;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
  const auto meant = nearest(word, known);
  return meant.empty() ? "." : "; did you mean " + meant + "?";
}

std::string unknown_sentence(const CLI::App& command, const std::string& unknown) {
  if (unknown.starts_with('-')) {
    const auto name = unknown.substr(0, unknown.find('='));
    return full_name(command) + " has no option " + name + suggestion(name, options_of(command));
  }
  const auto commands = commands_of(command);
  if (!commands.empty()) {
    const auto of = command.get_parent() == nullptr ? "" : " of " + full_name(command);
    return "There is no command \"" + unknown + "\"" + of + suggestion(unknown, commands);
  }
  return "\"" + unknown + "\" was not expected; what has spaces in it is to be put in quotes.";
}

/// CLI11's own words, where they can be misunderstood, as a sentence.
std::string problem_sentence(const CLI::App& command, const CLI::Error& problem) {
  std::string text = problem.what();
  const auto name = text.substr(0, text.find(':'));
  // Other problems have words of the command line in them.
  const auto mismatch = dynamic_cast<const CLI::ArgumentMismatch*>(&problem) != nullptr;
  if (mismatch && text.find(": At Most 1 ") != std::string::npos) {
    return name + " is given more than once.";
  }
  if (mismatch && text.ends_with(" missing")) {
    return name + " needs a value.";
  }
  if (text.starts_with("A subcommand is required")) {
    return full_name(command) + " needs a command.";
  }
  return text;
}

} // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  const auto closest = std::ranges::min_element(known, {}, [word](const auto& one) { return distance(word, one); });
  if (closest == known.end()) {
    return {};
  }
  const auto dashes = word.starts_with("--") ? std::size_t{2} : std::size_t{0};
  const auto tolerated = std::max<std::size_t>(2, (word.size() - dashes) / 3);
  const auto wrong = distance(word, *closest);
  return wrong <= tolerated && wrong < word.size() - dashes ? *closest : std::string{};
}

std::string usage_sentence(const CLI::App* program, const CLI::Error& problem) {
  const auto& command = command_of(*program);
  const auto unknown = program->remaining(true);
  const auto sentence = unknown.empty() ? problem_sentence(command, problem)
                                        : unknown_sentence(command, unknown.front());
  return sentence + '\n' + full_name(command) + " --help shows what there is.\n";
}

} // namespace millrace::tools
