#pragma once

#include "transport.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace millrace::network {

/// A SHA-256 fingerprint as it is compared: lower case, without the colons that some programs print. The error is a
/// sentence.
tl::expected<std::string, std::string> plain_fingerprint(std::string_view text);

/// What a node shows of itself and whom it believes. All files are PEM.
struct tls_settings {
  std::filesystem::path certificate; ///< Its own, and those between it and the authority.
  std::filesystem::path key;         ///< The certificate's, without a pass phrase.
  std::filesystem::path ca;          ///< The authorities whose certificates are believed.
  /// SHA-256 fingerprints in hexadecimal; where there are some, no other certificate is believed.
  std::vector<std::string> pins;

  /// Whether nothing is set.
  bool empty() const noexcept { return certificate.empty() && key.empty() && ca.empty() && pins.empty(); }
};

/// Mutual TLS, 1.2 or newer, for one end of connections. Both ends show a certificate or are refused: there is no
/// anonymous way in. Immutable once made; any thread.
class tls_context {
public:
  /// Loads and checks the files. The error is a sentence that names the file.
  static tl::expected<std::shared_ptr<const tls_context>, std::string> make(const tls_settings& settings);

  ~tls_context();
  tls_context(const tls_context&) = delete;
  tls_context& operator=(const tls_context&) = delete;

  /// The server's end of a connected socket, which is not owned.
  transport_ptr accept(int socket) const;
  /// The client's end. The server's certificate has to be one for `host`, a name or a numeric address.
  transport_ptr connect(int socket, const std::string& host) const;

private:
  class impl;
  explicit tls_context(std::unique_ptr<impl> state);
  std::unique_ptr<impl> impl_;
};

} // namespace millrace::network
