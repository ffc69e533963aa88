#pragma once

#include "transport.hpp"

#include <millrace/actors/network/settings.hpp>

#include <memory>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace millrace::network {

/// A SHA-256 fingerprint as it is compared: lower case, without the colons that some programs print. The error is a
/// sentence.
[[nodiscard]] tl::expected<std::string, std::string> plain_fingerprint(std::string_view text);

/// Mutual TLS, 1.2 or newer, for one end of connections. Both ends show a certificate or are refused: there is no
/// anonymous way in. Immutable once made; any thread.
class tls_context {
public:
  /// Loads and checks the files. The error is a sentence that names the file.
  [[nodiscard]] static tl::expected<std::shared_ptr<const tls_context>, std::string> make(const tls_settings& settings);

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
