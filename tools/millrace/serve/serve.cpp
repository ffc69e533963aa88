#include "serve.hpp"

#include "pins.hpp"
#include "watched_file.hpp"

#include <millrace/actors/engine/engine.hpp>
#include <millrace/actors/network/connection/address.hpp>
#include <millrace/actors/network/connection/tls.hpp>
#include <millrace/actors/network/http/http_server.hpp>
#include <millrace/actors/network/http/tokens.hpp>
#include <millrace/actors/network/server/listener.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tools/millrace/common/console.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/common/in_folder.hpp>
#include <millrace/tools/millrace/common/log_sink.hpp>
#include <millrace/tools/millrace/common/number_between.hpp>
#include <millrace/tools/millrace/common/process.hpp>
#include <millrace/tools/millrace/common/readable_file.hpp>
#include <millrace/tools/millrace/common/shortage.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>
#include <unistd.h>
#include <caf/actor_system.hpp>
#include <caf/io/middleman.hpp>
#include <tl/expected.hpp>

namespace millrace::tools {

namespace {

struct serve_settings {
  std::string data;
  std::string listen = "127.0.0.1:7400"; ///< For programs that read and write.
  std::string listen_read;               ///< Empty where nobody may only read.
  std::string listen_operator;
  std::string listen_http; ///< Empty where no program speaks HTTP.
  std::string http_tokens;
  std::vector<std::string> schema;
  bool create = false;
  std::string ad_hoc = "allow";
  std::uint32_t readers = 2;
  std::uint32_t transaction_seconds = 5;
  std::uint32_t replay_seconds = 5;
  std::uint32_t drain_seconds = 10;
  network::connection_limits limits;
  network::tls_settings tls; ///< Its pins may have a role in front, such as `read=`.
  std::uint32_t idle_seconds = 3600;
  std::uint32_t query_seconds = 30;
};

struct serve_config : system_config {
  serve_config() { load<caf::io::middleman>(); }
};

options engine_options_of(const serve_settings& settings) {
  options chosen;
  chosen.data = settings.data;
  chosen.create_if_missing = settings.create;
  chosen.schema.assign(settings.schema.begin(), settings.schema.end());
  chosen.ad_hoc_schema = settings.ad_hoc == "allow" ? ad_hoc_changes::allow : ad_hoc_changes::refuse;
  chosen.read.readers = settings.readers;
  chosen.database.transaction_time_max = std::chrono::seconds{settings.transaction_seconds};
  chosen.replay_wait = std::chrono::seconds{settings.replay_seconds};
  chosen.opening_called_off = &interrupt_flag();
  chosen.drain_deadline = std::chrono::seconds{settings.drain_seconds};
  return chosen;
}

/// An address to listen at, as the command line says it.
struct place {
  std::string option;
  std::string address;
  wire::role admitted;
};

/// What TLS asks of those who connect to a port: where certificates are pinned, those whose role allows as much.
tl::expected<network::tls_settings, std::string> tls_for(const place& wanted, const network::tls_settings& given,
                                                         const pins& pinned) {
  auto tls = given;
  tls.pins = pinned.for_port(wanted.admitted);
  const auto unpinned = tls.pins.empty() && (!pinned.empty() || wanted.admitted == wire::role::operations);
  if (!given.empty() && unpinned) {
    const std::string role{wire::name(wanted.admitted)};
    return tl::unexpected{"No certificate may connect as \"" + role + "\", which " + wanted.option + " ("
                          + wanted.address + ") is for; name one with --tls-pin " + role
                          + "=FINGERPRINT, or listen there for nobody by " + wanted.option + " \"\"."};
  }
  return tls;
}

/// Where to listen. The error is a sentence.
tl::expected<network::endpoint, std::string> place_in(const std::string& text) {
  auto where = network::parse_endpoint(text);
  if (where && !network::is_numeric(where->address)) {
    return tl::unexpected{"\"" + where->address + "\" is no address; give it in numbers, such as 127.0.0.1 or ::1"};
  }
  return where;
}

/// One address and what is let in there. The error is a sentence.
tl::expected<network::listen_settings, std::string> listening_at(const place& wanted, const serve_settings& settings,
                                                                 const pins& pinned) {
  const auto where = place_in(wanted.address);
  if (!where) {
    return tl::unexpected{where.error()};
  }
  if (!network::is_loopback(where->address) && settings.tls.empty()) {
    return tl::unexpected{"Other machines can reach " + where->address
                          + ". Give --tls-certificate, --tls-key and --tls-ca, or listen at 127.0.0.1. For a trial, "
                            "`millrace certs` makes them."};
  }
  auto tls = tls_for(wanted, settings.tls, pinned);
  if (!tls) {
    return tl::unexpected{tls.error()};
  }
  if (!tls->empty()) {
    // Before a folder is opened, which may take a while.
    if (const auto usable = network::tls_context::make(*tls); !usable) {
      return tl::unexpected{usable.error()};
    }
  }
  network::listen_settings listening{*where, wanted.admitted, settings.limits, std::move(*tls)};
  listening.limits.idle_timeout = std::chrono::seconds{settings.idle_seconds};
  // Operators look into what takes long.
  listening.query_time_max = std::chrono::seconds{wanted.admitted == wire::role::operations ? 0
                                                                                            : settings.query_seconds};
  return listening;
}

tl::expected<std::vector<network::listen_settings>, std::string> all_listening(const serve_settings& settings) {
  const auto pinned = pins::parse(settings.tls.pins);
  if (!pinned) {
    return tl::unexpected{pinned.error()};
  }
  std::vector<network::listen_settings> all;
  for (const auto& wanted : {place{"--listen", settings.listen, wire::role::read_write},
                             place{"--listen-read", settings.listen_read, wire::role::read},
                             place{"--listen-operator", settings.listen_operator, wire::role::operations}}) {
    if (wanted.address.empty()) {
      continue;
    }
    auto one = listening_at(wanted, settings, *pinned);
    if (!one) {
      return tl::unexpected{one.error()};
    }
    // CAF knows what is published by its port alone.
    const auto port = one->at.port;
    if (port != 0 && std::ranges::any_of(all, [port](const auto& other) { return other.at.port == port; })) {
      return tl::unexpected{"Each address needs a port number of its own; " + std::to_string(port)
                            + " is there more than once."};
    }
    all.push_back(std::move(*one));
  }
  if (all.empty() && settings.listen_http.empty()) {
    return tl::unexpected{std::string{"There is no address to listen at; give one with --listen."}};
  }
  if (all.empty()) {
    return all;
  }
  const auto least = std::ranges::min(all, {}, &network::listen_settings::admits).admits;
  if (const auto lost = pinned->below(least); !lost.empty()) {
    return tl::unexpected{"The certificate " + lost
                          + " may connect nowhere; give its role an address, too (--listen, --listen-read)."};
  }
  return all;
}

/// Nothing where no program speaks HTTP. The error is a sentence.
tl::expected<std::optional<network::http::http_settings>, std::string> http_of(const serve_settings& settings) {
  if (settings.listen_http.empty()) {
    return std::nullopt;
  }
  const auto where = place_in(settings.listen_http);
  if (!where) {
    return tl::unexpected{where.error()};
  }
  if (!network::is_loopback(where->address) && (settings.tls.empty() || settings.http_tokens.empty())) {
    return tl::unexpected{"Other machines can reach " + where->address
                          + ". Give --tls-certificate, --tls-key and --http-tokens, or listen at 127.0.0.1."};
  }
  if (!settings.http_tokens.empty()) {
    if (const auto tokens = network::http::token_book::read(settings.http_tokens); !tokens) {
      return tl::unexpected{tokens.error()};
    }
  }
  network::http::http_settings http;
  http.at = *where;
  http.tokens = settings.http_tokens;
  http.tls = settings.tls;
  http.connections = settings.limits;
  http.query_time_max = std::chrono::seconds{settings.query_seconds};
  return http;
}

std::string ready_line(const serve_settings& settings, const std::vector<network::listen_settings>& places,
                       const std::vector<network::listener>& listeners, const std::optional<network::endpoint>& http) {
  std::vector<std::string> at;
  at.reserve(places.size() + 1);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto admitted = places[i].admits;
    at.push_back(network::to_string({places[i].at.address, listeners[i].port()})
                 + (admitted == wire::role::read_write ? "" : " (" + std::string{wire::name(admitted)} + ")"));
  }
  if (http) {
    at.push_back(network::to_string(*http) + " (HTTP)");
  }
  return fmt::format("Serving {} at {}{}", settings.data, fmt::join(at, ", "), settings.tls.empty() ? "" : " with TLS");
}

/// A line on stdout for whoever starts servers. It is no result: a server does not wait for who does not read it.
void announce(const std::string& line) {
  static_cast<void>(write_at_once(STDOUT_FILENO, line + '\n'));
}

/// Whoever may ask by HTTP is told anew by a file of tokens that has changed.
void reload_tokens(network::http::http_server& web, const std::string& file) {
  if (const auto wrong = web.reload_tokens()) {
    spdlog::warn("the tokens are those of before: {}", *wrong);
  } else {
    announce("Took the tokens in " + file + " anew");
  }
}

void serve_until_interrupted(std::optional<network::http::http_server>& web, watched_file& tokens) {
  constexpr int pauses_a_look = 25; // Half a second.
  for (int pauses = 0; !interrupted(); ++pauses) {
    if (web && pauses % pauses_a_look == 0 && tokens.changed()) {
      reload_tokens(*web, tokens.path());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
}

/// Before a folder is made, and opened, which may take a while.
tl::expected<void, std::string> look_whether_free(const std::vector<network::listen_settings>& places,
                                                  const std::optional<network::http::http_settings>& http) {
  std::vector<network::endpoint> all;
  all.reserve(places.size() + 1);
  for (const auto& place : places) {
    all.push_back(place.at);
  }
  if (http) {
    all.push_back(http->at);
  }
  for (const auto& one : all) {
    const auto socket = network::listen_at(one);
    if (!socket) {
      return tl::unexpected{socket.error()};
    }
    ::close(*socket);
  }
  return {};
}

/// Listeners take as many as half of the files that the process may open, and HTTP as many as a quarter.
void allow_connections(std::size_t wanted, bool http) {
  const std::size_t files_each = http ? 4 : 2;
  if (const auto files = allow_files(files_each * wanted); files / files_each < wanted) {
    complain(
      fmt::format("The process may open {} files (ulimit -n), so at most {} connections are taken instead of {}.",
                  files, files / files_each, wanted),
      exit_code::ok);
  }
}

int serve(const serve_settings& settings) {
  const auto places = all_listening(settings);
  if (!places) {
    return complain(places.error(), exit_code::usage);
  }
  const auto http = http_of(settings);
  if (!http) {
    return complain(http.error(), exit_code::usage);
  }
  if (const auto are_free = look_whether_free(*places, *http); !are_free) {
    return complain(are_free.error(), exit_code::usage);
  }
  const auto engine_options = engine_options_of(settings);
  if (const auto refused = refuse_folder(engine_options)) {
    return *refused;
  }
  allow_connections(settings.limits.connections_max, http->has_value());
  catch_interrupts();
  serve_config config;
  caf::actor_system system{config};
  auto engine = open(system, engine_options);
  if (!engine && engine.error().code == errc::shutting_down) {
    announce("Ended before it served: what stands in the log is applied at the next start");
    return exit_code::ok;
  }
  if (!engine) {
    return complain_of_opening(engine.error(), engine_options);
  }
  std::vector<network::listener> listeners;
  for (const auto& place : *places) {
    auto made = network::listener::open(system, place, {engine->front(), engine->operations()},
                                        listeners.empty() ? nullptr : &listeners.front());
    if (!made) {
      return complain(made.error(), exit_code::usage);
    }
    listeners.push_back(std::move(*made));
  }
  watched_file tokens{settings.http_tokens}; // From before they are read.
  std::optional<network::http::http_server> web;
  if (*http) {
    auto made = network::http::http_server::open(system, **http, {engine->front(), engine->operations()});
    if (!made) {
      return complain(made.error(), exit_code::usage);
    }
    web.emplace(std::move(*made));
  }
  announce(ready_line(settings, *places, listeners,
                      web ? std::optional{network::endpoint{(*http)->at.address, web->port()}} : std::nullopt));
  serve_until_interrupted(web, tokens);
  announce("Ending: what was accepted is being answered");
  for (auto& one : listeners) {
    one.stop_accepting();
  }
  if (web) {
    web->stop_accepting();
  }
  engine->close();
  if (web) {
    web->close(std::chrono::seconds{2});
  }
  for (auto& one : listeners) {
    one.close(std::chrono::seconds{2});
  }
  announce("Ended");
  return exit_code::ok;
}

void add_tls_options(CLI::App& command, network::tls_settings& tls) {
  const auto readable = readable_file();
  command.add_option("--tls-certificate", tls.certificate, "The server's certificate (PEM)")->check(readable);
  command.add_option("--tls-key", tls.key, "Its key (PEM, without a pass phrase)")->check(readable);
  command.add_option("--tls-ca", tls.ca, "Whose certificates clients must have (PEM)")->check(readable);
  command
    .add_option("--tls-pin", tls.pins,
                "[ROLE=]FINGERPRINT: a client's certificate by its SHA-256 fingerprint, and what it may do; may be "
                "repeated, and where some are given, no others are let in")
    ->allow_extra_args(false);
}

constexpr int day_seconds = 24 * 3600;

constexpr const char* footer = R"(
One line on stdout says when it serves. SIGTERM, SIGHUP or Ctrl-C ends it: nobody is taken in any more, what was accepted is
answered, and it exits with 0 within --drain-seconds and a little; a second one ends it at once, which loses nothing
that was acknowledged either. Before it serves, one ends it soon: what stands in the log is applied at the next start.

Where much was accepted and not applied before it was killed, it serves after --replay-seconds all the same: queries see
the state that is there, what is sent is accepted and applied after what stands in the log, and an operator can set aside
what takes long. Only a --schema that is new comes after all of that, and nobody is served before it is applied.

Any CAF 0.17 program that knows Millrace's messages can connect:
  system.middleman().remote_actor<millrace::engine_actor>("127.0.0.1", 7400)
  caf::openssl::remote_actor<millrace::engine_actor>(system, "db.example.org", 7400)   with TLS

Where other machines can reach the address, TLS is required: both ends show a certificate, 1.2 is the oldest version.

What a program may do is decided by the port that it connects to. A certificate that is pinned as read, read-write or
operator may use its own role's port and those of lesser ones; pinned without a role it counts as read-write. Where none
is pinned, every certificate of the authority does, and there can be no port for operators.

Examples:
  millrace serve --data /srv/people
  millrace serve --data /srv/people --listen [::1]:7400 --create --schema 0001_person.sql
  millrace serve --data /srv/people --listen 0.0.0.0:7400 --tls-certificate server.pem --tls-key server-key.pem \
    --tls-ca ca.pem
  millrace serve --data /srv/people --listen-read 127.0.0.1:7401 --listen-operator 127.0.0.1:7402
  millrace serve --data /srv/people --listen-http 127.0.0.1:7480 --http-tokens tokens

Exit codes: 0 ended by a signal, 1 the system grants too few files or threads, 2 usage or an address that cannot be
listened at, 70 the folder could not be opened, or the engine stopped serving.)";

} // namespace

void add_serve_command(CLI::App& program, int& result) {
  auto settings = std::make_shared<serve_settings>();
  auto& command = *program.add_subcommand("serve", "Serve a data folder to programs elsewhere");
  command.footer(footer);
  command.add_option("--data", settings->data, "The data folder; it is recovered where that is needed")
    ->required()
    ->check(a_name());
  command
    .add_option("--listen", settings->listen,
                "Where to listen: a numeric address and a port; port 0 takes any, \"\" is no address")
    ->capture_default_str();
  command.add_option("--listen-read", settings->listen_read, "The same, for programs that may only read");
  command.add_option("--listen-operator", settings->listen_operator,
                     "The same, for operators, who may also change the schema and decide about quarantine");
  auto* const listen_http = command.add_option(
    "--listen-http", settings->listen_http,
    "The same, for programs in any language, by HTTP and JSON; on other addresses than this machine's "
    "with TLS and tokens");
  command
    .add_option(
      "--http-tokens", settings->http_tokens,
      "A file with a line for each token that may ask by HTTP: its role, and sha256: and its hash; it is read "
      "again when it changes")
    ->check(readable_file())
    ->needs(listen_http);
  command.add_flag("--create", settings->create, "Make the folder where it is missing");
  command.add_option("--schema", settings->schema, "SQL files that are applied once each, in this order")
    ->check(readable_file()); // Before a folder is made for a schema that cannot be had.
  command
    .add_option("--ad-hoc", settings->ad_hoc,
                "Whether operators may change the schema by SQL of their own (allow), or by migrations alone (refuse)")
    ->check(CLI::IsMember{{"allow", "refuse"}})
    ->capture_default_str();
  command.add_option("--readers", settings->readers, "How many readers answer queries")
    ->check(number_between(1, 1'000))
    ->capture_default_str();
  command
    .add_option("--transaction-seconds", settings->transaction_seconds,
                "How long one transaction may compute before it is set aside")
    ->check(number_between(1, day_seconds))
    ->capture_default_str();
  command
    .add_option("--replay-seconds", settings->replay_seconds,
                "How long it waits for what stands in the log to be applied, before it serves meanwhile")
    ->check(number_between(0, day_seconds))
    ->capture_default_str();
  command.add_option("--drain-seconds", settings->drain_seconds, "How long ending may take")
    ->check(number_between(0, day_seconds))
    ->capture_default_str();
  add_tls_options(command, settings->tls);
  command
    .add_option("--query-seconds", settings->query_seconds,
                "How long a query may take, whatever it says itself; 0 for as long as it says")
    ->check(number_between(0, day_seconds))
    ->capture_default_str();
  command.add_option("--idle-seconds", settings->idle_seconds, "Disconnect who says nothing for so long; 0 never does")
    ->check(number_between(0, 365 * day_seconds))
    ->capture_default_str();
  command.add_option("--connections", settings->limits.connections_max, "How many may be connected at once")
    ->check(number_between(1, 1'000'000))
    ->capture_default_str();
  command
    .add_option("--connections-per-address", settings->limits.connections_per_address_max,
                "How many of them from one address")
    ->check(number_between(1, 1'000'000))
    ->capture_default_str();
  command.callback([settings, &result] { result = serve(*settings); });
}

} // namespace millrace::tools
