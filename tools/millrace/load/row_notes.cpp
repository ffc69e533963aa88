#include "row_notes.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace millrace::tools {

namespace {

/// So many ranges of lines are named in a sentence.
constexpr std::size_t ranges_max = 10;

/// `line 3`, or `lines 3, 5 to 9 and 7 others`.
std::string text_of(std::vector<std::uint64_t> lines) {
  if (lines.size() == 1) {
    return fmt::format("line {}", lines.front());
  }
  std::ranges::sort(lines);
  std::string text = "lines ";
  std::size_t ranges = 0;
  for (auto at = lines.begin(); at != lines.end();) {
    if (++ranges > ranges_max) {
      return text + fmt::format(" and {} others", lines.end() - at);
    }
    const auto gap = std::adjacent_find(at, lines.end(), [](auto one, auto next) { return next != one + 1; });
    const auto last = gap == lines.end() ? lines.end() - 1 : gap;
    text += (ranges == 1 ? "" : ", ") + (at == last ? fmt::format("{}", *at) : fmt::format("{} to {}", *at, *last));
    at = last + 1;
  }
  return text;
}

} // namespace

void row_notes::add(row_end how, std::uint64_t line, const std::string& reason) {
  const auto same = std::ranges::find_if(notes_,
                                         [&](const note& one) { return one.how == how && one.reason == reason; });
  if (same != notes_.end()) {
    same->lines.push_back(line);
    return;
  }
  auto& sentences = sentences_[static_cast<std::size_t>(how)];
  if (sentences < sentences_max) {
    notes_.push_back({how, reason, {line}});
  } else if (sentences == sentences_max) {
    last_words_.emplace_back("(further ones of this kind are only counted)");
  }
  ++sentences;
}

std::vector<std::string> row_notes::take() {
  std::vector<std::string> sentences;
  for (auto& one : std::exchange(notes_, {})) {
    sentences.push_back(text_of(std::move(one.lines)) + ": " + one.reason);
  }
  auto last = std::exchange(last_words_, {});
  std::move(last.begin(), last.end(), std::back_inserter(sentences));
  return sentences;
}

} // namespace millrace::tools
