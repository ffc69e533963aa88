#include "tls.hpp"

#include "address.hpp"
#include "freed_by.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <new>
#include <set>
#include <system_error>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

namespace millrace::network {

namespace {

using context_ptr = std::unique_ptr<SSL_CTX, freed_by<SSL_CTX_free>>;
using session_ptr = std::unique_ptr<SSL, freed_by<SSL_free>>;
using certificate_ptr = std::unique_ptr<X509, freed_by<X509_free>>;

/// The oldest error that OpenSSL has in store for this thread, or nothing; the others are forgotten.
std::string oldest_error() {
  const auto code = ERR_get_error();
  ERR_clear_error();
  if (ERR_SYSTEM_ERROR(code)) {
    return std::generic_category().message(ERR_GET_REASON(code));
  }
  if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER) {
    return "it speaks no TLS, or a version that is too old";
  }
  const auto* reason = ERR_reason_error_string(code);
  return code == 0 ? "" : reason == nullptr ? "error " + std::to_string(code) : reason;
}

// OpenSSL's own socket BIO writes in a way that raises SIGPIPE when the peer is gone.
int write_socket(BIO* bio, const char* from, int bytes) {
  BIO_clear_retry_flags(bio);
  const auto moved = ::send(static_cast<int>(BIO_get_fd(bio, nullptr)), from, static_cast<std::size_t>(bytes),
                            MSG_NOSIGNAL);
  if (moved < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
    BIO_set_retry_write(bio);
  }
  return static_cast<int>(moved);
}

BIO_METHOD* quiet_socket_method() {
  static BIO_METHOD* const method = [] {
    const auto* usual = BIO_s_socket();
    auto* made = BIO_meth_new(BIO_TYPE_SOCKET, "socket without SIGPIPE");
    BIO_meth_set_write(made, write_socket);
    BIO_meth_set_read(made, BIO_meth_get_read(usual));
    BIO_meth_set_ctrl(made, BIO_meth_get_ctrl(usual));
    BIO_meth_set_create(made, BIO_meth_get_create(usual));
    BIO_meth_set_destroy(made, BIO_meth_get_destroy(usual));
    return made;
  }();
  return method;
}

std::string fingerprint_of(const X509& certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
  unsigned int bytes = 0;
  std::string text;
  if (X509_digest(&certificate, EVP_sha256(), hash.data(), &bytes) == 1) {
    constexpr std::string_view digits = "0123456789abcdef";
    for (unsigned int i = 0; i < bytes; ++i) {
      text += digits[hash[i] >> 4U];
      text += digits[hash[i] & 0xFU];
    }
  }
  return text;
}

constexpr int records_max = 16;

class tls_transport : public transport {
public:
  tls_transport(session_ptr session, std::shared_ptr<const std::set<std::string>> pins)
    : session_(std::move(session)), pins_(std::move(pins)) {
    SSL_set_app_data(session_.get(), this);
  }

  /// Called by OpenSSL for each certificate of the peer's chain. Pins are looked at here, so that a peer whose
  /// certificate is none of them is told so by an alert.
  static int verify(int believed, X509_STORE_CTX* chain) {
    const auto* session = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* self = static_cast<tls_transport*>(SSL_get_app_data(session));
    try {
      if (believed == 0 || X509_STORE_CTX_get_error_depth(chain) > 0
          || self->is_pinned(*X509_STORE_CTX_get_current_cert(chain))) {
        return believed;
      }
      X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
    } catch (const std::bad_alloc&) { // Which C code is not made for.
      X509_STORE_CTX_set_error(chain, X509_V_ERR_OUT_OF_MEM);
    }
    return 0;
  }

  status shake_hands() override {
    ERR_clear_error();
    const auto done = SSL_do_handshake(session_.get());
    if (done != 1) {
      return judge(done);
    }
    const certificate_ptr shown{SSL_get1_peer_certificate(session_.get())};
    if (!shown) {
      return fail(refusal::tls_failed, "it shows no certificate");
    }
    return is_pinned(*shown) ? status::done : judge_pin();
  }

  result read(char* into, std::size_t bytes_max) override {
    ERR_clear_error();
    std::size_t bytes = 0;
    const auto done = SSL_read_ex(session_.get(), into, bytes_max, &bytes);
    return done == 1 ? result{status::done, bytes} : result{judge(done)};
  }

  result write(const char* from, std::size_t count) override {
    ERR_clear_error();
    std::size_t moved = 0;
    // A record at a time; CAF writes once each time that it is told that it may.
    for (int records = 0; moved < count && records < records_max; ++records) {
      std::size_t bytes = 0;
      const auto done = SSL_write_ex(session_.get(), from + moved, count - moved, &bytes);
      if (done != 1) {
        const auto why = judge(done);
        return moved > 0 && why == status::wait ? result{status::done, moved} : result{why};
      }
      moved += bytes;
    }
    return {status::done, moved};
  }

  bool has_more() const noexcept override { return SSL_pending(session_.get()) > 0; }
  refusal why_closed() const override { return why_; }
  std::string detail() const override { return detail_; }
  std::string identity() const override { return identity_; }

private:
  /// Also where nothing is pinned.
  bool is_pinned(const X509& shown) {
    identity_ = fingerprint_of(shown);
    return pins_->empty() || pins_->contains(identity_);
  }

  status judge_pin() { return fail(refusal::certificate_not_pinned, "it is " + identity_); }

