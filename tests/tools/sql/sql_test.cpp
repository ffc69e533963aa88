#include <millrace/tests/support/contains.hpp>
#include <millrace/tests/tools/common/shell_fixture.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <csignal>
#include <string>
#include <thread>

namespace {

using millrace::test::contains;
using millrace::test::ending;
using millrace::test::may_mount;

/// With a table t(id, a) of two rows, of which one has NULL and the other an empty text.
struct sql_fixture : millrace::test::shell_fixture {
  sql_fixture() {
    const auto made = shell(
      "echo id,a > rows; echo 1,x >> rows; echo 2, >> rows; $M load rows --data data --table t &&"
      "$M sql --data data 'UPDATE t SET a = NULL WHERE id = 1'");
    BOOST_REQUIRE_MESSAGE(made.code == 0, made.err);
  }

  ending sql(const std::string& statement, const std::string& options = "") const {
    return shell("exec $M sql --data data " + options + " \"" + statement + '"');
  }
};

const std::string numbers = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1000500) ";
const std::string endless = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) FROM c";

} // namespace

BOOST_FIXTURE_TEST_SUITE(sql_suite, sql_fixture)

BOOST_AUTO_TEST_CASE(a_result_of_more_rows_than_an_answer_may_have_is_printed_whole) {
  for (const std::string options : {"--csv", "", "--json"}) {
    const auto counted = shell("$M sql --data data " + options + " '" + numbers
                               + "SELECT i FROM c' > out && tail -n 1 out && wc -l < out");
    BOOST_TEST_CONTEXT(options << counted.err) {
      BOOST_TEST(counted.code == 0);
      BOOST_TEST(counted.out
                 == (options == "--csv"    ? "1000500\n1000501\n"
                     : options == "--json" ? "{\"i\":1000500}]\n1000500\n"
                                           : "1000500\n1000502\n"));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_result_of_more_bytes_than_an_answer_may_have_is_printed_whole) {
  const auto counted = shell("$M sql --data data --csv '" + numbers
                             + "SELECT hex(zeroblob(2000000)) AS x FROM c LIMIT 20' | wc -c");
  BOOST_TEST(counted.out == "80000022\n", counted.err);
}

BOOST_AUTO_TEST_CASE(a_result_that_fails_on_its_way_is_said_to_be_incomplete) {
  const auto ended = sql(numbers + "SELECT CASE i WHEN 15000 THEN abs(-9223372036854775808) ELSE i END AS n FROM c",
                         "--json");
  BOOST_TEST(ended.code == 1);
  BOOST_TEST(contains(ended.err, "integer overflow"), ended.err);
  BOOST_TEST(contains(ended.err, "The result is not complete: 10,000 rows of it were printed."), ended.err);
  BOOST_TEST(ended.out.ends_with("{\"n\":10000}"));
}

BOOST_AUTO_TEST_CASE(a_result_whose_state_is_gone_is_said_to_be_incomplete) {
  // Nobody reads on while the server is killed, something is written, and it comes back.
  const auto ended = shell(
    "trap 'kill -9 $server' EXIT; $M serve --data data --listen 127.0.0.1:0 > up & server=$!;"
    "until grep -q Serving up; do sleep 0.05; done; place=127.0.0.1:$(sed 's/.*://' up); mkfifo pipe;"
    "{ $M sql --connect $place --json '"
    + numbers
    + "SELECT i FROM c' 2> said; echo $? > code; } > pipe & exec 3< pipe; head -c 1 <&3 > first;"
      "kill -9 $server; wait $server; $M sql --data data 'DELETE FROM t' > changed;"
      "$M serve --data data --listen $place > up & server=$!; cat <&3 | tail -c 1; cat code said");
  BOOST_TEST(ended.out.starts_with("}1\n"), ended.out);
  BOOST_TEST(contains(ended.out, "The state that these pages came from is gone"), ended.out);
  BOOST_TEST(contains(ended.out, "The result is not complete: "), ended.out);
}

BOOST_AUTO_TEST_CASE(null_and_the_empty_text_survive_a_way_through_csv) {
  BOOST_TEST(sql("SELECT * FROM t ORDER BY id", "--csv").out == "id,a\n1,\n2,\"\"\n");
  BOOST_TEST(sql("SELECT * FROM t ORDER BY id", "--csv --null NULL").out == "id,a\n1,NULL\n2,\"\"\n");
}

BOOST_AUTO_TEST_CASE(what_is_printed_as_csv_is_loaded_as_what_it_was) {
  const auto made = shell(
    "$M sql --data data \"INSERT INTO t VALUES (NULL, ''), ('', NULL), (' x ', 'a,b'), ('NULL', 'two' || char(10) || "
    "'lines')\" && $M sql --data data --csv 'SELECT * FROM t' > out &&"
    "$M load out --data data --table again --null '' && $M sql --data data --csv 'SELECT a FROM t' --null NULL > out &&"
    "$M load out --data data --table one --null NULL");
  BOOST_TEST(made.code == 0, made.err);
  const std::string differences =
    "SELECT count(*) AS n FROM (SELECT * FROM (SELECT * FROM t EXCEPT SELECT * FROM again) UNION ALL "
    "SELECT * FROM (SELECT * FROM again EXCEPT SELECT * FROM t))";
  BOOST_TEST(sql(differences, "--csv").out == "n\n0\n");
  BOOST_TEST(sql("SELECT count(*) AS n, count(a) AS texts, sum(a = '') AS empty FROM one", "--csv").out
             == "n,texts,empty\n6,4,2\n");
}

BOOST_AUTO_TEST_CASE(what_only_reads_is_allowed) {
  BOOST_TEST(sql("PRAGMA user_version", "--csv").out == "user_version\n0\n");
  BOOST_TEST(sql("EXPLAIN DELETE FROM t").code == 0);
  BOOST_TEST(contains(sql("EXPLAIN QUERY PLAN DELETE FROM t WHERE a = 1").out, "SCAN t"));
  BOOST_TEST(sql("SELECT count(*) AS n FROM t", "--csv").out == "n\n2\n");
}

BOOST_AUTO_TEST_CASE(a_with_that_changes_rows_is_run_as_a_transaction) {
  const auto done = sql("WITH x(n) AS (SELECT 3) INSERT INTO t SELECT n, 'y' FROM x RETURNING id, id", "--json");
  BOOST_TEST(done.code == 0, done.err);
  BOOST_TEST(contains(done.out, R"("rows_changed":1,"rows":[{"id":"3","id:1":"3"}]})"), done.out);
}

BOOST_AUTO_TEST_CASE(what_is_refused_is_told_with_what_this_command_has_instead) {
  const std::pair<std::string, std::string> cases[] = {
    {"COMMIT", "Each statement is a transaction of its own, and so is all that stands between BEGIN and COMMIT."},
    {"CREATE TABLE millrace_u(a)", "names that begin with millrace_ are kept for Millrace"},
    {".tables", "Commands with a dot are those of sqlite3's shell."},
    {"ATTACH 'x' AS x", "ATTACH x: an engine has one database"},
    {"SELECT * FROM nowhere", "no such table: nowhere"},
  };
  for (const auto& [statement, sentence] : cases) {
    const auto ended = sql(statement);
    BOOST_TEST_CONTEXT(statement << ": " << ended.err) {
      BOOST_TEST(ended.code == 1);
      BOOST_TEST(ended.out == "");
      BOOST_TEST(contains(ended.err, sentence));
    }
  }
  const auto temporary = sql("CREATE TEMP TABLE u(a)").err;
  BOOST_TEST(contains(temporary, "use WITH, or a table of the schema"), temporary);
}

BOOST_AUTO_TEST_CASE(a_query_is_ended_by_its_timeout) {
  // The outer limit is shorter than what holds where none is given.
  const auto ended = shell("exec timeout 20 $M sql --data data --timeout 0.2 '" + endless + "'");
  BOOST_TEST(ended.code == 1);
  BOOST_TEST(contains(ended.err, "--timeout SECONDS gives it longer."), ended.err);
}

BOOST_AUTO_TEST_CASE(a_query_that_the_server_ends_is_told_so_and_not_to_take_longer) {
  const auto ended = shell(
    "trap 'kill -9 $server' EXIT; $M serve --data data --listen 127.0.0.1:0 --query-seconds 1 > up & server=$!;"
    "until grep -q Serving up; do sleep 0.05; done; place=127.0.0.1:$(sed 's/.*://' up);"
    "$M sql --connect $place --timeout 60 '"
    + endless + "'; $M sql --connect $place --timeout 0.1 '" + endless + "' 2>&1");
  BOOST_TEST(contains(ended.err, "The server ended it, before the 60 s of --timeout were over"), ended.err);
  BOOST_TEST(!contains(ended.err, "gives it longer"), ended.err);
  BOOST_TEST(contains(ended.out, "--timeout SECONDS gives it longer, as far as the server lets a query take"),
             ended.out);
}

BOOST_AUTO_TEST_CASE(a_statement_that_waits_for_room_on_the_disk_says_so, *boost::unit_test::precondition(may_mount)) {
  // The log has its room, and then something else takes all that is left.
  const auto ended = shell(
    "exec unshare --mount sh -c 'mkdir small && mount -t tmpfs -o size=36m tmpfs small && cp -r data small &&"
    "{ $0 serve --data small/data --listen 127.0.0.1:0 > up 2> said & server=$!; } &&"
    "until grep -q Serving up; do sleep 0.05; done; place=127.0.0.1:$(sed s/.*:// up);"
    "$0 sql --connect $place \"DELETE FROM t WHERE 0\" > deleted && dd if=/dev/zero of=small/all bs=4k 2> /dev/null;"
    "$0 sql --connect $place --timeout 3 \"WITH RECURSIVE c(i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM c LIMIT 25) "
    "INSERT INTO t SELECT i, hex(zeroblob(5000)) FROM c\"; code=$?; kill -9 $server; cat said; exit $code' $M");
  BOOST_TEST(ended.code == 1);
  BOOST_TEST(contains(ended.err, "The engine says: The writer has waited for"), ended.err);
  BOOST_TEST(contains(ended.err, "The disk is full; make room, then try again."), ended.err);
  BOOST_TEST(contains(ended.out, "the writer waits: "), ended.out);
  BOOST_TEST(!contains(ended.out, "Whether this took effect is not known"), ended.out);
}

BOOST_AUTO_TEST_CASE(an_interrupt_ends_it_with_130_and_a_sentence) {
  for (const int signal : {SIGINT, SIGTERM}) {
    auto running = start("exec $M sql --data data --timeout 600 '" + endless + "'");
    while (running.running() && !contains(running.err_so_far(), "Waiting for the answer")) {
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    running.send(signal);
    const auto ended = running.wait();
    BOOST_TEST(ended.code == 130);
    BOOST_TEST(contains(ended.err, "Interrupted. The result is not complete."), ended.err);
  }
  BOOST_TEST(sql("SELECT count(*) AS n FROM t", "--csv").out == "n\n2\n");
}

BOOST_AUTO_TEST_CASE(a_pipe_that_is_closed_early_ends_it_quietly) {
  const auto ended = shell("{ $M sql --data data --csv '" + numbers
                           + "SELECT i FROM c'; echo $? > code; } | head -n 1; cat code");
  BOOST_TEST(ended.out == "i\n141\n");
  BOOST_TEST(ended.err == "");
}

BOOST_AUTO_TEST_CASE(a_full_disk_fails_it_with_a_sentence_whatever_its_size) {
  const auto ended = shell("exec $M sql --data data --csv '" + numbers + "SELECT i FROM c' > /dev/full");
  BOOST_TEST(ended.code == 1);
  BOOST_TEST(ended.err == "The output could not be written in full: No space left on device\n");
}

BOOST_AUTO_TEST_SUITE_END()
