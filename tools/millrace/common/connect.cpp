#include "connect.hpp"

#include "console.hpp"
#include "exit_code.hpp"
#include "process.hpp"
#include "readable_file.hpp"
#include "shortage.hpp"
#include "waiting_note.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/messages/wire/registry.hpp>

#include <chrono>
#include <thread>
#include <filesystem>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/io/middleman.hpp>
#include <tl/expected.hpp>

namespace millrace::tools {

namespace {

constexpr std::chrono::seconds patience{10};

struct connected_config : system_config {
  connected_config() { load<caf::io::middleman>(); }
};

/// The error is the exit code; why is said already.
tl::expected<network::remote_engine, int> connect(caf::actor_system& system, const connect_settings& settings) {
  network::remote_settings remote;
  remote.tls = settings.tls;
  const bool has_scheme = settings.server.find("://") != std::string::npos;
  remote.url = (has_scheme ? "" : settings.tls.empty() ? "millrace://" : "millraces://") + settings.server;
  auto made = network::connect(system, std::move(remote));
  if (!made) {
    return tl::unexpected{complain(made.error(), exit_code::usage)};
  }
  const waiting_note note{"Waiting for a connection to " + settings.server + " …"};
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!made->connected()) {
    if (std::chrono::steady_clock::now() > end || interrupted()) {
      // Where nobody is connected the front says at once why.
      const auto obstacle = client{system, made->front(), std::chrono::seconds{1}}.health();
      return tl::unexpected{
        complain("There is no connection to " + settings.server + (obstacle ? "." : ". " + obstacle.error().detail),
                 exit_code::engine)};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  return std::move(*made);
}

} // namespace

void add_connect_options(CLI::App& command, connect_settings& settings, CLI::Option* data) {
  auto* const connect =
    command.add_option("--connect", settings.server, "A server (millrace serve) as host:port, instead of a folder")
      ->excludes(data)
      ->check(a_name());
  const auto add_file = [&](const char* name, std::filesystem::path& file, const char* description) {
    command.add_option(name, file, description)->needs(connect)->check(readable_file());
  };
  add_file("--tls-certificate", settings.tls.certificate, "With --connect: this client's certificate (PEM)");
  add_file("--tls-key", settings.tls.key, "With --connect: its key");
  add_file("--tls-ca", settings.tls.ca, "With --connect: whose certificate the server must have");
  command
    .add_option("--tls-pin", settings.tls.pins,
                "With --connect: the server's certificate, by its SHA-256 fingerprint; may be repeated")
    ->allow_extra_args(false)
    ->needs(connect);
}

void require_place(const std::string& data, const connect_settings& settings) {
  if (data.empty() && settings.server.empty()) {
    throw CLI::RequiredError{"--data or --connect"};
  }
}

int at_server(const connect_settings& settings, const work_at_server& work) {
  if (const auto problem = shortage(0); !problem.empty()) {
    return complain(problem, exit_code::failed);
  }
  connected_config config;
  caf::actor_system system{config};
  const auto target = connect(system, settings);
  return target ? work(system, *target) : target.error();
}

} // namespace millrace::tools
