#pragma once

#include <string>
#include <string_view>

/// SQL texts as SQLite's tokenizer cuts them, as far as it takes to tell where one begins and ends.
namespace millrace::storage::sqlite {

/// What is left of a text from its first token on: without the spaces and comments before it.
std::string_view skip_blank(std::string_view sql) noexcept;

/// Whether a token is a name, a number or a keyword, and not quoted.
bool is_word(std::string_view token) noexcept;

/// A name as SQL takes it whatever is in it: `say "hi"` becomes `"say ""hi"""`.
std::string quoted_name(std::string_view name);

/// The tokens of a text one after another; empty at its end. What is quoted is one token.
class token_reader {
public:
  explicit token_reader(std::string_view sql) noexcept : rest_(sql) {}

  std::string_view next() noexcept;

private:
  std::string_view rest_;
};

} // namespace millrace::storage::sqlite
