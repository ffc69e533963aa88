#include "certificates.hpp"

#include <millrace/actors/network/connection/freed_by.hpp>

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

namespace millrace::tools {

namespace {

using network::freed_by;
using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;
using certificate_ptr = std::unique_ptr<X509, freed_by<X509_free>>;
using extension_ptr = std::unique_ptr<X509_EXTENSION, freed_by<X509_EXTENSION_free>>;
using bio_ptr = std::unique_ptr<BIO, freed_by<BIO_free_all>>;

constexpr long seconds_per_day = 24 * 60 * 60;

std::string problem() {
  const auto* reason = ERR_reason_error_string(ERR_get_error());
  ERR_clear_error();
  return std::string{"A certificate could not be made: "} + (reason == nullptr ? "OpenSSL does not say why" : reason);
}

template <class Write>
std::string as_pem(Write write) {
  const bio_ptr memory{BIO_new(BIO_s_mem())};
  write(memory.get());
  char* bytes = nullptr;
  const auto count = BIO_get_mem_data(memory.get(), &bytes);
  return {bytes, static_cast<std::size_t>(count)};
}

bool add_extension(X509& to, X509& issuer, int what, const std::string& text) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, &issuer, &to, nullptr, nullptr, 0);
  const extension_ptr made{X509V3_EXT_conf_nid(nullptr, &context, what, text.c_str())};
  return made && X509_add_ext(&to, made.get(), -1) == 1;
}

bool is_number(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> raw;
  return ::inet_pton(AF_INET, host.c_str(), raw.data()) == 1 || ::inet_pton(AF_INET6, host.c_str(), raw.data()) == 1;
}

std::string alternative_names(const std::vector<std::string>& hosts) {
  std::string list;
  for (const auto& host : hosts) {
    list += (list.empty() ? "" : ",") + std::string{is_number(host) ? "IP:" : "DNS:"} + host;
  }
  return list;
}

/// What all certificates have: a number, a name, a time, a key. Null where OpenSSL cannot.
certificate_ptr begin_certificate(const certificate_wish& wish, EVP_PKEY& key) {
  certificate_ptr made{X509_new()};
  std::uint64_t number = 0;
  if (!made || RAND_bytes(reinterpret_cast<unsigned char*>(&number), sizeof number) != 1) {
    return nullptr;
  }
  auto* subject = X509_get_subject_name(made.get());
  const auto* name = reinterpret_cast<const unsigned char*>(wish.name.c_str());
  const auto begins = wish.begins_in_days * seconds_per_day;
  const bool done = X509_set_version(made.get(), X509_VERSION_3) == 1
                    && ASN1_INTEGER_set_uint64(X509_get_serialNumber(made.get()), number >> 1U) == 1
                    && X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, name, -1, -1, 0) == 1
                    && X509_gmtime_adj(X509_getm_notBefore(made.get()), begins) != nullptr
                    && X509_gmtime_adj(X509_getm_notAfter(made.get()), begins + wish.days * seconds_per_day) != nullptr
                    && X509_set_pubkey(made.get(), &key) == 1;
  return done ? std::move(made) : nullptr;
}

} // namespace

class trial_authority::impl {
public:
  bool make(int days) {
    key_.reset(EVP_EC_gen("P-256"));
    if (!key_) {
      return false;
    }
    certificate_ = begin_certificate({"Millrace trial authority", {}, days}, *key_);
    auto* own = certificate_.get();
    return own != nullptr && X509_set_issuer_name(own, X509_get_subject_name(own)) == 1
           && add_extension(*own, *own, NID_basic_constraints, "critical,CA:TRUE,pathlen:0")
           && add_extension(*own, *own, NID_key_usage, "critical,keyCertSign,cRLSign")
           && add_extension(*own, *own, NID_subject_key_identifier, "hash")
           && X509_sign(own, key_.get(), EVP_sha256()) != 0;
  }

  std::string certificate() const {
    return as_pem([this](BIO* to) { PEM_write_bio_X509(to, certificate_.get()); });
  }

  tl::expected<certified_key, std::string> issue(const certificate_wish& wish) const {
    const key_ptr key{EVP_EC_gen("P-256")};
    const auto made = key ? begin_certificate(wish, *key) : nullptr;
    if (!made || X509_set_issuer_name(made.get(), X509_get_subject_name(certificate_.get())) != 1
        || !add_extension(*made, *certificate_, NID_basic_constraints, "critical,CA:FALSE")
        || !add_extension(*made, *certificate_, NID_key_usage, "critical,digitalSignature")
        || !add_extension(*made, *certificate_, NID_ext_key_usage,
                          wish.hosts.empty() ? "clientAuth" : "serverAuth,clientAuth")
        || (!wish.hosts.empty()
            && !add_extension(*made, *certificate_, NID_subject_alt_name, alternative_names(wish.hosts)))
        || X509_sign(made.get(), key_.get(), EVP_sha256()) == 0) {
      return tl::unexpected{problem()};
    }
    return certified_key{
      as_pem([&](BIO* to) { PEM_write_bio_PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr); }),
      as_pem([&](BIO* to) { PEM_write_bio_X509(to, made.get()); })};
  }

private:
  key_ptr key_;
  certificate_ptr certificate_;
};

tl::expected<trial_authority, std::string> trial_authority::make(int days) {
  auto state = std::make_unique<impl>();
  if (!state->make(days)) {
    return tl::unexpected{problem()};
  }
  return trial_authority{std::move(state)};
}

trial_authority::trial_authority(std::unique_ptr<impl> state) : impl_(std::move(state)) {}
trial_authority::trial_authority(trial_authority&&) noexcept = default;
trial_authority& trial_authority::operator=(trial_authority&&) noexcept = default;
trial_authority::~trial_authority() = default;

std::string trial_authority::certificate() const {
  return impl_->certificate();
}

tl::expected<certified_key, std::string> trial_authority::issue(const certificate_wish& wish) const {
  return impl_->issue(wish);
}

std::string fingerprint_of(const std::string& certificate) {
  const bio_ptr memory{BIO_new_mem_buf(certificate.data(), static_cast<int>(certificate.size()))};
  const certificate_ptr read{PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr)};
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
  unsigned int bytes = 0;
  if (!read || X509_digest(read.get(), EVP_sha256(), hash.data(), &bytes) != 1) {
    ERR_clear_error();
    return {};
  }
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < bytes; ++i) {
    text += digits[hash[i] >> 4U];
    text += digits[hash[i] & 0xFU];
  }
  return text;
}

} // namespace millrace::tools
