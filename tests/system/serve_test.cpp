/// `millrace serve` as a process, and programs that talk to it through stock CAF.

#include "remote_load.hpp"

#include <millrace/actors/network/guard/refusal.hpp>
#include <millrace/tests/support/environment.hpp>
#include <millrace/tests/support/process/opened.hpp>
#include <millrace/tests/support/process/program.hpp>
#include <millrace/tests/support/process/server.hpp>

#include <atomic>
#include <csignal>
#include <memory>
#include <optional>
#include <thread>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>
#include <nlohmann/json.hpp>

namespace {

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace fs = std::filesystem;

/// A program elsewhere: a CAF node of its own, which knows nothing but the messages.
class remote_node {
public:
  explicit remote_node(std::uint16_t port, std::size_t workers = 2) : config_(workers), system_(config_) {
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
  struct small_config : remote_config {
    explicit small_config(std::size_t workers) { set("scheduler.max-threads", workers); }
  };
  small_config config_;
  caf::actor_system system_;
  engine_actor engine_;
};

/// A file for the server's table.
fs::path write_pairs(const fs::path& file, int rows) {
  std::ofstream lines{file};
  lines << "client,number\n";
  for (int i = 0; i < rows; ++i) {
    lines << "a," << i << '\n';
  }
  return file;
}

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
  std::optional<server> one{std::in_place, data};
  const auto port = one->port();
  remote_load load{{.url = "millrace://" + one->address()}};
  for (std::uint64_t kill = 0; kill < kills; ++kill) {
    std::this_thread::sleep_for(200ms);
    one->stop(SIGKILL);
    one.reset();
    one.emplace(server_wish{.data = data, .port = port});
  }
  std::this_thread::sleep_for(300ms);
  load.finish();
  BOOST_TEST(one->stop(SIGTERM).code == 0);
  load.check(data);
}

BOOST_AUTO_TEST_CASE(many_programs_with_a_few_actors_each_are_served_at_once) {
  constexpr int programs = 200;
  constexpr int actors = 5;
  const temporary_folder folder;
  server one{folder.path() / "data"};
  std::vector<std::unique_ptr<remote_node>> nodes;
  for (int i = 0; i < programs; ++i) {
    nodes.push_back(std::make_unique<remote_node>(one.port(), 1));
  }
  std::atomic<int> applied = 0;
  for (int i = 0; i < programs; ++i) {
    for (int actor = 0; actor < actors; ++actor) {
      nodes[static_cast<std::size_t>(i)]->system().spawn(
        [&applied, i, actor, to = nodes[static_cast<std::size_t>(i)]->engine()](caf::event_based_actor* self) {
          self->request(to, 60s, execute("INSERT INTO t VALUES (?1, ?2)", i, actor))
            .then([&applied](const outcome&) { ++applied; }, [](const caf::error&) {});
        });
    }
  }
  for (auto& node : nodes) {
    node->system().await_all_actors_done();
  }
  BOOST_TEST(applied == programs * actors);
  const auto rows = nodes.front()->query("SELECT count(*) AS n FROM t");
  BOOST_REQUIRE_MESSAGE(rows, (rows ? "" : to_string(rows.error())));
  BOOST_TEST((*rows)[0]["n"].as_integer() == programs * actors);
  nodes.clear();
  BOOST_TEST(one.stop(SIGTERM).code == 0);
}

BOOST_AUTO_TEST_CASE(sql_asks_a_server_and_says_when_there_is_none) {
  const temporary_folder folder;
  server one{folder.path() / "data"};
  const auto where = one.address();
  const auto written = run_millrace({"sql", "--connect", where, "INSERT INTO t VALUES ('a', 1)"});
  BOOST_TEST(written.code == 0);
  BOOST_TEST(written.out == "1 row changed.\n");
  const auto read = run_millrace({"sql", "--connect", "millrace://" + where, "--csv", "SELECT client, number FROM t"});
  BOOST_TEST(read.out == "client,number\na,1\n");
  BOOST_TEST(run_millrace({"sql", "SELECT 1"}).code == 2);
  BOOST_TEST(run_millrace({"sql", "--connect", where, "--data", "x", "SELECT 1"}).code == 2);
  BOOST_TEST(run_millrace({"sql", "--connect", "nonsense", "SELECT 1"}).code == 2);
  BOOST_TEST(run_millrace({"sql", "--connect", "millraces://" + where, "SELECT 1"}).code == 2);
  one.stop(SIGTERM);
  const auto nobody = run_millrace({"sql", "--connect", where, "SELECT 1"});
  BOOST_TEST(nobody.code == 70);
  BOOST_TEST(nobody.err.find("no connection to " + where) != std::string::npos);
  BOOST_TEST(nobody.err.find("Connection refused. Is the server running, and is that its address and port?\n",
                             nobody.err.find("no connection"))
               != std::string::npos,
             nobody.err);
}

BOOST_AUTO_TEST_CASE(sql_says_what_it_waits_for) {
  const temporary_folder folder;
  server one{folder.path() / "data"};
  one.send(SIGSTOP);
  program sql = start_millrace({"sql", "--connect", one.address(), "SELECT 1"});
  const auto said = [&sql] { return sql.err_so_far().find("Waiting for a connection to ") != std::string::npos; };
  while (!said() && sql.running()) {
    std::this_thread::sleep_for(5ms);
  }
  BOOST_TEST(said());
  one.send(SIGCONT);
  BOOST_TEST(sql.wait().code == 0);
}

BOOST_AUTO_TEST_CASE(bench_measures_a_server_and_says_what_table_it_lacks) {
  const temporary_folder folder;
  const auto schema = folder.path() / "bench.sql";
  std::ofstream{schema} << "CREATE TABLE bench(id INTEGER PRIMARY KEY, payload TEXT)";
  {
    server one{folder.path() / "bare"};
    const auto lacking = run_millrace({"bench", "--connect", one.address(), "--seconds", "0.2"});
    BOOST_TEST(lacking.code == 70);
    BOOST_TEST(lacking.err.find("CREATE TABLE bench") != std::string::npos);
  }
  server one{folder.path() / "data", {"--schema", schema}};
  const auto where = one.address();
  for (const auto* workload : {"append", "read", "named"}) {
    const auto done = run_millrace({"bench", "--connect", where, "--workload", workload, "--clients", "20", "--rows",
                                    "1000", "--seconds", "0.2", "--json"});
    BOOST_TEST(done.code == 0);
  }
  BOOST_TEST(run_millrace({"bench", "--connect", where, "--workload", "replay"}).code == 2);
}

BOOST_AUTO_TEST_CASE(load_brings_a_file_to_a_server_and_says_what_it_lacks) {
  const temporary_folder folder;
  const auto file = folder.path() / "rows.csv";
  std::ofstream{file} << "client,number\na,1\nb,2\nc,3\n";
  server one{folder.path() / "data"};
  const auto loaded = run_millrace({"load", file, "--connect", one.address(), "--table", "t", "--verify"});
  BOOST_TEST(loaded.code == 0, loaded.err);
  const auto rows = run_millrace({"sql", "--connect", one.address(), "--csv", "SELECT * FROM t ORDER BY client"});
  BOOST_TEST(rows.out == "client,number\na,1\nb,2\nc,3\n");
  const auto lacking = run_millrace({"load", file, "--connect", one.address(), "--table", "missing"});
  BOOST_TEST(lacking.code == 1);
  BOOST_TEST(lacking.err.find("--schema") != std::string::npos, lacking.err);
  const auto no_records = run_millrace({"load", file, "--connect", one.address(), "--table", "t", "--resume"});
  BOOST_TEST(no_records.code == 2);
  BOOST_TEST(no_records.err.find("A server does not record which rows") != std::string::npos, no_records.err);
  server reading{folder.path() / "data2", {"--listen-read", "127.0.0.1:0"}};
  const auto refused = run_millrace({"load", file, "--connect", reading.address(1), "--table", "t"});
  BOOST_TEST(refused.code == 1);
  BOOST_TEST(refused.err.find("may only read") != std::string::npos, refused.err);
  BOOST_TEST(run_millrace({"load", file, "--table", "t"}).code == 2);
}

BOOST_AUTO_TEST_CASE(a_load_into_a_server_that_is_killed_and_comes_back_adds_each_row_once) {
  constexpr int rows = 20'000;
  const temporary_folder folder;
  const auto data = folder.path() / "data";
  const auto file = write_pairs(folder.path() / "rows.csv", rows);
  std::optional<server> one{std::in_place, data};
  const auto port = one->port();
  program load{{MILLRACE_PROGRAM, "load", file, "--connect", one->address(), "--table", "t", "--clients", "50"}};
  for (int kill = 0; kill < 3; ++kill) {
    remote_node witness{port};
    const auto more_than = [&](std::int64_t before) {
      const auto found = witness.query("SELECT count(*) AS n FROM t");
      return found && (*found)[0]["n"].as_integer() > before;
    };
    for (int i = 0; i < 12'000 && load.running() && !more_than(kill * 1'000); ++i) {
      std::this_thread::sleep_for(5ms);
    }
    BOOST_TEST(load.running());
    one->stop(SIGKILL);
    one.reset();
    one.emplace(server_wish{.data = data, .port = port});
  }
  const auto end = load.wait();
  BOOST_TEST(end.code == 0, end.out + end.err);
  remote_node node{port};
  const auto count = node.query("SELECT count(*) AS n, count(DISTINCT number) AS different FROM t");
  BOOST_REQUIRE_MESSAGE(count, (count ? "" : to_string(count.error())));
  BOOST_TEST((*count)[0]["n"].as_integer() == rows);
  BOOST_TEST((*count)[0]["different"].as_integer() == rows);
}

