#include "statement_list.hpp"

#include <millrace/tools/millrace/common/sql_text.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include <fmt/format.h>

namespace millrace::tools {

namespace {

using words = std::vector<std::string>;

bool is_word(char letter) noexcept {
  return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '_'
         || static_cast<unsigned char>(letter) >= 0x80;
}

std::string in_capitals(std::string_view word) {
  std::string capitals{word};
  std::ranges::transform(capitals, capitals.begin(), [](char letter) {
    return static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  });
  return capitals;
}

/// The first statement of a text, which ends after its semicolon. That of a trigger's body ends none (SQLite:
/// c3ref/complete.html).
class statement_reader {
public:
  explicit statement_reader(std::string_view text) noexcept : text_(text) {}

  /// How long it is. `text` has no statement where `has_words` is false then.
  std::size_t length() {
    while (at_ < text_.size()) {
      if (text_[at_] == ';' && ends_here()) {
        return at_ + 1;
      }
      step();
    }
    return at_;
  }

  bool has_words() const noexcept { return anything_; }

private:
  bool starts(std::string_view with) const noexcept { return text_.substr(at_).starts_with(with); }

  void go_behind(std::string_view closing, std::size_t from) noexcept {
    const auto end = text_.find(closing, from);
    at_ = end == std::string_view::npos ? text_.size() : end + closing.size();
  }

  void step() {
    const char letter = text_[at_];
    if (starts("--")) {
      go_behind("\n", at_);
    } else if (starts("/*")) {
      go_behind("*/", at_ + 2);
    } else if (std::isspace(static_cast<unsigned char>(letter)) != 0) {
      ++at_;
    } else if (letter == '\'' || letter == '"' || letter == '`' || letter == '[') {
      note("");
      go_behind(std::string_view{letter == '[' ? "]" : &letter, 1}, at_ + 1);
    } else if (is_word(letter)) {
      const auto begin = at_;
      while (at_ < text_.size() && is_word(text_[at_])) {
        ++at_;
      }
      note(in_capitals(text_.substr(begin, at_ - begin)));
    } else {
      note(std::string{letter});
      ++at_;
    }
  }

  void note(std::string token) {
    anything_ = anything_ || token != ";";
    if (first_.size() < first_max) {
      first_.push_back(token);
    }
    before_last_ = std::exchange(last_, std::move(token));
  }

  bool makes_trigger() const {
    auto at = first_.begin();
    at = at != first_.end() && *at == "EXPLAIN" ? at + 1 : at;
    if (at == first_.end() || *at != "CREATE") {
      return false;
    }
    ++at;
    at = at != first_.end() && (*at == "TEMP" || *at == "TEMPORARY") ? at + 1 : at;
    return at != first_.end() && *at == "TRIGGER";
  }

  bool ends_here() const { return !makes_trigger() || (last_ == "END" && before_last_ == ";"); }

  static constexpr std::size_t first_max = 4;

  std::string_view text_;
  std::size_t at_ = 0;
  words first_;
  std::string last_;
  std::string before_last_;
  bool anything_ = false;
};

sql_piece::kind kind_of(std::string_view statement) {
  constexpr std::array<std::string_view, 5> query_words{"SELECT", "VALUES", "WITH", "EXPLAIN", "PRAGMA"};
  constexpr std::array<std::string_view, 5> schema_words{"CREATE", "ALTER", "DROP", "REINDEX", "ANALYZE"};
  const auto word = first_word(statement);
  const auto is_one_of = [&word](const auto& among) { return std::ranges::find(among, word) != among.end(); };
  return is_one_of(query_words)    ? sql_piece::kind::query
         : is_one_of(schema_words) ? sql_piece::kind::schema
                                   : sql_piece::kind::transaction;
}

} // namespace

std::string sql_piece::text() const {
  std::string all;
  for (const auto& one : statements) {
    all += one;
    all += all.ends_with(';') || all.empty() ? "\n" : ";\n";
  }
  return statements.size() == 1 ? statements.front() : all;
}

tl::expected<std::vector<sql_piece>, std::string> cut_statements(std::string_view text) {
  std::vector<sql_piece> pieces;
  bool open = false; // Between BEGIN and COMMIT.
  std::size_t line = 1;
  while (!text.empty()) {
    statement_reader reader{text};
    const auto statement = text.substr(0, reader.length());
    text.remove_prefix(statement.size());
    const auto begins_at = line
                           + static_cast<std::size_t>(std::ranges::count(
                             statement.substr(0, std::min(statement.find_first_not_of(" \t\r\n\f"), statement.size())),
                             '\n'));
    line += static_cast<std::size_t>(std::ranges::count(statement, '\n'));
    if (!reader.has_words()) {
      continue;
    }
    const auto word = first_word(statement);
    if (word == "BEGIN" && !open) {
      open = true;
      pieces.push_back({sql_piece::kind::transaction, {}, begins_at});
    } else if ((word == "COMMIT" || word == "END") && open) {
      open = false;
    } else if (word == "BEGIN") {
      return tl::unexpected{fmt::format("Line {}: BEGIN stands within BEGIN and COMMIT.", begins_at)};
    } else if (!open) {
      pieces.push_back({kind_of(statement), {std::string{statement}}, begins_at});
    } else {
      auto& piece = pieces.back();
      piece.statements.emplace_back(statement);
      if (kind_of(statement) == sql_piece::kind::schema) {
        piece.what = sql_piece::kind::schema;
      }
    }
  }
  if (open) {
    return tl::unexpected{fmt::format("Line {}: BEGIN has no COMMIT.", pieces.back().line)};
  }
  std::erase_if(pieces, [](const sql_piece& one) { return one.statements.empty(); });
  return pieces;
}

} // namespace millrace::tools
