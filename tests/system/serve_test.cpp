/// `millrace serve` as a process, and programs that talk to it through stock CAF.

#include "opened.hpp"
#include "program.hpp"

#include <millrace/actors/network/remote_engine.hpp>
#include <millrace/tests/environment.hpp>

#include <array>
#include <atomic>
#include <csignal>
#include <optional>
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
  explicit server(const fs::path& data, const std::vector<std::string>& more = {}, std::uint16_t port = 0)
    : process_(start(data, more, port)) {
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
  static program start(const fs::path& data, const std::vector<std::string>& more, std::uint16_t port) {
    const auto schema = data.parent_path() / "schema.sql";
    std::ofstream{schema} << "CREATE TABLE t(client, number, UNIQUE(client, number))";
    std::vector<std::string> arguments{
      "serve", "--data", data, "--create", "--listen", "127.0.0.1:" + std::to_string(port), "--schema", schema};
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

BOOST_AUTO_TEST_CASE(a_server_that_is_killed_under_load_loses_and_doubles_nothing) {
  const temporary_folder folder;
  const auto data = folder.path() / "data";
  const auto kills = from_environment("MILLRACE_REMOTE_KILLS", 5);
  constexpr int threads = 8;
  std::optional<server> one{std::in_place, data};
  const auto port = one->port();
  remote_config config;
  caf::actor_system system{config};
  const auto engine = network::connect(system, {.url = "millrace://127.0.0.1:" + std::to_string(port)});
  BOOST_REQUIRE(engine);
  std::atomic<bool> enough = false;
  std::array<std::int64_t, threads> acknowledged{};
  std::vector<std::string> problems(threads);
  std::vector<std::thread> clients;
  for (int i = 0; i < threads; ++i) {
    clients.emplace_back([&, i] {
      client db{system, engine->front()};
      while (!enough) {
        const auto done = db.execute("INSERT INTO t VALUES (?1, ?2)", i, acknowledged[i] + 1);
        if (!done) {
          problems[i] = to_string(done.error());
          return;
        }
        ++acknowledged[i];
      }
    });
  }
  for (std::uint64_t kill = 0; kill < kills; ++kill) {
    std::this_thread::sleep_for(200ms);
    one->stop(SIGKILL);
    one.reset();
    one.emplace(data, std::vector<std::string>{}, port);
  }
  std::this_thread::sleep_for(300ms);
  enough = true;
  for (auto& thread : clients) {
    thread.join();
  }
  BOOST_TEST(one->stop(SIGTERM).code == 0);
  options settings;
  settings.data = data;
  opened after{settings};
  for (int i = 0; i < threads; ++i) {
    BOOST_TEST(problems[i] == "");
    const auto where = " FROM t WHERE client = " + std::to_string(i);
    BOOST_TEST(after.number("SELECT count(*)" + where) == acknowledged[i]);
    BOOST_TEST(after.number("SELECT coalesce(max(number), 0)" + where) == acknowledged[i]);
    BOOST_TEST(acknowledged[i] > 0);
  }
  after.check_integrity();
}

BOOST_AUTO_TEST_CASE(sql_asks_a_server_and_says_when_there_is_none) {
  const temporary_folder folder;
  server one{folder.path() / "data"};
  const auto where = "127.0.0.1:" + std::to_string(one.port());
  const auto written = run_millrace({"sql", "--connect", where, "INSERT INTO t VALUES ('a', 1)"});
  BOOST_TEST(written.code == 0);
  BOOST_TEST(written.out == "1 row changed.\n");
  const auto read = run_millrace({"sql", "--connect", "millrace://" + where, "--csv", "SELECT client, number FROM t"});
  BOOST_TEST(read.out == "client,number\na,1\n");
  BOOST_TEST(run_millrace({"sql", "SELECT 1"}).code == 2);
  BOOST_TEST(run_millrace({"sql", "--connect", where, "--data", "x", "SELECT 1"}).code == 2);
  one.stop(SIGTERM);
  const auto nobody = run_millrace({"sql", "--connect", where, "SELECT 1"});
  BOOST_TEST(nobody.code == 70);
  BOOST_TEST(nobody.err.find("no connection to " + where) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(bench_measures_a_server_and_says_what_table_it_lacks) {
  const temporary_folder folder;
  const auto schema = folder.path() / "bench.sql";
  std::ofstream{schema} << "CREATE TABLE bench(id INTEGER PRIMARY KEY, payload TEXT)";
  {
    server one{folder.path() / "bare"};
    const auto lacking = run_millrace(
      {"bench", "--connect", "127.0.0.1:" + std::to_string(one.port()), "--seconds", "0.2"});
    BOOST_TEST(lacking.code == 70);
    BOOST_TEST(lacking.err.find("CREATE TABLE bench") != std::string::npos);
  }
  server one{folder.path() / "data", {"--schema", schema}};
  const auto where = "127.0.0.1:" + std::to_string(one.port());
  for (const auto* workload : {"append", "read", "named"}) {
    const auto done = run_millrace({"bench", "--connect", where, "--workload", workload, "--clients", "20", "--rows",
                                    "1000", "--seconds", "0.2", "--json"});
    BOOST_TEST(done.code == 0);
  }
  BOOST_TEST(run_millrace({"bench", "--connect", where, "--workload", "replay"}).code == 2);
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
