/// `millrace serve` as a process, and programs that talk to it through stock CAF.

#include "opened.hpp"
#include "program.hpp"

#include <atomic>
#include <csignal>
#include <thread>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>

namespace {

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace fs = std::filesystem;

/// A server process, as soon as it serves.
class server {
public:
  explicit server(const fs::path& data, const std::vector<std::string>& more = {}) : process_(start(data, more)) {
    for (int i = 0; i < 12'000 && process_.running(); ++i) {
      const auto text = process_.out_so_far();
      if (const auto end = text.find('\n'); text.starts_with("Serving ") && end != std::string::npos) {
        port_ = static_cast<std::uint16_t>(std::stoul(text.substr(text.rfind(':', end) + 1)));
        return;
      }
      std::this_thread::sleep_for(5ms);
    }
    BOOST_FAIL("the server does not serve: " << process_.wait().err);
  }

  std::uint16_t port() const noexcept { return port_; }

  ending stop(int signal) {
    process_.send(signal);
    return process_.wait();
  }

private:
  static program start(const fs::path& data, const std::vector<std::string>& more) {
    const auto schema = data.parent_path() / "schema.sql";
    std::ofstream{schema} << "CREATE TABLE t(client, number, UNIQUE(client, number))";
    std::vector<std::string> arguments{"serve",    "--data",      data,       "--create",
                                       "--listen", "127.0.0.1:0", "--schema", schema};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return start_millrace(arguments);
  }

  program process_;
  std::uint16_t port_ = 0;
};

struct remote_config : system_config {
  remote_config() { load<caf::io::middleman>(); }
};

/// A program elsewhere: a CAF node of its own, which knows nothing but the messages.
class remote_node {
public:
  explicit remote_node(std::uint16_t port) {
    auto found = system_.middleman().remote_actor<engine_actor>("127.0.0.1", port);
    BOOST_REQUIRE_MESSAGE(found, caf::to_string(found ? caf::error{} : found.error()));
    engine_ = std::move(*found);
  }

  tl::expected<outcome, failure> execute(transaction work) { return ask<outcome>(std::move(work)); }
  tl::expected<row_set, failure> query(std::string_view sql) { return ask<row_set>(select(sql)); }
  template <class Answer, class Request>
  tl::expected<Answer, failure> ask(Request request) {
    caf::scoped_actor self{system_};
    tl::expected<Answer, failure> result;
    self->request(engine_, 30s, std::move(request))
      .receive([&](Answer& answer) { result = std::move(answer); },
               [&](const caf::error& error) { result = tl::unexpected{failure_of(error)}; });
    return result;
  }

  caf::actor_system& system() noexcept { return system_; }
  const engine_actor& engine() const noexcept { return engine_; }

private:
  remote_config config_;
  caf::actor_system system_{config_};
  engine_actor engine_;
};

} // namespace

BOOST_AUTO_TEST_SUITE(serve_suite)

BOOST_AUTO_TEST_CASE(a_stock_caf_program_is_served_and_finds_its_rows_after_a_restart) {
  const temporary_folder folder;
  const auto data = folder.path() / "data";
  {
    server first{data};
    remote_node node{first.port()};
    const auto done = node.execute(execute("INSERT INTO t VALUES ('a', 1)"));
    BOOST_REQUIRE_MESSAGE(done, (done ? "" : to_string(done.error())));
    const auto rows = node.query("SELECT client, number FROM t");
    BOOST_REQUIRE_MESSAGE(rows, (rows ? "" : to_string(rows.error())));
    BOOST_TEST((*rows)[0]["number"].as_integer() == 1);
    const auto wrong = node.execute(execute("INSERT INTO t VALUES ('a', 1)"));
    BOOST_REQUIRE(!wrong);
    BOOST_TEST((wrong.error().code == errc::constraint));
    const auto report = node.ask<health_report>(health_request{});
    BOOST_TEST(report.has_value());
    const auto page = node.ask<row_page>(page_query{select("SELECT number FROM t"), 1});
    BOOST_TEST(page.has_value());
    const auto end = first.stop(SIGKILL);
    BOOST_TEST(end.signal == SIGKILL);
  }
  server second{data};
  remote_node node{second.port()};
  const auto rows = node.query("SELECT count(*) AS rows FROM t");
  BOOST_REQUIRE_MESSAGE(rows, (rows ? "" : to_string(rows.error())));
  BOOST_TEST((*rows)[0]["rows"].as_integer() == 1);
}

