#include <millrace/tests/support/network/certificate_folder.hpp>
#include <millrace/tests/support/network/server_fixture.hpp>
#include <millrace/tests/support/network/tls_peer.hpp>

#include <sys/ioctl.h>

#include <caf/openssl/all.hpp>

namespace {

using namespace millrace;
using namespace millrace::network;
using namespace millrace::test;
using namespace std::chrono_literals;

struct openssl_config : remote_config {
  openssl_config(const certificate_folder& files, const std::string& name) {
    load<caf::openssl::manager>();
    openssl_certificate = files.file(name + ".pem");
    openssl_key = files.file(name + "-key.pem");
    openssl_cafile = files.file("ca.pem");
  }
};

/// A stock CAF node with TLS.
class stock_tls_client {
public:
  stock_tls_client(const certificate_folder& files, std::uint16_t port, const std::string& name = "client")
    : config_(files, name), system_(config_) {
    auto found = caf::openssl::remote_actor<engine_actor>(system_, "127.0.0.1", port);
    if (found) {
      server_ = std::move(*found);
    }
  }

  bool served(std::size_t bytes = 10) {
    if (!server_) {
      return false;
    }
    caf::scoped_actor self{system_};
    bool answered = false;
    self->request(*server_, 30s, select(std::string(bytes, 'x')))
      .receive([&](const row_set& rows) { answered = rows[0][std::size_t{0}].as_text().size() == bytes; },
               [](const caf::error&) {});
    return answered;
  }

private:
  openssl_config config_;
  caf::actor_system system_;
  std::optional<engine_actor> server_;
};

struct tls_fixture {
  /// Whether somebody is refused for a reason while the good client is served, and is told so by an alert where one is
  /// named.
  bool refuses(const tls_peer::ways& how, refusal why, std::optional<int> alert = {}) {
    const auto before = server.refused(why);
    tls_peer peer{server.port(), how};
    return eventually([&] { return server.refused(why) == before + 1; }) && peer.closed_encrypted() && good.served()
           && (!alert || peer.alert() == *alert);
  }

  tls_peer::ways with(const std::string& name) {
    certificate = files.file(name + ".pem");
    key = files.file(name + "-key.pem");
    return {certificate.c_str(), key.c_str()};
  }

  certificate_folder files;
  std::string certificate;
  std::string key;
  served_engine server{{}, files.settings("server")};
  stock_tls_client good{files, server.port()};
};

/// Lets both transports go on until the client's handshake is decided.
transport::status shake(transport& client) {
  for (int i = 0; i < 2'000; ++i) {
    const auto decided = client.shake_hands();
    if (decided != transport::status::wait) {
      return decided;
    }
    std::this_thread::sleep_for(2ms);
  }
  return transport::status::wait;
}

} // namespace

BOOST_AUTO_TEST_SUITE(tls_suite)

BOOST_FIXTURE_TEST_CASE(a_stock_client_with_a_certificate_is_served, tls_fixture) {
  BOOST_TEST(good.served());
  BOOST_TEST(good.served(200'000));
  stock_tls_client second{files, server.port()};
  BOOST_TEST(second.served());
}

BOOST_FIXTURE_TEST_CASE(tls_1_2_and_1_3_are_spoken_and_nothing_older, tls_fixture) {
  for (const auto& [version, name] : {std::pair{TLS1_2_VERSION, "TLSv1.2"}, std::pair{TLS1_3_VERSION, "TLSv1.3"}}) {
    auto how = with("client");
    how.version = version;
    const tls_peer peer{server.port(), how};
    BOOST_TEST(peer.connected());
    BOOST_TEST(peer.version() == name);
  }
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    auto how = with("client");
    how.version = version;
    BOOST_TEST(refuses(how, refusal::tls_failed, SSL_AD_PROTOCOL_VERSION));
  }
}

BOOST_FIXTURE_TEST_CASE(plain_bytes_on_a_tls_port_are_refused, tls_fixture) {
  raw_peer peer{server.port()};
  peer.send(client_handshake(a_node(5)));
  BOOST_TEST(peer.closed());
  BOOST_TEST(server.refused(refusal::tls_failed) == 1U);
  remote_config config;
  caf::actor_system system{config};
  BOOST_TEST(!system.middleman().remote_actor<engine_actor>("127.0.0.1", server.port()));
  BOOST_TEST(good.served());
}

BOOST_FIXTURE_TEST_CASE(who_shows_no_certificate_is_refused, tls_fixture) {
  // By TLS itself, and not only by our own look at the certificate. The alert of 1.2 is a general one.
  BOOST_TEST(refuses({}, refusal::tls_failed, SSL_AD_CERTIFICATE_REQUIRED));
  BOOST_TEST(refuses({.version = TLS1_2_VERSION}, refusal::tls_failed, SSL_AD_HANDSHAKE_FAILURE));
}

BOOST_FIXTURE_TEST_CASE(certificates_out_of_their_time_are_refused, tls_fixture) {
  files.add({.name = "expired", .days = 5, .begins_in_days = -10});
  files.add({.name = "future", .days = 5, .begins_in_days = 2});
  BOOST_TEST(refuses(with("expired"), refusal::certificate_refused));
  BOOST_TEST(refuses(with("future"), refusal::certificate_refused));
}

BOOST_FIXTURE_TEST_CASE(certificates_of_another_authority_are_refused, tls_fixture) {
  const certificate_folder foreign;
  const std::string foreign_certificate = foreign.file("client.pem");
  const std::string foreign_key = foreign.file("client-key.pem");
  BOOST_TEST(refuses({foreign_certificate.c_str(), foreign_key.c_str()}, refusal::certificate_refused));
  stock_tls_client stranger{foreign, server.port()};
  BOOST_TEST(!stranger.served());
  BOOST_TEST(good.served());
}

BOOST_AUTO_TEST_CASE(where_certificates_are_pinned_no_others_are_let_in) {
  certificate_folder files;
  files.add({.name = "other", .hosts = {}});
  auto settings = files.settings("server");
  settings.pins = {files.fingerprint("client")};
  served_engine server{{}, settings};
  stock_tls_client pinned{files, server.port()};
  stock_tls_client other{files, server.port(), "other"};
  BOOST_TEST(pinned.served());
  BOOST_TEST(!other.served());
  BOOST_TEST(server.refused(refusal::certificate_not_pinned) == 1U);
  // Who is refused hears so, and need not try again.
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto certificate = files.file("other.pem");
    const auto key = files.file("other-key.pem");
    tls_peer peer{server.port(), {certificate.c_str(), key.c_str(), version}};
    BOOST_TEST(peer.closed_encrypted());
    BOOST_TEST(peer.alert() == SSL_AD_HANDSHAKE_FAILURE);
  }
  BOOST_TEST(eventually([&] { return server.refused(refusal::certificate_not_pinned) == 3U; }));
  BOOST_TEST(pinned.served());
}

