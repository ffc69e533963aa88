#pragma once

#include <charconv>
#include <string>
#include <system_error>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

namespace millrace::tools {

/// Lets an option take numbers from `least` to `most`. Unlike CLI11's own range it takes nothing that is cut or rounded
/// to fit the type, and no NaN.
template <class Number>
CLI::Validator number_between(Number least, Number most) {
  const auto range = fmt::format("{} to {}", least, most);
  return {[=](const std::string& text) {
            Number number{};
            const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
            const bool taken = problem == std::errc{} && end == text.data() + text.size() && number >= least
                               && number <= most;
            return taken ? std::string{} : "\"" + text + "\" is no number from " + range;
          },
          range};
}

} // namespace millrace::tools
