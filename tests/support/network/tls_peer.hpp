#pragma once

#include "raw_peer.hpp"

#include <millrace/actors/network/connection/tls.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/time.h>

namespace millrace::test {

/// Somebody who speaks TLS by hand, well or badly; blocks.
class tls_peer : public raw_peer {
public:
  struct ways {
    const char* certificate = nullptr; ///< Shows none.
    const char* key = nullptr;
    int version = 0; ///< The newest that it speaks; 0 for any.
  };

  tls_peer(std::uint16_t port, const ways& how)
    : raw_peer(port), context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free), session_(nullptr, SSL_free) {
    // Even what nobody speaks any more.
    SSL_CTX_set_cipher_list(context_.get(), "ALL:@SECLEVEL=0");
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
    if (how.version != 0) {
      SSL_CTX_set_max_proto_version(context_.get(), how.version);
    }
    if (how.certificate != nullptr) {
      SSL_CTX_use_certificate_chain_file(context_.get(), how.certificate);
      SSL_CTX_use_PrivateKey_file(context_.get(), how.key, SSL_FILETYPE_PEM);
    }
    const timeval long_enough{20, 0};
    ::setsockopt(socket(), SOL_SOCKET, SO_RCVTIMEO, &long_enough, sizeof long_enough);
    session_.reset(SSL_new(context_.get()));
    SSL_set_fd(session_.get(), socket());
    ERR_clear_error();
    connected_ = SSL_connect(session_.get()) == 1;
    note_alert();
  }

  /// Whether its side of the handshake went well; the server may think otherwise later.
  bool connected() const noexcept { return connected_; }
  /// The number of the alert that the server sent, as in SSL_AD_PROTOCOL_VERSION; negative where none came.
  int alert() const noexcept { return alert_; }
  bool send_encrypted(std::string_view bytes) {
    return SSL_write(session_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
  }
  /// Waits until the other end has closed, or for long. Whether it has.
  bool closed_encrypted() {
    char part[4096];
    ERR_clear_error();
    int got = 0;
    do {
      got = SSL_read(session_.get(), part, sizeof part);
    } while (got > 0);
    const auto closed = SSL_get_error(session_.get(), got) != SSL_ERROR_WANT_READ;
    note_alert();
    return closed;
  }
  std::string version() const { return SSL_get_version(session_.get()); }

private:
  void note_alert() {
    const auto error = ERR_peek_error();
    if (error != 0 && ERR_GET_REASON(error) > SSL_AD_REASON_OFFSET) {
      alert_ = ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET;
    }
    ERR_clear_error();
  }

  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
  std::unique_ptr<SSL, void (*)(SSL*)> session_;
  bool connected_ = false;
  int alert_ = -1;
};

} // namespace millrace::test
