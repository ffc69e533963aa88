#include "needs_text.hpp"

#include <algorithm>
#include <charconv>

namespace millrace::storage::sqlite {

std::string needs_text(const std::vector<migration_id>& needs) {
  std::string text;
  for (const auto& one : needs) {
    text += (text.empty() ? " " : "") + one.set + '/' + std::to_string(one.version) + ' ';
  }
  return text;
}

std::vector<migration_id> read_needs(std::string_view text) {
  std::vector<migration_id> needs;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    const auto slash = word.rfind('/');
    if (slash != std::string_view::npos) {
      auto& one = needs.emplace_back();
      one.set = word.substr(0, slash);
      std::from_chars(word.data() + slash + 1, word.data() + word.size(), one.version);
    }
  }
  return needs;
}

} // namespace millrace::storage::sqlite
