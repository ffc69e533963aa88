#include "statement_list.hpp"

#include <millrace/tools/millrace/common/sql_text.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
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
  /// Where its first token stands.
  std::size_t begin() const noexcept { return begin_; }

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
      note("", at_);
      go_behind(std::string_view{letter == '[' ? "]" : &letter, 1}, at_ + 1);
    } else if (is_word(letter)) {
      const auto begin = at_;
      while (at_ < text_.size() && is_word(text_[at_])) {
        ++at_;
      }
      note(in_capitals(text_.substr(begin, at_ - begin)), begin);
    } else {
      note(std::string{letter}, at_);
      ++at_;
    }
  }

  void note(std::string token, std::size_t at) {
    begin_ = anything_ ? begin_ : at;
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
  std::size_t begin_ = 0;
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

/// Gathers the pieces of a text.
class cutter {
public:
  explicit cutter(std::string_view text) noexcept : text_(text) {}

  tl::expected<std::vector<sql_piece>, std::string> cut() {
    for (std::size_t at = 0; at < text_.size();) {
      statement_reader reader{text_.substr(at)};
      const auto end = at + reader.length();
      const auto begin = at + reader.begin();
      if (reader.has_words()) {
        take(begin, end);
      }
      if (problem_) {
        return tl::unexpected{*problem_};
      }
      at = end;
    }
    if (open_) {
      return tl::unexpected{fmt::format("Line {}: BEGIN has no COMMIT.", begin_line_)};
    }
    std::erase_if(pieces_, [](const sql_piece& one) { return one.statements.empty(); });
    return std::move(pieces_);
  }

private:
  std::size_t line_of(std::size_t at) {
    line_ += static_cast<std::size_t>(std::ranges::count(text_.substr(counted_, at - counted_), '\n'));
    counted_ = at;
    return line_;
  }

  void take(std::size_t begin, std::size_t end) {
    const auto statement = text_.substr(begin, end - begin);
    const auto word = first_word(statement);
    if (word == "BEGIN" && open_) {
      problem_ = fmt::format("Line {}: BEGIN stands within BEGIN and COMMIT.", line_of(begin));
    } else if (word == "BEGIN") {
      open(begin);
    } else if (open_ && (word == "COMMIT" || word == "END")) {
      open_ = false;
      if (framed_) {
        pieces_.back().source = text_.substr(source_at_, end - source_at_);
      }
    } else if (open_) {
      add(begin, end, statement);
    } else {
      pieces_.push_back({kind_of(statement), {std::string{statement}}, std::string{statement}, line_of(begin)});
      last_at_ = begin;
    }
  }

  /// What sqlite3's .dump begins with belongs to the transaction after it, and is the engine's to understand.
  void open(std::size_t begin) {
    open_ = true;
    begin_line_ = line_of(begin);
    framed_ = !pieces_.empty() && pieces_.back().what == sql_piece::kind::query
              && in_capitals(pieces_.back().source).starts_with("PRAGMA FOREIGN_KEYS");
    if (framed_) {
      pieces_.back().what = sql_piece::kind::schema;
      source_at_ = last_at_;
    } else {
      pieces_.push_back({sql_piece::kind::transaction, {}, {}, 1});
    }
  }

  void add(std::size_t begin, std::size_t end, std::string_view statement) {
    auto& piece = pieces_.back();
    if (piece.statements.empty()) {
      piece.line = line_of(begin);
      source_at_ = begin;
    }
    piece.statements.emplace_back(statement);
    piece.source = text_.substr(source_at_, end - source_at_);
    if (kind_of(statement) == sql_piece::kind::schema) {
      piece.what = sql_piece::kind::schema;
    }
  }

  std::string_view text_;
  std::vector<sql_piece> pieces_;
  std::optional<std::string> problem_;
  bool open_ = false;   ///< Between BEGIN and COMMIT,
  bool framed_ = false; ///< after a PRAGMA foreign_keys.
  std::size_t begin_line_ = 0;
  std::size_t source_at_ = 0; ///< Where the piece begins that is open.
  std::size_t last_at_ = 0;   ///< Where the last statement outside began.
  std::size_t line_ = 1;      ///< Of `counted_`.
  std::size_t counted_ = 0;
};

} // namespace

tl::expected<std::vector<sql_piece>, std::string> cut_statements(std::string_view text) {
  return cutter{text}.cut();
}

} // namespace millrace::tools