  status judge(int done) {
    switch (SSL_get_error(session_.get(), done)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return status::wait;
      case SSL_ERROR_ZERO_RETURN:
      case SSL_ERROR_SYSCALL:
        return status::closed; // The peer is gone.
      default:
        break;
    }
    const auto problem = oldest_error();
    const auto verified = SSL_get_verify_result(session_.get());
    if (verified == X509_V_ERR_APPLICATION_VERIFICATION) {
      return judge_pin();
    }
    if (verified != X509_V_OK) {
      return fail(refusal::certificate_refused, X509_verify_cert_error_string(verified));
    }
    return fail(refusal::tls_failed, problem);
  }

  status fail(refusal why, std::string detail) {
    why_ = why;
    detail_ = std::move(detail);
    return status::closed;
  }

  session_ptr session_;
  std::shared_ptr<const std::set<std::string>> pins_;
  std::string identity_;
  refusal why_ = refusal::none;
  std::string detail_;
};

} // namespace

tl::expected<std::string, std::string> plain_fingerprint(std::string_view text) {
  std::string plain{text};
  std::erase(plain, ':');
  std::ranges::transform(plain, plain.begin(), [](unsigned char one) { return static_cast<char>(std::tolower(one)); });
  const auto digits = std::ranges::count_if(plain, [](unsigned char one) { return std::isxdigit(one) != 0; });
  if (digits != 64 || plain.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return tl::unexpected{"\"" + std::string{text} + "\" is no SHA-256 fingerprint, which has 64 hexadecimal digits."};
  }
  return plain;
}

class tls_context::impl {
public:
  /// Nothing, or what is wrong.
  std::string load(const tls_settings& settings) {
    std::set<std::string> pins;
    for (const auto& [file, what] : {std::pair{settings.certificate, "certificate"}, std::pair{settings.key, "key"},
                                     std::pair{settings.ca, "certificate authority"}}) {
      if (file.empty()) {
        return std::string{"TLS needs a certificate, its key and a certificate authority; the "} + what
               + " is not given.";
      }
    }
    for (const auto& pin : settings.pins) {
      auto plain = plain_fingerprint(pin);
      if (!plain) {
        return std::move(plain).error();
      }
      pins.insert(std::move(*plain));
    }
    pins_ = std::make_shared<const std::set<std::string>>(std::move(pins));
    ERR_clear_error();
    context_.reset(SSL_CTX_new(TLS_method()));
    auto* context = context_.get();
    if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1
        || SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) {
      return "TLS cannot be set up: " + oldest_error();
    }
    // Whoever comes back shows its certificate again; a session that was resumed would not be checked.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(
      context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_num_tickets(context, 0);
    // CAF's buffers move and grow between two attempts to write.
    SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, tls_transport::verify);
    // A key with a pass phrase would ask for it on the terminal.
    SSL_CTX_set_default_passwd_cb(context, [](char*, int, int, void*) { return 0; });
    return load_files(settings);
  }

  transport_ptr make(int socket, bool server, const std::string& host) const {
    session_ptr session{SSL_new(context_.get())};
    auto* bio = BIO_new(quiet_socket_method());
    BIO_set_fd(bio, socket, BIO_NOCLOSE);
    SSL_set_bio(session.get(), bio, bio);
    if (server) {
      SSL_set_accept_state(session.get());
    } else {
      SSL_set_connect_state(session.get());
      if (is_numeric(host)) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session.get()), host.c_str());
      } else {
        SSL_set_tlsext_host_name(session.get(), host.c_str());
        SSL_set1_host(session.get(), host.c_str());
      }
    }
    return std::make_unique<tls_transport>(std::move(session), pins_);
  }

private:
  std::string load_files(const tls_settings& settings) {
    auto* context = context_.get();
    const auto wrong = [](const std::filesystem::path& file, const char* what) {
      return file.string() + " cannot be read as " + what + ": " + oldest_error();
    };
    if (SSL_CTX_use_certificate_chain_file(context, settings.certificate.c_str()) != 1) {
      return wrong(settings.certificate, "a certificate");
    }
    if (SSL_CTX_use_PrivateKey_file(context, settings.key.c_str(), SSL_FILETYPE_PEM) != 1
        || SSL_CTX_check_private_key(context) != 1) {
      return wrong(settings.key, "the certificate's key");
    }
    if (SSL_CTX_load_verify_locations(context, settings.ca.c_str(), nullptr) != 1) {
      return wrong(settings.ca, "a certificate authority");
    }
    if (auto* names = SSL_load_client_CA_file(settings.ca.c_str()); names != nullptr) {
      SSL_CTX_set_client_CA_list(context, names);
    }
    ERR_clear_error();
    return {};
  }

  context_ptr context_;
  std::shared_ptr<const std::set<std::string>> pins_;
};

tl::expected<std::shared_ptr<const tls_context>, std::string> tls_context::make(const tls_settings& settings) {
  auto state = std::make_unique<impl>();
  if (auto problem = state->load(settings); !problem.empty()) {
    return tl::unexpected{std::move(problem)};
  }
  return std::shared_ptr<const tls_context>{new tls_context{std::move(state)}};
}

tls_context::tls_context(std::unique_ptr<impl> state) : impl_(std::move(state)) {}
tls_context::~tls_context() = default;

transport_ptr tls_context::accept(int socket) const {
  return impl_->make(socket, true, {});
}

transport_ptr tls_context::connect(int socket, const std::string& host) const {
  return impl_->make(socket, false, host);
}

} // namespace millrace::network
