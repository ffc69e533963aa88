#include "pattern.hpp"

#include "budget.hpp"

namespace millrace::storage::sqlite {

namespace {

using letters = const unsigned char*;

constexpr char32_t lower(char32_t letter) noexcept {
  return letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter;
}

/// Whether the set that begins at `pattern`, after its bracket, has the letter; passes over it. A set without an end
/// has nothing.
bool set_has(letters& pattern, char32_t letter) noexcept {
  bool seen = false;
  char32_t before = 0;
  auto next = read_letter(pattern);
  const bool inverted = next == '^';
  next = inverted ? read_letter(pattern) : next;
  if (next == ']') {
    seen = letter == ']';
    next = read_letter(pattern);
  }
  for (; next != 0 && next != ']'; next = read_letter(pattern)) {
    if (next == '-' && *pattern != ']' && *pattern != 0 && before > 0) {
      next = read_letter(pattern);
      seen = seen || (letter >= before && letter <= next);
      before = 0;
    } else {
      seen = seen || letter == next;
      before = next;
    }
  }
  return next != 0 && seen != inverted;
}

/// Goes through pattern and text side by side. Where they differ, the last sign for any letters takes one letter more;
/// no earlier one has to, as what stands between them was found at its first place.
class matcher {
public:
  matcher(letters pattern, letters text, const pattern_kind& kind) noexcept
    : pattern_(pattern), text_(text), kind_(kind) {}

  std::optional<bool> run() noexcept {
    for (std::uint32_t steps = 1;; ++steps) {
      if (steps % steps_between_looks == 0 && budget::time_is_up()) {
        return std::nullopt;
      }
      const auto sign = read_letter(pattern_);
      if (sign == kind_.any && sign != 0) {
        if (*pattern_ == 0) {
          return true;
        }
        after_any_ = pattern_;
        any_from_ = text_;
      } else if (sign == 0 && *text_ == 0) {
        return true;
      } else if (!takes_letter(sign)) {
        // What is left of the text is too short already, or there is nothing that could take more.
        if (after_any_ == nullptr || ended_ || *any_from_ == 0) {
          return false;
        }
        read_letter(any_from_);
        pattern_ = after_any_;
        text_ = any_from_;
      }
    }
  }

private:
  /// Whether the text goes on with what `sign` stands for; passes over it.
  bool takes_letter(char32_t sign) noexcept {
    if (sign == 0) {
      return false;
    }
    const bool escaped = sign == kind_.escape;
    if (escaped) {
      sign = read_letter(pattern_);
    }
    const auto letter = read_letter(text_);
    ended_ = letter == 0;
    if (ended_ || sign == 0) {
      return false;
    }
    if (sign == kind_.set) {
      return set_has(pattern_, letter);
    }
    return sign == letter || (sign == kind_.one && !escaped) || (kind_.ignores_case && lower(sign) == lower(letter));
  }

  letters pattern_;
  letters text_;
  const pattern_kind& kind_;
  letters after_any_ = nullptr; ///< Behind the last sign for any letters.
  letters any_from_ = nullptr;  ///< Up to where of the text that reaches.
  bool ended_ = false;
};

} // namespace

char32_t read_letter(const unsigned char*& text) noexcept {
  char32_t letter = *text;
  if (letter < 0xc0) {
    text += letter == 0 ? 0 : 1;
    return letter;
  }
  ++text;
  letter &= letter < 0xe0   ? 0x1f
            : letter < 0xf0 ? 0x0f
            : letter < 0xf8 ? 0x07
            : letter < 0xfc ? 0x03
            : letter < 0xfe ? 0x01
                            : 0;
  while (within_letter(static_cast<char>(*text))) {
    letter = (letter << 6) + (*text++ & 0x3f);
  }
  const bool is_one = letter >= 0x80 && (letter & 0xfffff800) != 0xd800 && (letter & 0xfffffffe) != 0xfffe;
  return is_one ? letter : 0xfffd;
}

std::optional<bool> matches(const char* pattern, const char* text, const pattern_kind& kind) noexcept {
  return matcher{reinterpret_cast<letters>(pattern), reinterpret_cast<letters>(text), kind}.run();
}

} // namespace millrace::storage::sqlite
