#pragma once

#include <millrace/actors/network/remote/remote_engine.hpp>

#include <functional>
#include <string>

#include <CLI/CLI.hpp>
#include <caf/fwd.hpp>

namespace millrace::tools {

/// Where a server is, as the command line says it.
struct connect_settings {
  std::string server; ///< `host:port`, or `millrace://…`, or `millraces://…`; empty where there is none.
  network::tls_settings tls;
};

/// Adds `--connect` and what TLS needs; `data` is the option that names a folder instead.
void add_connect_options(CLI::App& command, connect_settings& settings, CLI::Option* data);

/// Throws CLI11's error where neither a folder nor a server is named.
void require_place(const std::string& data, const connect_settings& settings);

/// What is done at a server, in an actor system that is connected to it. Gives the exit code.
using work_at_server = std::function<int(caf::actor_system& system, const network::remote_engine& target)>;

/// Connects, waits a while until there is a connection, and does the work. Where there is none, says why and gives
/// `exit_code::engine`; `exit_code::usage` where the settings make no sense.
int at_server(const connect_settings& settings, const work_at_server& work);

} // namespace millrace::tools
