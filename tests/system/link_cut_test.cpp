/// A server in a network of its own, at the other end of a link that is cut. Skipped where this machine does not let
/// the test make one.

#include "remote_load.hpp"

#include <millrace/tests/support/process/server.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <csignal>
#include <cstdlib>
#include <iostream>

#include <unistd.h>

namespace {

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

bool run(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

/// A network with one host in it, and a link to it from here.
class far_network {
public:
  far_network()
    : made_(run("ip netns add " + name_) && run("ip link add " + near_ + " type veth peer name far netns " + name_)
            && run("ip addr add 10.213.77.1/30 dev " + near_) && run("ip link set " + near_ + " up")
            && run(inside("ip addr add 10.213.77.2/30 dev far")) && run(inside("ip link set far up"))) {}
  ~far_network() {
    run("ip link del " + near_);
    run("ip netns del " + name_);
  }
  far_network(const far_network&) = delete;
  far_network& operator=(const far_network&) = delete;

  bool made() const noexcept { return made_; }
  static std::string host() { return "10.213.77.2"; }
  std::vector<std::string> prefix() const { return {"/usr/bin/env", "ip", "netns", "exec", name_}; }
  void cut() { BOOST_REQUIRE(run(inside("ip link set far down"))); }
  void mend() { BOOST_REQUIRE(run(inside("ip link set far up"))); }

private:
  std::string inside(const std::string& command) const { return "ip netns exec " + name_ + " " + command; }

  std::string name_ = "millrace-" + std::to_string(::getpid());
  std::string near_ = "mr" + std::to_string(::getpid());
  bool made_;
};

boost::test_tools::assertion_result may_make_networks(boost::unit_test::test_unit_id) {
  const bool may = far_network{}.made();
  if (!may) {
    std::cerr << "skipped: this machine does not let the test make a network namespace (root and iproute2)\n";
  }
  return may;
}

} // namespace

BOOST_AUTO_TEST_SUITE(link_cut)

BOOST_AUTO_TEST_CASE(a_link_that_is_cut_for_seconds_loses_and_doubles_nothing,
                     *boost::unit_test::precondition(may_make_networks)) {
  const temporary_folder folder;
  const auto data = folder.path() / "data";
  const auto certificates = folder.path() / "certificates";
  far_network network;
  BOOST_REQUIRE(network.made());
  BOOST_REQUIRE(run_millrace({"certs", certificates, "--host", far_network::host()}).code == 0);
  server one{{.data = data,
              .more = {"--tls-certificate", certificates / "server.pem", "--tls-key", certificates / "server-key.pem",
                       "--tls-ca", certificates / "ca.pem"},
              .address = far_network::host(),
              .inside = network.prefix()}};
  remote_load load{{.url = "millraces://" + one.address(),
                    .tls = {certificates / "client.pem", certificates / "client-key.pem", certificates / "ca.pem", {}},
                    .reconnect_cap = 500ms,
                    .ping_interval = 1s}};
  const auto wait_for_more = [&](std::int64_t than) {
    for (int i = 0; i < 6'000 && load.acknowledged() <= than; ++i) {
      std::this_thread::sleep_for(10ms);
    }
    BOOST_TEST(load.acknowledged() > than);
  };
  wait_for_more(0);
  // Shorter than a ping may take; then until the connection is given up, when one is made anew.
  for (const bool given_up : {false, true}) {
    network.cut();
    std::this_thread::sleep_for(200ms); // For what had come before.
    const auto before = load.acknowledged();
    std::this_thread::sleep_for(300ms);
    for (int i = 0; given_up && i < 6'000 && load.connected(); ++i) {
      std::this_thread::sleep_for(10ms);
    }
    BOOST_TEST(load.acknowledged() == before);
    BOOST_TEST((!given_up || !load.connected()));
    network.mend();
    wait_for_more(before + 8);
    BOOST_TEST(load.connected());
  }
  load.finish();
  BOOST_TEST(one.stop(SIGTERM).code == 0);
  load.check(data);
}

BOOST_AUTO_TEST_SUITE_END()