BOOST_AUTO_TEST_CASE(a_load_whose_server_does_not_come_back_is_given_up_and_tells_what_may_be_in_the_table) {
  const temporary_folder folder;
  const auto data = folder.path() / "data";
  const auto file = write_pairs(folder.path() / "rows.csv", 200'000);
  const auto acknowledged = folder.path() / "acknowledged";
  std::ofstream{acknowledged};
  server one{data};
  program load = start_millrace({"load", file, "--connect", one.address(), "--table", "t", "--clients", "50",
                                 "--patience", "1", "--json", "--ack-file", acknowledged});
  for (int i = 0; i < 12'000 && load.running() && fs::file_size(acknowledged) == 0; ++i) {
    std::this_thread::sleep_for(5ms);
  }
  one.stop(SIGKILL);
  const auto end = load.wait();
  BOOST_TEST(end.code == 70, end.out + end.err);
  BOOST_TEST(end.err.find("not tried") != std::string::npos, end.err);
  BOOST_TEST(end.err.find("the load ended before there was an answer") != std::string::npos, end.err);
  const auto summary = nlohmann::json::parse(end.out);
  BOOST_TEST(summary.at("end") == "given_up");
  const auto count = [&summary](const char* what) { return summary.at(what).get<std::int64_t>(); };
  BOOST_TEST(count("rows") == count("acknowledged") + count("failed") + count("unknown"));
  options settings;
  settings.data = data;
  opened after{settings};
  const auto rows = after.number("SELECT count(*) FROM t");
  BOOST_TEST(rows >= count("acknowledged"));
  BOOST_TEST(rows <= count("acknowledged") + count("unknown"));
}

BOOST_AUTO_TEST_CASE(each_port_lets_programs_do_what_its_role_allows) {
  const temporary_folder folder;
  server one{folder.path() / "data", {"--listen-read", "127.0.0.1:0", "--listen-operator", "127.0.0.1:0"}};
  const auto run = [&](std::size_t port, const char* statement) {
    return run_millrace({"sql", "--connect", one.address(port), statement});
  };
  BOOST_TEST(run(0, "INSERT INTO t VALUES ('a', 1)").code == 0);
  const auto refused = run(1, "INSERT INTO t VALUES ('a', 2)");
  BOOST_TEST(refused.code == 1);
  BOOST_TEST(refused.err.find(sentence(errc::wrong_role)) != std::string::npos, refused.err);
  BOOST_TEST(run(1, "SELECT * FROM t").code == 0);
  BOOST_TEST(run(2, "INSERT INTO t VALUES ('a', 3)").code == 0);
  const auto count = run_millrace({"sql", "--connect", one.address(2), "--csv", "SELECT count(*) AS n FROM t"});
  BOOST_TEST(count.out == "n\n2\n");
  BOOST_TEST(run_millrace({"quarantine", "list", "--connect", one.address(2)}).code == 0);
  const auto no_operator = run_millrace({"quarantine", "list", "--connect", one.address(0)});
  BOOST_TEST(no_operator.code == 1);
  BOOST_TEST(no_operator.err.find("\"operator\"") != std::string::npos, no_operator.err);
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
  BOOST_TEST(run("").err.find("no address") != std::string::npos);
  const auto twice = run_millrace({"serve", "--data", folder.path() / "data", "--create", "--listen", "127.0.0.1:7499",
                                   "--listen-read", "127.0.0.1:7499"});
  BOOST_TEST(twice.code == 2);
  BOOST_TEST(twice.err.find("port number of its own") != std::string::npos, twice.err);
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

BOOST_AUTO_TEST_CASE(a_certificate_may_use_the_ports_of_its_role_and_of_lesser_ones) {
  const temporary_folder folder;
  const auto certificates = folder.path() / "certificates";
  const auto made = run_millrace(
    {"certs", certificates, "--client", "reader", "--client", "writer", "--client", "chief"});
  const auto fingerprint = [&](const std::string& name) {
    const auto at = made.out.find(name + ".pem  ") + name.size() + 6;
    return made.out.substr(at, made.out.find('\n', at) - at);
  };
  const auto tls = [&](const std::string& name) -> std::vector<std::string> {
    return {"--tls-certificate", certificates / (name + ".pem"), "--tls-key", certificates / (name + "-key.pem"),
            "--tls-ca",          certificates / "ca.pem"};
  };
  const auto with = [](std::vector<std::string> first, const std::vector<std::string>& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
  };
  // Nobody could ever connect there.
  const auto lonely = run_millrace(with({"serve", "--data", folder.path() / "data", "--create", "--listen",
                                         "127.0.0.1:0", "--listen-operator", "127.0.0.1:0"},
                                        tls("server")));
  BOOST_TEST(lonely.code == 2);
  BOOST_TEST(lonely.err.find("--tls-pin operator=") != std::string::npos, lonely.err);
  const auto nowhere = run_millrace(with({"serve", "--data", folder.path() / "data", "--create", "--tls-pin",
                                          "read=" + fingerprint("reader"), "--tls-pin", fingerprint("writer")},
                                         tls("server")));
  BOOST_TEST(nowhere.code == 2);
  BOOST_TEST(nowhere.err.find(fingerprint("reader") + " may connect nowhere") != std::string::npos, nowhere.err);

  server one{folder.path() / "data", with({"--listen-read", "127.0.0.1:0", "--listen-operator", "127.0.0.1:0",
                                           "--tls-pin", "read=" + fingerprint("reader"), "--tls-pin",
                                           fingerprint("writer"), "--tls-pin", "operator=" + fingerprint("chief")},
                                          tls("server"))};
  const auto reads = [&](const std::string& name, std::size_t port) {
    return run_millrace(with({"sql", "--connect", one.address(port), "SELECT * FROM t"}, tls(name))).code == 0;
  };
  BOOST_TEST(reads("reader", 1));
  BOOST_TEST(reads("writer", 0));
  BOOST_TEST(reads("writer", 1));
  for (const std::size_t port : {0, 1, 2}) {
    BOOST_TEST(reads("chief", port));
  }
  BOOST_TEST(!reads("reader", 0));
  BOOST_TEST(!reads("writer", 2));
  BOOST_TEST(one.stop(SIGTERM).err.find(sentence_of(network::refusal::certificate_not_pinned)) != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
