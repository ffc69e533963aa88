#pragma once

#include "program.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace millrace::test {

struct server_wish {
  std::filesystem::path data;
  std::vector<std::string> more = {}; ///< Options beside folder, schema and `--listen`.
  std::uint16_t port = 0;
  std::string address = "127.0.0.1";
  std::vector<std::string> inside = {}; ///< What the command stands behind, such as `env`.
};

/// A server process, as soon as it serves. Its table is `t(client, number)`, each pair once.
class server {
public:
  explicit server(const server_wish& wish) : address_(wish.address), process_(start(wish)) {
    for (int i = 0; i < 12'000 && process_.running(); ++i) {
      const auto text = process_.out_so_far();
      if (const auto end = text.find('\n'); text.starts_with("Serving ") && end != std::string::npos) {
        for (auto at = text.find(" at "); (at = text.find(':', at)) < end; ++at) {
          ports_.push_back(static_cast<std::uint16_t>(std::stoul(text.substr(at + 1))));
        }
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    BOOST_FAIL("the server does not serve: " << process_.wait().err);
  }
  explicit server(const std::filesystem::path& data, const std::vector<std::string>& more = {})
    : server(server_wish{.data = data, .more = more}) {}

  /// Of `--listen`, `--listen-read` and `--listen-operator`, in this order, as far as they are given.
  std::uint16_t port(std::size_t which = 0) const { return ports_.at(which); }
  std::string address(std::size_t which = 0) const { return address_ + ":" + std::to_string(port(which)); }

  pid_t id() const noexcept { return process_.id(); }
  bool running() { return process_.running(); }
  void send(int signal) { process_.send(signal); }

  ending stop(int signal) {
    process_.send(signal);
    return process_.wait();
  }

private:
  static program start(const server_wish& wish) {
    const auto schema = wish.data.parent_path() / "schema.sql";
    std::ofstream{schema} << "CREATE TABLE t(client, number, UNIQUE(client, number))";
    auto arguments = wish.inside;
    arguments.insert(arguments.end(), {MILLRACE_PROGRAM, "serve", "--data", wish.data, "--create", "--listen",
                                       wish.address + ":" + std::to_string(wish.port), "--schema", schema});
    arguments.insert(arguments.end(), wish.more.begin(), wish.more.end());
    return program{arguments};
  }

  std::string address_;
  program process_;
  std::vector<std::uint16_t> ports_;
};

} // namespace millrace::test
