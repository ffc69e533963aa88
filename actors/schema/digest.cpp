#include "digest.hpp"

#include <stdexcept>

#include <openssl/evp.h>

namespace millrace {

namespace {

std::string_view bytes_of(const sha256& digest) noexcept {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

} // namespace

sha256 digest_of(std::string_view bytes) {
  sha256 digest{};
  unsigned written = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &written, EVP_sha256(), nullptr) != 1
      || written != digest.size()) {
    throw std::runtime_error{"OpenSSL computes no SHA-256"};
  }
  return digest;
}

sha256 chain_of(const sha256& before, const applied_migration& next) {
  std::string text{bytes_of(before)};
  text += std::to_string(next.version) + '\n' + next.name + '\n';
  text += bytes_of(next.checksum);
  for (const auto& needed : next.needs) {
    text += needed.set + '/' + std::to_string(needed.version) + '\n';
  }
  return digest_of(text);
}

std::string to_hex(const sha256& digest) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * digest.size());
  for (const auto byte : digest) {
    text += digits[byte >> 4];
    text += digits[byte & 0xf];
  }
  return text;
}

} // namespace millrace
