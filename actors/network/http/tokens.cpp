#include "tokens.hpp"

#include "file_content.hpp"
#include "hexadecimal.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/sha.h>

namespace millrace::network::http {

namespace {

constexpr std::string_view hash_prefix = "sha256:";

} // namespace

expected<token_book, std::string> token_book::read(const std::filesystem::path& file) {
  const auto text = content_of(file);
  if (!text) {
    return tl::unexpected{text.error()};
  }
  auto made = parse(*text);
  return made ? std::move(made) : tl::unexpected{file.string() + ":" + made.error()};
}

expected<token_book, std::string> token_book::parse(std::string_view text) {
  token_book book;
  std::istringstream lines{std::string{text}};
  std::string line;
  for (std::size_t number = 1; std::getline(lines, line); ++number) {
    std::istringstream words{line};
    std::string role;
    std::string hash;
    if (!(words >> role) || role.starts_with('#')) {
      continue;
    }
    words >> hash;
    const auto granted = wire::role_of_name(role);
    const auto bytes = hash.starts_with(hash_prefix) ? from_hexadecimal(hash.substr(hash_prefix.size())) : std::nullopt;
    entry one;
    if (!granted || !bytes || bytes->size() != one.hash.size()) {
      return tl::unexpected{
        std::to_string(number)
        + ": a line is a role (read, read-write or operator) and sha256:, then 64 hexadecimal digits"};
    }
    one.granted = *granted;
    std::ranges::copy(*bytes, one.hash.begin());
    book.entries_.push_back(one);
  }
  return book;
}

std::optional<wire::role> token_book::role_of(std::string_view token) const {
  const auto hash = hash_of(token);
  std::optional<wire::role> granted;
  for (const auto& one : entries_) {
    if (CRYPTO_memcmp(one.hash.data(), hash.data(), hash.size()) == 0) {
      granted = one.granted;
    }
  }
  return granted;
}

auto token_book::hash_of(std::string_view token) -> digest {
  digest hash{};
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), hash.data());
  return hash;
}

} // namespace millrace::network::http