BOOST_FIXTURE_TEST_CASE(a_certificate_is_no_leave_to_break_the_protocol, tls_fixture) {
  for (const auto& [bytes, why] : {std::pair{header_bytes({.operation = 1}), refusal::malformed_payload},
                                   std::pair{header_bytes({.operation = 2, .dest_actor = 1}), refusal::no_handshake}}) {
    tls_peer peer{server.port(), with("client")};
    BOOST_TEST(peer.send_encrypted(bytes));
    BOOST_TEST(peer.closed_encrypted());
    BOOST_TEST(server.refused(why) == 1U);
  }
  BOOST_TEST(good.served());
}

BOOST_AUTO_TEST_CASE(who_does_not_get_through_with_the_handshake_is_disconnected) {
  const certificate_folder files;
  served_engine server{{.handshake_timeout = 300ms}, files.settings("server")};
  stock_tls_client good{files, server.port()};
  raw_peer silent{server.port()};
  raw_peer half{server.port()};
  half.send(std::string_view{"\x16\x03\x01\x02\x00\x01", 6}); // The beginning of a client's hello.
  BOOST_TEST(silent.closed());
  BOOST_TEST(half.closed());
  BOOST_TEST(server.refused(refusal::handshake_timeout) == 2U);
  BOOST_TEST(good.served());
}

BOOST_FIXTURE_TEST_CASE(our_client_checks_the_servers_name_and_authority, tls_fixture) {
  const auto context = tls_context::make(files.settings("client"));
  BOOST_REQUIRE(context);
  const auto decided = [&](const tls_context& by, const std::string& host) {
    raw_peer peer{server.port()};
    const auto client = by.connect(peer.socket(), host);
    const int on = 1;
    ::ioctl(peer.socket(), FIONBIO, &on);
    const auto status = shake(*client);
    return std::pair{status, client->why_closed()};
  };
  BOOST_TEST((decided(**context, "localhost").first == transport::status::done));
  BOOST_TEST((decided(**context, "127.0.0.1").first == transport::status::done));
  for (const auto* wrong : {"db.example.org", "127.0.0.2"}) {
    BOOST_TEST((decided(**context, wrong) == std::pair{transport::status::closed, refusal::certificate_refused}));
  }
  const certificate_folder foreign;
  auto settings = files.settings("client");
  settings.ca = foreign.file("ca.pem");
  const auto stranger = tls_context::make(settings);
  BOOST_REQUIRE(stranger);
  BOOST_TEST((decided(**stranger, "localhost") == std::pair{transport::status::closed, refusal::certificate_refused}));
  settings = files.settings("client");
  settings.pins = {files.fingerprint("client")};
  const auto pinning = tls_context::make(settings);
  BOOST_REQUIRE(pinning);
  BOOST_TEST(
    (decided(**pinning, "localhost") == std::pair{transport::status::closed, refusal::certificate_not_pinned}));
}

BOOST_AUTO_TEST_CASE(files_that_do_not_fit_are_sentences) {
  const certificate_folder files;
  const auto problem = [](const tls_settings& settings) {
    const auto made = tls_context::make(settings);
    return made ? std::string{} : made.error();
  };
  const auto right = files.settings("server");
  BOOST_TEST(problem(right) == "");
  auto wrong = right;
  wrong.key.clear();
  BOOST_TEST(problem(wrong).find("key is not given") != std::string::npos);
  wrong = right;
  wrong.key = files.file("client-key.pem");
  BOOST_TEST(problem(wrong).find("client-key.pem cannot be read") != std::string::npos);
  wrong = right;
  wrong.ca = files.file("missing.pem");
  BOOST_TEST(problem(wrong).find("missing.pem cannot be read") != std::string::npos);
  wrong = right;
  wrong.pins = {"12:34"};
  BOOST_TEST(problem(wrong).find("no SHA-256 fingerprint") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_other_machines_can_reach_takes_tls) {
  remote_config config;
  caf::actor_system system{config};
  const auto engine = spawn_fake_engine(system);
  const certificate_folder files;
  const auto open = [&](const tls_settings& tls) {
    return listener::open(system, {{"0.0.0.0", 0}, wire::role::read_write, {}, tls}, {engine, {}}).has_value();
  };
  BOOST_TEST(!open({}));
  auto incomplete = files.settings("server");
  incomplete.ca.clear();
  BOOST_TEST(!open(incomplete));
  BOOST_TEST(open(files.settings("server")));
  caf::anon_send_exit(engine, caf::exit_reason::user_shutdown);
}

BOOST_AUTO_TEST_SUITE_END()
