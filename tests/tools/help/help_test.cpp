#include <millrace/tests/support/contains.hpp>
#include <millrace/tests/tools/common/shell_fixture.hpp>

#include <set>
#include <string>

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

namespace {

using millrace::test::contains;

struct help_fixture : millrace::test::shell_fixture {
  std::string run(const std::string& arguments, int code = 0) const {
    const auto ended = shell("exec $M help " + arguments);
    BOOST_TEST(ended.code == code, arguments << ": " << ended.out << ended.err);
    return ended.out + ended.err;
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(help_suite, help_fixture)

BOOST_AUTO_TEST_CASE(an_error_is_explained_with_what_it_promises) {
  const auto rejected = run("constraint");
  BOOST_TEST(contains(rejected, "constraint: The transaction breaks a rule of the schema"), rejected);
  BOOST_TEST(contains(rejected, "had no effect and never will"), rejected);
  BOOST_TEST(contains(rejected, "status 409 over HTTP"), rejected);
  BOOST_TEST(contains(run("overloaded"), "the same may succeed later"));
  BOOST_TEST(contains(run("outcome_unknown"), "Send it again under its name"));
}

BOOST_AUTO_TEST_CASE(all_codes_are_listed_each_once) {
  const auto listed = nlohmann::json::parse(run("codes --json"));
  BOOST_REQUIRE(listed.size() >= 38u);
  std::set<std::string> names;
  for (const auto& one : listed) {
    names.insert(one.at("code"));
    BOOST_TEST(!one.at("sentence").get<std::string>().empty());
  }
  BOOST_TEST(names.size() == listed.size());
  BOOST_TEST(names.contains("bad_option"));
  BOOST_TEST(contains(run("codes"), "  130  Ended by Ctrl-C or SIGTERM"));
}

BOOST_AUTO_TEST_CASE(a_command_is_shown_as_it_shows_itself) {
  for (const std::string command : {"", "sql", "migrate", "migrate up", "help"}) {
    BOOST_TEST(run(command) == shell("exec $M " + command + " --help").out, command);
  }
}

BOOST_AUTO_TEST_CASE(exit_codes_are_explained_and_what_there_is_not_is_named_with_its_neighbour) {
  BOOST_TEST(contains(run("70"), "Exit code 70: The data folder cannot be opened"));
  BOOST_TEST(contains(run("over_budge", 2), "Do you mean over_budget?"));
  BOOST_TEST(contains(run("migrate upp", 2), "There is no command, error code or exit code migrate upp."));
  BOOST_TEST(contains(run("71", 2), "`millrace help codes`"));
  BOOST_TEST(contains(run("70 --json", 2), "it is for `codes`"));
}

BOOST_AUTO_TEST_SUITE_END()
