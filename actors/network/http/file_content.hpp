#pragma once

#include <millrace/actors/base/expected.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

namespace millrace::network::http {

/// All of a file. The error is a sentence.
inline expected<std::string, std::string> content_of(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  std::ostringstream text;
  text << in.rdbuf();
  return in ? expected<std::string, std::string>{std::move(text).str()}
            : tl::unexpected{"\"" + file.string() + "\" cannot be read"};
}

} // namespace millrace::network::http
