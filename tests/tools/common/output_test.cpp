#include "shell_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <utility>
#include <vector>

namespace {

/// With a table of one row.
struct table_fixture : millrace::test::shell_fixture {
  table_fixture() {
    const auto made = shell("echo a > rows; echo 1 >> rows; $M load rows --data data --table t");
    BOOST_REQUIRE_MESSAGE(made.code == 0, made.err);
  }
};

/// With what is said of their work where their output does not arrive.
const std::vector<std::pair<std::string, std::string>> commands{
  {"sql --data data 'SELECT 1'", ""},
  {"sql --data data --csv 'SELECT 1'", ""},
  {"sql --data data --json 'SELECT 1'", ""},
  {"sql --data data 'INSERT INTO t VALUES (2)'", "The statement took effect.\n"},
  {"sql --data data --json 'INSERT INTO t VALUES (2) RETURNING a'", "The statement took effect.\n"},
  {"quarantine list --data data", ""},
  {"quarantine list --data data --json", ""},
  {"load rows --data data --table t --no-resume --json", "1 rows were acknowledged; they are in t.\n"},
  {"certs trial-$$", "The certificates were made.\n"},
  {"--version", ""},
  {"sql --help", ""},
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(output_suite, table_fixture)

BOOST_AUTO_TEST_CASE(output_that_cannot_be_written_fails_every_command_with_a_sentence) {
  for (const auto& [command, done] : commands) {
    BOOST_TEST_CONTEXT(command) {
      const auto full = shell("exec $M " + command + " > /dev/full");
      BOOST_TEST(full.code == 1);
      BOOST_TEST(full.err == done + "The output could not be written in full: No space left on device\n");
      const auto closed = shell("exec $M " + command + " >&-");
      BOOST_TEST(closed.code == 1);
      BOOST_TEST(closed.err == done + "The output could not be written in full: Bad file descriptor\n");
    }
  }
}

BOOST_AUTO_TEST_CASE(a_pipe_that_nobody_reads_ends_every_command_after_its_work_of_which_alone_is_spoken) {
  for (const auto& [command, done] : commands) {
    BOOST_TEST_CONTEXT(command) {
      const auto gone = shell("mkfifo p; : < p & exec 3> p; wait; $M " + command + " >&3; code=$?; rm p; exit $code");
      BOOST_TEST(gone.code == 141);
      BOOST_TEST(gone.err == done);
    }
  }
  // One row is the fixture's; each of the three commands that add some did so before it ended.
  BOOST_TEST(shell("$M sql --data data --csv 'SELECT count(*) AS n FROM t'").out == "n\n4\n");
}

BOOST_AUTO_TEST_CASE(no_file_takes_the_place_of_a_standard_stream_that_is_closed) {
  BOOST_TEST(shell("exec $M sql --data data 'INSERT INTO t VALUES (2)' <&- >&- 2>&-").code == 1);
  const auto after = shell("$M sql --data data --csv 'SELECT count(*) AS n FROM t'");
  BOOST_TEST(after.out == "n\n2\n", after.err);
}

BOOST_AUTO_TEST_SUITE_END()
