#include "connect.hpp"

#include "console.hpp"
#include "exit_code.hpp"
#include "process.hpp"
#include "readable_file.hpp"
#include "shortage.hpp"
#include "waiting_note.hpp"

#include <millrace/messages/wire/registry.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <thread>
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

/// Whether what stands in the way would stand there at each further attempt, too.
bool is_in_vain(const network::remote_engine& target, const failure& obstacle) {
  using network::refusal;
  constexpr std::array lasting{
    refusal::tls_failed,        refusal::certificate_refused, refusal::certificate_not_pinned,
    refusal::unknown_operation, refusal::malformed_header,    refusal::malformed_payload,
    refusal::frame_too_large,   refusal::wrong_version,       refusal::no_handshake};
  return obstacle.code == errc::version_mismatch
         || std::ranges::any_of(lasting, [&](refusal why) { return target.refused()[why] > 0; });
}

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
    const auto obstacle = made->obstacle();
    if (std::chrono::steady_clock::now() > end || interrupted() || (obstacle && is_in_vain(*made, *obstacle))) {
      return tl::unexpected{
        complain("There is no connection to " + settings.server + (obstacle ? ". " + obstacle->detail : "."),
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
