#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

namespace millrace::tools {

/// The one of `known` that whoever wrote `word` most likely meant; empty where none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

/// What is said where the command line makes no sense: what is wrong, what was meant perhaps, and where to look.
std::string usage_sentence(const CLI::App* program, const CLI::Error& problem);

} // namespace millrace::tools