BOOST_AUTO_TEST_CASE(a_signal_ends_it_with_0_and_a_sentence) {
  const temporary_folder folder;
  for (const int signal : {SIGTERM, SIGINT}) {
    server one{folder.path() / "data"};
    const remote_node node{one.port()};
    const auto end = one.stop(signal);
    BOOST_TEST(end.code == 0);
    BOOST_TEST(end.out.ends_with("Ended\n"));
    BOOST_TEST(end.err == "");
  }
}

BOOST_AUTO_TEST_CASE(what_was_asked_before_it_ends_is_answered_truthfully) {
  const temporary_folder folder;
  server one{folder.path() / "data"};
  remote_node node{one.port()};
  constexpr int requests = 5'000;
  std::atomic<int> applied = 0;
  std::atomic<int> refused = 0;
  auto asker = node.system().spawn([&, engine = node.engine()](caf::event_based_actor* self) {
    for (int i = 0; i < requests; ++i) {
      self->request(engine, 20s, execute("INSERT INTO t VALUES ('a', ?1)", i))
        .then([&](const outcome&) { ++applied; }, [&](const caf::error&) { ++refused; });
    }
  });
  while (applied == 0 && refused == 0) {
    std::this_thread::sleep_for(1ms);
  }
  BOOST_TEST(one.stop(SIGTERM).code == 0);
  caf::scoped_actor self{node.system()};
  self->wait_for(asker);
  BOOST_TEST(applied + refused == requests);
  BOOST_TEST_MESSAGE(applied << " applied, " << refused << " refused");
  options settings;
  settings.data = folder.path() / "data";
  opened after{settings};
  const auto rows = after.number("SELECT count(*) FROM t");
  BOOST_TEST(rows >= applied);
  BOOST_TEST(rows <= requests);
  after.check_integrity();
}

BOOST_AUTO_TEST_CASE(addresses_that_make_no_sense_are_usage_errors) {
  const temporary_folder folder;
  const auto run = [&](const std::string& address) {
    return run_millrace({"serve", "--data", folder.path() / "data", "--create", "--listen", address});
  };
  for (const auto* address : {"nonsense", "127.0.0.1", "127.0.0.1:99999", "localhost:0", "::1:7400"}) {
    const auto end = run(address);
    BOOST_TEST(end.code == 2);
    BOOST_TEST(end.err.find("address") != std::string::npos);
  }
  BOOST_TEST(run("0.0.0.0:0").code == 2);
  BOOST_TEST(run("[::]:0").code == 2);
}

BOOST_AUTO_TEST_CASE(certificates_of_certs_are_good_to_serve_with) {
  const temporary_folder folder;
  const auto certificates = folder.path() / "certificates";
  const auto made = run_millrace({"certs", certificates, "--client", "alice", "--client", "bob"});
  BOOST_REQUIRE_EQUAL(made.code, 0);
  BOOST_TEST(fs::exists(certificates / "alice-key.pem"));
  BOOST_TEST(fs::exists(certificates / "bob.pem"));
  BOOST_TEST(((fs::status(certificates / "server-key.pem").permissions() & fs::perms::mask)
              == (fs::perms::owner_read | fs::perms::owner_write)));
  // Nothing is ever written over.
  BOOST_TEST(run_millrace({"certs", certificates}).code == 1);
  BOOST_TEST(run_millrace({"certs", certificates, "--client", "../x"}).code == 2);

  std::vector<std::string> arguments{"--tls-certificate", certificates / "server.pem", "--tls-key",
                                     certificates / "server-key.pem"};
  auto incomplete = arguments;
  incomplete.insert(incomplete.begin(),
                    {"serve", "--data", folder.path() / "data", "--create", "--listen", "0.0.0.0:0"});
  const auto refused = run_millrace(incomplete);
  BOOST_TEST(refused.code == 2);
  BOOST_TEST(refused.err.find("certificate authority is not given") != std::string::npos);
  arguments.insert(arguments.end(), {"--tls-ca", certificates / "ca.pem"});
  server one{folder.path() / "data", arguments};
  BOOST_TEST(one.stop(SIGTERM).out.find("with TLS") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
