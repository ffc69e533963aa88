#include "table.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace millrace::tools {

namespace {

struct range {
  std::uint32_t first;
  std::uint32_t last;
};

// The blocks that matter in practice (Unicode: EastAsianWidth.txt, general category Mn), not every single character.
constexpr std::array wide{
  range{0x1100, 0x115F},   range{0x2E80, 0x303E},   range{0x3041, 0x33FF}, range{0x3400, 0x4DBF},
  range{0x4E00, 0x9FFF},   range{0xA000, 0xA4CF},   range{0xAC00, 0xD7A3}, range{0xF900, 0xFAFF},
  range{0xFE30, 0xFE6F},   range{0xFF00, 0xFF60},   range{0xFFE0, 0xFFE6}, range{0x1F300, 0x1F64F},
  range{0x1F900, 0x1F9FF}, range{0x20000, 0x3FFFD},
};
constexpr std::array combining{
  range{0x0300, 0x036F}, range{0x0483, 0x0489}, range{0x0591, 0x05BD}, range{0x064B, 0x065F}, range{0x1AB0, 0x1AFF},
  range{0x1DC0, 0x1DFF}, range{0x200B, 0x200F}, range{0x20D0, 0x20FF}, range{0xFE00, 0xFE0F}, range{0xFE20, 0xFE2F},
};

/// Control characters, and what breaks lines or turns the direction of what follows.
constexpr std::array steering{
  range{0x00, 0x1F}, range{0x7F, 0x9F}, range{0x200E, 0x200F}, range{0x2028, 0x202E}, range{0x2066, 0x2069},
};

template <class Ranges>
bool within(const Ranges& ranges, std::uint32_t character) noexcept {
  return std::any_of(ranges.begin(), ranges.end(), [character](const range& candidate) {
    return candidate.first <= character && character <= candidate.last;
  });
}

bool continuation(char byte) noexcept {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

struct taken {
  std::uint32_t character;
  bool valid; ///< Else it is a byte that begins no character.
};

/// Takes one character off the front of `text`; a byte that begins none is a character of its own.
taken take_character(std::string_view& text) noexcept {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t size = first < 0x80 ? 1 : (first & 0xE0U) == 0xC0U ? 2 : (first & 0xF0U) == 0xE0U ? 3 : 4;
  const bool whole = first < 0x80
                     || (first >= 0xC2 && first <= 0xF4 && text.size() >= size
                         && std::all_of(text.begin() + 1, text.begin() + static_cast<std::ptrdiff_t>(size),
                                        continuation));
  if (!whole || size == 1) {
    text.remove_prefix(1);
    return {first, whole};
  }
  std::uint32_t character = first & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    character = (character << 6U) | (static_cast<unsigned char>(text[i]) & 0x3FU);
  }
  text.remove_prefix(size);
  return {character, true};
}

std::string without_controls(std::string_view text, std::string_view allowed) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const auto before = text;
    const auto [character, valid] = take_character(text);
    const auto bytes = before.substr(0, before.size() - text.size());
    const bool kept = allowed.find(bytes.front()) != std::string_view::npos;
    result += kept || (valid && !within(steering, character)) ? bytes : "·";
  }
  return result;
}

} // namespace

std::size_t display_width(std::string_view text) noexcept {
  std::size_t width = 0;
  while (!text.empty()) {
    const auto character = take_character(text).character;
    width += within(combining, character) ? 0U : within(wide, character) ? 2U : 1U;
  }
  return width;
}

std::string printable(std::string_view text) {
  return without_controls(text, "\n\t");
}

std::string on_one_line(std::string_view text) {
  return without_controls(text, "");
}

std::string csv_field(std::string_view text) {
  const bool plain = !text.empty() && text.front() != ' ' && text.back() != ' '
                     && text.find_first_of(",\"\r\n") == std::string_view::npos;
  if (plain) {
    return std::string{text};
  }
  std::string result = "\"";
  for (const char byte : text) {
    result.append(byte == '"' ? 2 : 1, byte);
  }
  return result += '"';
}

text_table::text_table(const std::vector<std::string>& header) {
  for (const auto& title : header) {
    header_.push_back(on_one_line(title));
    widths_.push_back(display_width(header_.back()));
  }
}

void text_table::add(std::vector<std::string> cells, const std::vector<align>& sides) {
  cells.resize(header_.size());
  left_.resize(header_.size());
  for (std::size_t column = 0; column < cells.size(); ++column) {
    cells[column] = on_one_line(cells[column]);
    widths_[column] = std::max(widths_[column], display_width(cells[column]));
    if (column >= sides.size() || sides[column] == align::left) {
      left_[column] = true;
    }
  }
  rows_.push_back(std::move(cells));
}

void text_table::print_row(std::ostream& out, const std::vector<std::string>& cells) const {
  std::string line;
  for (std::size_t column = 0; column < cells.size(); ++column) {
    const std::string padding(widths_[column] - display_width(cells[column]), ' ');
    const bool left = left_.empty() || left_[column];
    line += column == 0 ? "" : "  ";
    line += left ? cells[column] + padding : padding + cells[column];
  }
  line.erase(line.find_last_not_of(' ') + 1);
  out << line << '\n';
}

void text_table::print(std::ostream& out) {
  if (!std::exchange(begun_, true)) {
    std::vector<std::string> rule;
    rule.reserve(widths_.size());
    for (const auto width : widths_) {
      rule.emplace_back(width, '-');
    }
    print_row(out, header_);
    print_row(out, rule);
  }
  for (const auto& cells : rows_) {
    print_row(out, cells);
  }
  rows_.clear();
}

void print_pairs(std::ostream& out, const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::size_t width = 0;
  for (const auto& pair : pairs) {
    width = std::max(width, display_width(on_one_line(pair.first)));
  }
  for (const auto& [name, text] : pairs) {
    const auto title = on_one_line(name);
    out << "  " << title << std::string(width - display_width(title) + 2, ' ') << printable(text) << '\n';
  }
}

} // namespace millrace::tools
