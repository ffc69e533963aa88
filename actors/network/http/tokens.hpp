#pragma once

#include <millrace/actors/base/expected.hpp>
#include <millrace/messages/wire/role.hpp>

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::network::http {

/// Who may do what: a line for each token, its role and the SHA-256 of it, so that who reads the file can use none.
///
///     # a comment
///     read-write sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 billing
class token_book {
public:
  /// The error is a sentence that names the line.
  [[nodiscard]] static expected<token_book, std::string> read(const std::filesystem::path& file);
  [[nodiscard]] static expected<token_book, std::string> parse(std::string_view text);

  /// The role of a token; nothing where it is none of them. Takes as long whichever it is, or is not.
  std::optional<wire::role> role_of(std::string_view token) const;

private:
  using digest = std::array<std::uint8_t, 32>;
  struct entry {
    digest hash{};
    wire::role granted = wire::role::read;
  };
  static digest hash_of(std::string_view token);

  std::vector<entry> entries_;
};

} // namespace millrace::network::http
