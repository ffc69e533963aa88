#pragma once

#include <cstdint>
#include <optional>

/// The patterns of LIKE and GLOB, as SQLite matches them (SQLite: lang_expr.html).
namespace millrace::storage::sqlite {

/// The signs that mean something; 0 is none.
struct pattern_kind {
  char32_t any;      ///< Any letters.
  char32_t one;      ///< One letter.
  char32_t escape;   ///< Takes the meaning of the sign after it.
  char32_t set;      ///< Begins letters one of which stands here.
  bool ignores_case; ///< Of ASCII letters.
};

inline constexpr pattern_kind like_pattern{.any = '%', .one = '_', .escape = 0, .set = 0, .ignores_case = true};
inline constexpr pattern_kind glob_pattern{.any = '*', .one = '?', .escape = 0, .set = '[', .ignores_case = false};

/// Steps of a loop between two looks at the clock, which take some tens of microseconds.
inline constexpr std::uint32_t steps_between_looks = 16 * 1024;

/// Whether a byte continues a letter of several bytes.
constexpr bool within_letter(char byte) noexcept {
  return (static_cast<unsigned char>(byte) & 0xc0) == 0x80;
}

/// Takes the next letter of a text that ends with a zero byte, which is not passed over: 0 there. What is no UTF-8 is
/// read as SQLite reads it.
char32_t read_letter(const unsigned char*& text) noexcept;

/// Whether all of a text is like a pattern; both end at their first zero byte. None where the time of the budget that
/// acts on this thread is up before (budget.hpp).
std::optional<bool> matches(const char* pattern, const char* text, const pattern_kind& kind) noexcept;

} // namespace millrace::storage::sqlite
