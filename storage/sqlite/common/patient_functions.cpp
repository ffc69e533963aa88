#include "patient_functions.hpp"

#include "budget.hpp"
#include "error.hpp"
#include "pattern.hpp"
#include "prepared_statement.hpp"

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace millrace::storage::sqlite {

namespace {

void interrupt(sqlite3_context* context) noexcept {
  sqlite3_result_error_code(context, SQLITE_INTERRUPT);
}

/// As text; none where it is NULL or there is no memory. Valid as long as the argument is and is not converted.
std::optional<std::string_view> text_of(sqlite3_value* argument) noexcept {
  const auto* const bytes = reinterpret_cast<const char*>(sqlite3_value_text(argument));
  return bytes == nullptr
           ? std::nullopt
           : std::optional{std::string_view{bytes, static_cast<std::size_t>(sqlite3_value_bytes(argument))}};
}

std::string_view blob_of(sqlite3_value* argument) noexcept {
  const auto* const bytes = static_cast<const char*>(sqlite3_value_blob(argument));
  return bytes == nullptr ? std::string_view{}
                          : std::string_view{bytes, static_cast<std::size_t>(sqlite3_value_bytes(argument))};
}

/// SQLite's functions take a text to end at its first zero byte where they go through it letter by letter.
std::string_view up_to_zero(std::string_view text) noexcept {
  return text.substr(0, text.find('\0'));
}

/// Where `part` stands in `whole`, in a time that grows with the sum of their lengths; npos where it does not.
std::size_t place_of(std::string_view whole, std::string_view part, std::size_t from) noexcept {
  if (part.size() > whole.size() - from) {
    return std::string_view::npos; // An empty blob is nowhere in memory, where nothing may be looked for.
  }
  const auto* const found = static_cast<const char*>(
    memmem(whole.data() + from, whole.size() - from, part.data(), part.size()));
  return found == nullptr ? std::string_view::npos : static_cast<std::size_t>(found - whole.data());
}

void instr(sqlite3_context* context, int, sqlite3_value** arguments) noexcept {
  const bool blobs = sqlite3_value_type(arguments[0]) == SQLITE_BLOB && sqlite3_value_type(arguments[1]) == SQLITE_BLOB;
  if (sqlite3_value_type(arguments[0]) == SQLITE_NULL || sqlite3_value_type(arguments[1]) == SQLITE_NULL) {
    return;
  }
  const auto whole = blobs ? std::optional{blob_of(arguments[0])} : text_of(arguments[0]);
  const auto part = blobs ? std::optional{blob_of(arguments[1])} : text_of(arguments[1]);
  if (!whole || !part) {
    sqlite3_result_error_nomem(context);
    return;
  }
  if (part->empty()) {
    sqlite3_result_int(context, 1);
    return;
  }
  // A text that begins within a letter is found at the beginning alone.
  if (!blobs && within_letter(part->front())) {
    sqlite3_result_int(context, whole->starts_with(*part) ? 1 : 0);
    return;
  }
  const auto at = place_of(*whole, *part, 0);
  if (at == std::string_view::npos) {
    sqlite3_result_int(context, 0);
    return;
  }
  sqlite3_int64 letters = 1;
  for (std::size_t index = 1; index <= at; ++index) {
    letters += blobs || !within_letter((*whole)[index]) ? 1 : 0;
  }
  sqlite3_result_int64(context, letters);
}

void replace(sqlite3_context* context, int, sqlite3_value** arguments) noexcept {
  const auto whole = text_of(arguments[0]);
  const auto part = whole ? text_of(arguments[1]) : std::nullopt;
  if (!part) {
    return;
  }
  if (up_to_zero(*part).empty()) {
    sqlite3_result_value(context, arguments[0]);
    return;
  }
  const auto by = text_of(arguments[2]);
  if (!by) {
    return;
  }
  auto* const made = sqlite3_str_new(sqlite3_context_db_handle(context));
  std::size_t done = 0;
  for (auto at = place_of(*whole, *part, 0); at != std::string_view::npos; at = place_of(*whole, *part, done)) {
    sqlite3_str_append(made, whole->data() + done, static_cast<int>(at - done));
    sqlite3_str_append(made, by->data(), static_cast<int>(by->size()));
    done = at + part->size();
  }
  sqlite3_str_append(made, whole->data() + done, static_cast<int>(whole->size() - done));
  const int code = sqlite3_str_errcode(made);
  const auto bytes = static_cast<sqlite3_uint64>(sqlite3_str_length(made));
  char* const text = sqlite3_str_finish(made);
  if (code == SQLITE_OK && text != nullptr) {
    sqlite3_result_text64(context, text, bytes, &sqlite3_free, SQLITE_UTF8);
  } else if (code == SQLITE_OK) {
    sqlite3_result_text(context, "", 0, SQLITE_STATIC);
  } else {
    sqlite3_free(text);
    sqlite3_result_error_code(context, code);
  }
}

/// The letters of a text in turn, as SQLite cuts them.
std::string_view next_letter(std::string_view& letters) noexcept {
  std::size_t length = 1;
  if (static_cast<unsigned char>(letters.front()) >= 0xc0) {
    while (length < letters.size() && within_letter(letters[length])) {
      ++length;
    }
  }
  const auto letter = letters.substr(0, length);
  letters.remove_prefix(length);
  return letter;
}

/// Takes those letters off an end of a text.
class trimmer {
public:
  explicit trimmer(std::string_view letters) noexcept : letters_(letters) {}

  /// False where the time is up before it is done.
  bool trim(std::string_view& text, bool at_front) noexcept {
    while (const auto length = length_of_end(text, at_front)) {
      at_front ? text.remove_prefix(length) : text.remove_suffix(length);
    }
    return !late_;
  }

private:
  /// Of the letter at that end; 0 where it is none of them.
  std::size_t length_of_end(std::string_view text, bool at_front) noexcept {
    for (auto rest = letters_; !rest.empty() && !text.empty();) {
      const auto letter = next_letter(rest);
      if (at_front ? text.starts_with(letter) : text.ends_with(letter)) {
        return letter.size();
      }
      if (++compared_ % steps_between_looks == 0 && budget::time_is_up()) {
        late_ = true;
        return 0;
      }
    }
    return 0;
  }

  std::string_view letters_;
  std::uint64_t compared_ = 0;
  bool late_ = false;
};

template <bool AtFront, bool AtBack>
void trim(sqlite3_context* context, int count, sqlite3_value** arguments) noexcept {
  auto text = text_of(arguments[0]);
  const auto letters = count == 1 ? std::optional<std::string_view>{" "} : text ? text_of(arguments[1]) : std::nullopt;
  if (!text || !letters) {
    return;
  }
  trimmer cutter{up_to_zero(*letters)};
  if ((AtFront && !cutter.trim(*text, true)) || (AtBack && !cutter.trim(*text, false))) {
    interrupt(context);
    return;
  }
  sqlite3_result_text64(context, text->data(), text->size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

void match(sqlite3_context* context, const pattern_kind& kind, sqlite3_value** arguments) noexcept {
  // As SQLite is built on Debian: a blob is like nothing (LIKE_DOESNT_MATCH_BLOBS).
  if (sqlite3_compileoption_used("LIKE_DOESNT_MATCH_BLOBS") != 0
      && (sqlite3_value_type(arguments[0]) == SQLITE_BLOB || sqlite3_value_type(arguments[1]) == SQLITE_BLOB)) {
    sqlite3_result_int(context, 0);
    return;
  }
  const auto pattern = text_of(arguments[0]);
  const auto text = text_of(arguments[1]);
  if (!pattern || !text) {
    return;
  }
  const auto matched = matches(pattern->data(), text->data(), kind);
  matched ? sqlite3_result_int(context, *matched ? 1 : 0) : interrupt(context);
}

void glob(sqlite3_context* context, int, sqlite3_value** arguments) noexcept {
  match(context, glob_pattern, arguments);
}

void like(sqlite3_context* context, int count, sqlite3_value** arguments) noexcept {
  auto kind = like_pattern;
  if (count == 3) {
    const auto escape = text_of(arguments[2]);
    if (!escape) {
      return;
    }
    const auto* rest = reinterpret_cast<const unsigned char*>(escape->data());
    kind.escape = escape->empty() ? 0 : read_letter(rest);
    if (kind.escape == 0 || rest != reinterpret_cast<const unsigned char*>(escape->data() + escape->size())) {
      sqlite3_result_error(context, "ESCAPE expression must be a single character", -1);
      return;
    }
    kind.any = kind.escape == kind.any ? 0 : kind.any;
    kind.one = kind.escape == kind.one ? 0 : kind.one;
  }
  match(context, kind, arguments);
}

/// SQLite's own json_patch(), which looks for each key of the patch among all of the target's. It is asked through a
/// connection that has nothing else.
class json_patcher {
public:
  ~json_patcher() {
    statement_ = {};
    sqlite3_close(database_);
  }

  void run(sqlite3_context* context, sqlite3_value** arguments) noexcept {
    if (statement_.get() == nullptr && !open()) {
      sqlite3_result_error_nomem(context);
      return;
    }
    sqlite3_bind_value(statement_.get(), 1, arguments[0]);
    sqlite3_bind_value(statement_.get(), 2, arguments[1]);
    if (const int code = statement_.step(); code == SQLITE_ROW) {
      sqlite3_result_value(context, sqlite3_column_value(statement_.get(), 0));
      constexpr unsigned is_json = 'J';
      sqlite3_result_subtype(context, is_json);
    } else {
      sqlite3_result_error(context, sqlite3_errmsg(database_), -1);
      sqlite3_result_error_code(context, code);
    }
    statement_.reset();
    sqlite3_clear_bindings(statement_.get());
  }

private:
  bool open() noexcept try {
    if (database_ == nullptr
        && sqlite3_open_v2(":memory:", &database_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr) != SQLITE_OK) {
      sqlite3_close(std::exchange(database_, nullptr));
      return false;
    }
    auto made = prepared_statement::prepare(database_, "SELECT json_patch(?1, ?2)");
    if (made) {
      statement_ = std::move(*made);
    }
    return made.has_value();
  } catch (...) {
    return false;
  }

  sqlite3* database_ = nullptr;
  prepared_statement statement_;
};

void json_patch(sqlite3_context* context, int, sqlite3_value** arguments) noexcept {
  // So many comparisons of keys, the shortest of which takes five bytes with its value, take a tenth of a second.
  constexpr std::int64_t product_max = 500'000'000;
  const auto target = static_cast<std::int64_t>(sqlite3_value_bytes(arguments[0]));
  const auto patch = static_cast<std::int64_t>(sqlite3_value_bytes(arguments[1]));
  if (target * patch > product_max) {
    sqlite3_result_error(context, "json_patch(): the texts are too long for each other; patch a part of the target",
                         -1);
    sqlite3_result_error_code(context, SQLITE_TOOBIG);
    return;
  }
  static_cast<json_patcher*>(sqlite3_user_data(context))->run(context, arguments);
}

} // namespace

result<> install_patient_functions(sqlite3* database) {
  struct definition {
    const char* name;
    int arguments;
    void (*function)(sqlite3_context*, int, sqlite3_value**);
  };
  // As SQLite's own: indexes, triggers and defaults may call them although the schema is not trusted.
  constexpr int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
  for (const auto& [name, arguments, function] :
       {definition{"trim", 1, &trim<true, true>}, definition{"trim", 2, &trim<true, true>},
        definition{"ltrim", 1, &trim<true, false>}, definition{"ltrim", 2, &trim<true, false>},
        definition{"rtrim", 1, &trim<false, true>}, definition{"rtrim", 2, &trim<false, true>},
        definition{"instr", 2, &instr}, definition{"replace", 3, &replace}, definition{"like", 2, &like},
        definition{"like", 3, &like}, definition{"glob", 2, &glob}}) {
    const int code = sqlite3_create_function_v2(database, name, arguments, flags, nullptr, function, nullptr, nullptr,
                                                nullptr);
    if (code != SQLITE_OK) {
      return tl::unexpected{failure_of(database, code)};
    }
  }
  const auto discard = [](void* patcher) { delete static_cast<json_patcher*>(patcher); };
  // SQLite discards it, also where this fails.
  const int code = sqlite3_create_function_v2(database, "json_patch", 2, flags | SQLITE_SUBTYPE, new json_patcher,
                                              &json_patch, nullptr, nullptr, discard);
  return code == SQLITE_OK ? result<>{} : tl::unexpected{failure_of(database, code)};
}

} // namespace millrace::storage::sqlite
