/// `millrace` in folders whose log holds what is not applied, and takes long.

#include <millrace/actors/network/remote/remote_engine.hpp>
#include <millrace/tests/support/log_listener.hpp>
#include <millrace/tests/support/network/remote_config.hpp>
#include <millrace/tests/support/process/opened.hpp>
#include <millrace/tests/support/process/program.hpp>
#include <millrace/tests/support/process/server.hpp>

#include <chrono>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <caf/actor_system.hpp>

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

/// A folder in whose log stands what computes without end, and after it a row.
struct replay_fixture {
  temporary_folder folder;
  std::uint64_t endless = 0; ///< Its `seq`.

  replay_fixture() {
    server{data()}.stop(SIGTERM);
    options settings;
    settings.data = data();
    settings.drain_deadline = 0ms;
    settings.database.transaction_time_max = 10min;
    opened left{settings};
    endless = accept(
      left.connect(),
      "INSERT INTO t SELECT 'endless', count(*) FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n "
      "+ 1 FROM c) SELECT n FROM c)");
    accept(left.connect(), "INSERT INTO t VALUES ('left', 1)");
  }

  std::filesystem::path data() const { return folder.path() / "data"; }

  static std::uint64_t accept(client database, const std::string& sql) {
    auto work = execute(sql);
    work.acknowledgement = ack::durable;
    const auto taken = database.execute(work);
    BOOST_REQUIRE_MESSAGE(taken, (taken ? "" : to_string(taken.error())));
    return taken->seq;
  }

  static bool says_on_stderr(program& one, const std::string& sentence) {
    for (int i = 0; i < 12'000 && one.running(); ++i) {
      if (one.err_so_far().find(sentence) != std::string::npos) {
        return true;
      }
      std::this_thread::sleep_for(5ms);
    }
    return false;
  }

  /// The row is applied once what computes is set aside, for its time alone: no attempt at it failed before.
  void check_that_nothing_is_lost() {
    const log_listener heard;
    options settings;
    settings.data = data();
    settings.database.transaction_time_max = 500ms;
    opened after{settings};
    std::vector<std::int64_t> left;
    after.each_row("SELECT number FROM t WHERE client = 'left' AND number > ?1",
                   [&](const row& one) { left.push_back(one[0].as_integer()); });
    BOOST_TEST((left == std::vector<std::int64_t>{1}));
    BOOST_TEST(!heard.has("an attempt at seq"));
    BOOST_TEST(heard.has("computes for more than 500 ms"));
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(replay_suite, replay_fixture)

BOOST_AUTO_TEST_CASE(programs_elsewhere_read_and_write_while_a_server_applies_what_stands_in_its_log) {
  server served{{.data = data(),
                 .more = {"--replay-seconds", "0", "--transaction-seconds", "600", "--drain-seconds", "1",
                          "--listen-operator", "127.0.0.1:0"}}};
  remote_config config;
  caf::actor_system system{config};
  auto engine = network::connect(system, {.url = "millrace://" + served.address()});
  BOOST_REQUIRE_MESSAGE(engine, (engine ? "" : engine.error()));
  client database{system, engine->front(), 30s};
  const auto before = database.query("SELECT count(*) FROM t");
  BOOST_REQUIRE(before);
  BOOST_TEST((*before)[0][std::size_t{0}].as_integer() == 0);
  BOOST_TEST(before->seq() < endless);
  for (int i = 0; i < 20; ++i) {
    auto work = execute("INSERT INTO t VALUES ('new', ?1)", i);
    work.acknowledgement = ack::durable;
    work.deadline = 10s;
    BOOST_REQUIRE(database.execute(work));
  }
  const auto aside = run_millrace({"quarantine", "set-aside", std::to_string(endless), "--connect", served.address(1)});
  BOOST_TEST(aside.code == 0, aside.err);
  auto question = select("SELECT count(*) FROM t");
  question.consistency = consistency::linearizable;
  const auto after = database.query(question);
  BOOST_REQUIRE_MESSAGE(after, (after ? "" : to_string(after.error())));
  BOOST_TEST((*after)[0][std::size_t{0}].as_integer() == 21);
  BOOST_TEST(served.stop(SIGTERM).code == 0);
}

BOOST_AUTO_TEST_CASE(a_server_that_opens_is_ended_by_a_signal_and_what_stands_in_its_log_is_kept) {
  const auto script = folder.path() / "later.sql";
  std::ofstream{script} << "CREATE TABLE later(n)";
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    auto opening = start_millrace({"serve", "--data", data(), "--listen", "127.0.0.1:0", "--schema", script,
                                   "--replay-seconds", "0", "--transaction-seconds", "600", "--drain-seconds", "600"});
    BOOST_REQUIRE(says_on_stderr(opening, "nobody is served before"));
    opening.send(signal);
    const auto ended = opening.wait();
    BOOST_TEST(ended.code == 0, ended.err);
    BOOST_TEST(ended.out == "Ended before it served: what stands in the log is applied at the next start\n");
  }
  check_that_nothing_is_lost();
}

BOOST_AUTO_TEST_CASE(a_command_that_opens_a_folder_is_ended_by_a_signal_and_what_stands_in_its_log_is_kept) {
  const auto file = folder.path() / "rows";
  std::ofstream{file} << "client,number\nloaded,1\n";
  for (const auto& command : std::vector<std::vector<std::string>>{
         {"sql", "SELECT 1"}, {"quarantine", "list"}, {"load", file, "--table", "t"}}) {
    auto arguments = command;
    arguments.insert(arguments.end(), {"--data", data()});
    auto opening = start_millrace(arguments);
    BOOST_REQUIRE(says_on_stderr(opening, "Opening "));
    opening.send(SIGTERM);
    const auto ended = opening.wait();
    BOOST_TEST(ended.code == 130, ended.err);
    BOOST_TEST(ended.err.ends_with("Interrupted while the folder was opened; nothing of it is lost.\n"), ended.err);
  }
  check_that_nothing_is_lost();
}

BOOST_AUTO_TEST_SUITE_END()
