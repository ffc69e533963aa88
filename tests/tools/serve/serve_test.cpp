#include <millrace/tests/support/contains.hpp>
#include <millrace/tests/support/process/program.hpp>
#include <millrace/tests/tools/common/shell_fixture.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>

namespace {

using millrace::test::contains;
using millrace::test::program;

struct serve_fixture : millrace::test::shell_fixture {
  /// Starts a server in a folder of that name.
  program serve(const std::string& data, const std::string& options = "") const {
    return start("exec $M serve --create --data " + data + " --listen 127.0.0.1:0 " + options);
  }
};

/// Waits until it has said so, or has ended.
bool says(program& one, const std::string& part) {
  while (one.running() && !contains(one.err_so_far(), part)) {
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  return contains(one.err_so_far(), part);
}

/// The address at which a server says that it serves; empty where it ends before.
std::string address_of(program& server) {
  while (server.running() && !contains(server.out_so_far(), "\n")) {
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  const auto line = server.out_so_far();
  const auto begin = line.find("127.0.0.1:");
  return begin == std::string::npos ? "" : line.substr(begin, line.find_first_of(" \n", begin) - begin);
}

const std::string alice =
  "--tls-certificate trial/client.pem --tls-key trial/client-key.pem --tls-ca trial/ca.pem 'SELECT 1'";

} // namespace

BOOST_FIXTURE_TEST_SUITE(serve_suite, serve_fixture)

BOOST_AUTO_TEST_CASE(a_port_that_is_taken_is_told_before_a_folder_is_made) {
  auto first = serve("first");
  const auto taken = address_of(first);
  for (const std::string option : {"--listen", "--listen-read"}) {
    const auto refused = shell("exec $M serve --data second --create " + option + ' ' + taken
                               + (option == "--listen" ? "" : " --listen 127.0.0.1:0"));
    BOOST_TEST(refused.code == 2);
    BOOST_TEST(contains(refused.err, taken + ": Address already in use; choose another address or port"), refused.err);
    BOOST_TEST(!std::filesystem::exists(folder.path() / "second"));
  }
  first.send(SIGTERM);
  BOOST_TEST(first.wait().code == 0);
}

BOOST_AUTO_TEST_CASE(how_many_may_connect_is_told_where_the_system_allows_fewer_files) {
  auto one = start("ulimit -n 100; exec $M serve --create --data data --listen 127.0.0.1:0");
  BOOST_TEST(says(one, "so at most 50 connections are taken instead of 1000"), one.err_so_far());
  BOOST_TEST(address_of(one) != "");
}

BOOST_AUTO_TEST_CASE(a_client_without_tls_at_a_port_with_it_and_the_other_way_round_is_told_what_to_look_at) {
  BOOST_REQUIRE(shell("$M certs trial").code == 0);
  auto with = serve("one", "--tls-certificate trial/server.pem --tls-key trial/server-key.pem --tls-ca trial/ca.pem");
  auto without = serve("two");
  auto plain = start("exec $M sql 'SELECT 1' --connect " + address_of(with));
  BOOST_TEST(says(plain, "is it Millrace, and its port one without TLS?"), plain.err_so_far());
  BOOST_TEST(says(with, "it speaks no TLS"), with.err_so_far());
  auto encrypted = start("exec $M sql " + alice + " --connect " + address_of(without));
  BOOST_TEST(says(encrypted, "is its port one with TLS, and does it take this certificate?"), encrypted.err_so_far());
  BOOST_TEST(says(without, "perhaps the peer speaks TLS"), without.err_so_far());
}

BOOST_AUTO_TEST_CASE(a_certificate_that_one_end_does_not_take_is_told_at_the_first_attempt_which_is_the_last) {
  BOOST_REQUIRE(shell("$M certs trial && $M certs other").code == 0);
  const std::string zeros(64, '0');
  const std::string with_tls =
    "--tls-certificate trial/server.pem --tls-key trial/server-key.pem --tls-ca trial/ca.pem ";
  auto open_to_all = serve("one", with_tls);
  auto open_to_one = serve("two", with_tls + "--tls-pin " + zeros);
  const std::string stranger =
    "--tls-certificate other/client.pem --tls-key other/client-key.pem --tls-ca trial/ca.pem 'SELECT 1'";
  const std::string misled =
    "--tls-certificate trial/client.pem --tls-key trial/client-key.pem --tls-ca other/ca.pem 'SELECT 1'";
  const struct {
    program& server;
    std::string how;
    std::string told;
  } cases[] = {
    {open_to_all, misled, "It has to name the host that is connected to"},
    {open_to_all, alice + " --tls-pin " + zeros, "Pin that one if it is the right server's."},
    {open_to_all, stranger, "does it take this certificate?"},
    {open_to_one, alice, "does it take this certificate?"},
  };
  for (const auto& [server, how, told] : cases) {
    const auto refused = shell("exec $M sql " + how + " --connect " + address_of(server));
    BOOST_TEST(refused.code == 70);
    BOOST_TEST(contains(refused.err, "There is no connection to " + address_of(server)), refused.err);
    BOOST_TEST(contains(refused.err, told), refused.err);
  }
  // A server has a line for each attempt, as soon as it has heard of its end.
  const auto log_of = [](program& server, std::ptrdiff_t attempts) {
    const auto lines = [](const std::string& log) { return std::ranges::count(log, '\n'); };
    while (server.running() && lines(server.err_so_far()) < attempts) {
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    server.send(SIGTERM);
    const auto log = server.wait().err;
    BOOST_TEST(lines(log) == attempts, log);
    return log;
  };
  log_of(open_to_all, 3);
  BOOST_TEST(contains(log_of(open_to_one, 1), "certificate_not_pinned"));
}

BOOST_AUTO_TEST_CASE(who_pins_but_not_for_an_address_is_told_which_option_that_is) {
  BOOST_REQUIRE(shell("$M certs trial").code == 0);
  const auto refused = shell(
    "exec $M serve --data data --create --tls-certificate trial/server.pem --tls-key trial/server-key.pem --tls-ca "
    "trial/ca.pem --listen-read 127.0.0.1:0 --tls-pin read="
    + std::string(64, '0'));
  BOOST_TEST(refused.code == 2);
  BOOST_TEST(contains(refused.err, "which --listen (127.0.0.1:7400) is for"), refused.err);
  BOOST_TEST(contains(refused.err, "or listen there for nobody by --listen \"\"."), refused.err);
}

BOOST_AUTO_TEST_CASE(tokens_that_change_are_read_again_and_wrong_ones_change_nothing) {
  const auto put = [&](const std::string& line) { shell("echo '" + line + "' > new && mv new tokens"); };
  const std::string hash = "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
  put("read " + hash);
  auto one = serve("data", "--listen-http 127.0.0.1:0 --http-tokens tokens");
  BOOST_REQUIRE(address_of(one) != "");
  put("read-write secret");
  BOOST_TEST(says(one, "the tokens are those of before: "), one.err_so_far());
  put("read-write " + hash);
  while (one.running() && !contains(one.out_so_far(), "Took the tokens in tokens anew")) {
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  one.send(SIGTERM);
  BOOST_TEST(one.wait().code == 0);
}

BOOST_AUTO_TEST_SUITE_END()
