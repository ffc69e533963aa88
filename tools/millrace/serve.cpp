#include "serve.hpp"

#include "console.hpp"
#include "exit_code.hpp"
#include "process.hpp"

#include <millrace/actors/engine.hpp>
#include <millrace/actors/network/listener.hpp>
#include <millrace/messages/registry.hpp>

#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/io/middleman.hpp>

namespace millrace::tools {

namespace {

struct serve_settings {
  std::string data;
  std::string listen = "127.0.0.1:7400";
  std::vector<std::string> schema;
  bool create = false;
  std::uint32_t readers = 2;
  std::uint32_t drain_seconds = 10;
  network::connection_limits limits;
  network::tls_settings tls;
  std::uint32_t idle_seconds = 3600;
};

struct serve_config : system_config {
  serve_config() { load<caf::io::middleman>(); }
};

options engine_options_of(const serve_settings& settings) {
  options chosen;
  chosen.data = settings.data;
  chosen.create_if_missing = settings.create;
  chosen.schema.assign(settings.schema.begin(), settings.schema.end());
  chosen.readers = settings.readers;
  chosen.drain_deadline = std::chrono::seconds{settings.drain_seconds};
  return chosen;
}

void wait_for_interrupt() {
  while (!interrupted()) {
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
}

int serve(const serve_settings& settings) {
  const auto where = network::parse_endpoint(settings.listen);
  if (!where) {
    return complain(where.error(), exit_code::usage);
  }
  if (!network::is_numeric(where->address)) {
    return complain("\"" + where->address + "\" is no address; give it in numbers, such as 127.0.0.1 or ::1",
                    exit_code::usage);
  }
  if (!network::is_loopback(where->address) && settings.tls.empty()) {
    return complain("Other machines can reach " + where->address
                      + ". Give --tls-certificate, --tls-key and --tls-ca, or listen at 127.0.0.1. For a trial, "
                        "`millrace certs` makes them.",
                    exit_code::usage);
  }
  if (!settings.tls.empty()) {
    // Before a folder is opened, which may take a while.
    if (const auto tls = network::tls_context::make(settings.tls); !tls) {
      return complain(tls.error(), exit_code::usage);
    }
  }
  catch_interrupts();
  serve_config config;
  caf::actor_system system{config};
  auto engine = open(system, engine_options_of(settings));
  if (!engine) {
    return complain(engine.error(), exit_code::engine);
  }
  network::listen_settings listening{*where, settings.limits, settings.tls};
  listening.limits.idle_timeout = std::chrono::seconds{settings.idle_seconds};
  auto listener = network::listener::open(system, listening, caf::actor_cast<caf::strong_actor_ptr>(engine->front()),
                                          system.message_types<engine_actor>());
  if (!listener) {
    return complain(listener.error(), exit_code::usage);
  }
  std::cout << "Serving " << settings.data << " at "
            << network::to_string(network::endpoint{where->address, listener->port()})
            << (settings.tls.empty() ? "" : " with TLS") << std::endl;
  wait_for_interrupt();
  std::cout << "Ending: what was accepted is being answered" << std::endl;
  listener->stop_accepting();
  engine->close();
  listener->close(std::chrono::seconds{2});
  std::cout << "Ended" << std::endl;
  return exit_code::ok;
}

void add_tls_options(CLI::App& command, network::tls_settings& tls) {
  command.add_option("--tls-certificate", tls.certificate, "The server's certificate (PEM)");
  command.add_option("--tls-key", tls.key, "Its key (PEM, without a pass phrase)");
  command.add_option("--tls-ca", tls.ca, "Whose certificates clients must have (PEM)");
  command.add_option("--tls-pin", tls.pins,
                     "A client's certificate, by its SHA-256 fingerprint; where some are given, no others are let in");
}

constexpr const char* footer = R"(
One line on stdout says when it serves. SIGTERM or Ctrl-C ends it: nobody is taken in any more, what was accepted is
answered, and it exits with 0 within --drain-seconds and a little; a second one ends it at once, which loses nothing
that was acknowledged either.

Any CAF 0.17 program that knows Millrace's messages can connect:
  system.middleman().remote_actor<millrace::engine_actor>("127.0.0.1", 7400)
  caf::openssl::remote_actor<millrace::engine_actor>(system, "db.example.org", 7400)   with TLS

Where other machines can reach the address, TLS is required: both ends show a certificate, 1.2 is the oldest version.

Examples:
  millrace serve --data /srv/people
  millrace serve --data /srv/people --listen [::1]:7400 --create --schema 0001_person.sql
  millrace serve --data /srv/people --listen 0.0.0.0:7400 --tls-certificate server.pem --tls-key server-key.pem \
    --tls-ca ca.pem

Exit codes: 0 ended by a signal, 2 usage or an address that cannot be listened at, 70 the folder could not be opened, or
the engine stopped serving.)";

} // namespace

void add_serve_command(CLI::App& program, int& result) {
  auto settings = std::make_shared<serve_settings>();
  auto& command = *program.add_subcommand("serve", "Serve a data folder to programs elsewhere");
  command.footer(footer);
  command.add_option("--data", settings->data, "The data folder; it is recovered where that is needed")->required();
  command.add_option("--listen", settings->listen, "Where to listen: a numeric address and a port; port 0 takes any")
    ->capture_default_str();
  command.add_flag("--create", settings->create, "Make the folder where it is missing");
  command.add_option("--schema", settings->schema, "SQL files that are applied once each, in this order");
  command.add_option("--readers", settings->readers, "How many readers answer queries")->capture_default_str();
  command.add_option("--drain-seconds", settings->drain_seconds, "How long ending may take")->capture_default_str();
  add_tls_options(command, settings->tls);
  command.add_option("--idle-seconds", settings->idle_seconds, "Disconnect who says nothing for so long; 0 never does")
    ->capture_default_str();
  command.add_option("--connections", settings->limits.connections_max, "How many may be connected at once")
    ->capture_default_str();
  command
    .add_option("--connections-per-address", settings->limits.connections_per_address_max,
                "How many of them from one address")
    ->capture_default_str();
  command.callback([settings, &result] { result = serve(*settings); });
}

} // namespace millrace::tools
