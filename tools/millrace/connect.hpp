#pragma once

#include <millrace/actors/network/remote_engine.hpp>
#include <millrace/messages/registry.hpp>

#include <string>

#include <CLI/CLI.hpp>
#include <tl/expected.hpp>

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

/// The configuration of a system that can connect.
struct connected_config : system_config {
  connected_config();
};

/// Connects, and waits a while until there is a connection. The error is a sentence.
tl::expected<network::remote_engine, std::string> connect(caf::actor_system& system, const connect_settings& settings);

} // namespace millrace::tools
