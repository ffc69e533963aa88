#include "shell_fixture.hpp"

#include <boost/test/unit_test.hpp>
#include <millrace/tests/support/contains.hpp>

#include <filesystem>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

namespace {

using millrace::test::contains;

constexpr uid_t somebody = 54'321;

/// With a folder `data` that has a table t.
struct folder_fixture : millrace::test::shell_fixture {
  folder_fixture() {
    const auto made = shell("echo a > rows; echo 1 >> rows; $M load rows --data data --table t");
    BOOST_REQUIRE_MESSAGE(made.code == 0, made.err);
  }

  void give_away(const std::string& name) const {
    const auto root = folder.path() / name;
    BOOST_REQUIRE(::chown(root.c_str(), somebody, somebody) == 0);
    for (const auto& entry : std::filesystem::recursive_directory_iterator{root}) {
      BOOST_REQUIRE(::chown(entry.path().c_str(), somebody, somebody) == 0);
    }
  }

  bool holds_only_somebodys(const std::string& name) const {
    struct stat status {};
    for (const auto& entry : std::filesystem::recursive_directory_iterator{folder.path() / name}) {
      if (::stat(entry.path().c_str(), &status) != 0 || status.st_uid != somebody) {
        return false;
      }
    }
    return true;
  }
};

boost::test_tools::assertion_result may_change_user(boost::unit_test::test_unit_id) {
  return ::geteuid() == 0;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(in_folder_suite, folder_fixture)

BOOST_AUTO_TEST_CASE(the_superuser_leaves_no_files_in_a_folder_of_somebody_else,
                     *boost::unit_test::precondition(may_change_user)) {
  give_away("data");
  std::filesystem::create_directory(folder.path() / "empty");
  give_away("empty");
  const std::vector<std::string> commands{
    "sql --data data 'INSERT INTO t VALUES (2)'",
    "load rows --data data --table t",
    "quarantine list --data data",
    "serve --data data --listen 127.0.0.1:0",
    "serve --data empty --create --listen 127.0.0.1:0",
  };
  for (const auto& command : commands) {
    const auto refused = shell("exec timeout 20 $M " + command);
    BOOST_TEST_CONTEXT(command << ": " << refused.err) {
      BOOST_TEST(refused.code == 2);
      BOOST_TEST(contains(refused.err, "belongs to #54321"));
      BOOST_TEST(contains(refused.err, "sudo -u '#54321' millrace"));
    }
  }
  BOOST_TEST(holds_only_somebodys("data"));
  BOOST_TEST(std::filesystem::is_empty(folder.path() / "empty"));
}

BOOST_AUTO_TEST_CASE(a_file_of_somebody_else_is_told_with_whose_it_is,
                     *boost::unit_test::precondition(may_change_user)) {
  std::filesystem::permissions(folder.path(), std::filesystem::perms{0755});
  for (const std::string file : {"database.sqlite3", "LOCK", "attempt", "queue", "queue/00000000000000000001.waq"}) {
    give_away("data");
    BOOST_REQUIRE(::chown((folder.path() / "data" / file).c_str(), 0, 0) == 0);
    const auto refused = shell("exec setpriv --reuid=54321 --clear-groups $M sql --data data 'SELECT 1'");
    BOOST_TEST_CONTEXT(file << ": " << refused.err) {
      BOOST_TEST(refused.code == 70);
      BOOST_TEST(contains(refused.err, "run this as its owner"));
      BOOST_TEST(contains(refused.err, file + " belongs to root, and this process is run by #54321"));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_folder_that_is_missing_is_told_with_what_makes_one) {
  for (const std::string command : {"sql 'SELECT 1'", "quarantine list", "serve --listen 127.0.0.1:0",
                                    "load rows --table t --no-create", "load rows --table t --resume"}) {
    const auto refused = shell("exec $M " + command + " --data nowhere");
    BOOST_TEST_CONTEXT(command << ": " << refused.err) {
      BOOST_TEST(refused.code == 70);
      BOOST_TEST(contains(refused.err, "nowhere does not exist"));
      BOOST_TEST(contains(refused.err, "`millrace init` makes one."));
    }
  }
  const auto above = shell("exec $M load rows --data no/where --table t");
  BOOST_TEST(contains(above.err, "the folder above no/where does not exist"), above.err);
  BOOST_TEST(!contains(above.err, "make one"), above.err);
}

BOOST_AUTO_TEST_CASE(a_folder_for_which_the_disk_has_no_room_is_not_made,
                     *boost::unit_test::precondition(millrace::test::may_mount)) {
  // Room for nothing, for a database and for a part of the log.
  for (const std::string size : {"8k", "256k", "2m"}) {
    const auto left = shell(
      "exec unshare --mount sh -c 'mkdir -p small && mount -t tmpfs -o size=" + size
      + " tmpfs small && mkdir small/empty && for data in small/empty small/new; do $0 serve --create --data $data "
        "--listen 127.0.0.1:0; echo $?; done; find small' $M");
    BOOST_TEST(left.out == "70\n70\nsmall\nsmall/empty\n", size << ": " << left.out << left.err);
    BOOST_TEST(contains(left.err, "The disk is full; make room, then try again."), left.err);
  }
}

BOOST_AUTO_TEST_CASE(too_few_files_are_told_in_a_sentence) {
  for (const std::string command :
       {"sql --data data 'SELECT 1'", "load rows --data data --table t", "serve --data data --listen 127.0.0.1:0",
        "quarantine list --data data", "sql --connect 127.0.0.1:1 'SELECT 1'", "bench --seconds 0.1"}) {
    const auto refused = shell("ulimit -n 12; exec timeout 20 $M " + command);
    BOOST_TEST_CONTEXT(command << ": " << refused.err) {
      BOOST_TEST(refused.code == 1);
      BOOST_TEST(contains(refused.err, "files must be open at once, and the process may open 12; allow it more"));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_limit_of_files_that_the_process_may_raise_is_raised) {
  BOOST_TEST(shell("ulimit -S -n 12; exec timeout 20 $M sql --data data 'SELECT 1'").code == 0);
}

BOOST_AUTO_TEST_CASE(too_few_threads_are_told_in_a_sentence, *boost::unit_test::precondition(may_change_user)) {
  for (const std::string command : {"sql --data data 'SELECT 1'", "sql --connect 127.0.0.1:1 'SELECT 1'"}) {
    const auto refused = shell("exec setpriv --reuid=54321 --clear-groups prlimit --nproc=6 $M " + command);
    BOOST_TEST_CONTEXT(command << ": " << refused.err) {
      BOOST_TEST(refused.code == 1);
      BOOST_TEST(contains(refused.err, "threads must run at once"));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
