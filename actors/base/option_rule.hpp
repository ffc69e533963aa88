#pragma once

#include <millrace/messages/error.hpp>

#include <initializer_list>
#include <optional>
#include <string>

namespace millrace {

/// What must hold of an option, and the words for a person where it does not, the option's name in backquotes first.
struct option_rule {
  bool kept = true;
  std::string otherwise;
};

/// `bad_option` with the words of the first rule that is not kept; nothing where all are.
[[nodiscard]] inline std::optional<failure> first_broken(std::initializer_list<option_rule> rules) {
  for (const auto& one : rules) {
    if (!one.kept) {
      return failure{errc::bad_option, one.otherwise};
    }
  }
  return std::nullopt;
}

} // namespace millrace
