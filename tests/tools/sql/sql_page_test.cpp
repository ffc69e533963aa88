#include <millrace/tests/tools/common/shell_fixture.hpp>
#include <millrace/tools/millrace/sql/sql.hpp>

#include <boost/test/unit_test.hpp>

#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace {

using words = std::set<std::string>;

std::string page() {
  std::ifstream file{MILLRACE_TREE "/tools/millrace/sql/README.md"};
  return {std::istreambuf_iterator<char>{file}, {}};
}

words matches(const std::string& text, const char* pattern) {
  const std::regex wanted{pattern};
  words found;
  for (std::sregex_iterator at{text.begin(), text.end(), wanted}, end; at != end; ++at) {
    found.insert((*at)[1]);
  }
  return found;
}

/// What stands between two of the page's lines.
std::string part(const std::string& from, const std::string& to) {
  const auto text = page();
  const auto begin = text.find(from);
  const auto end = text.find(to, begin);
  BOOST_REQUIRE(begin != std::string::npos && end != std::string::npos);
  return text.substr(begin, end - begin);
}

struct command_fixture {
  CLI::App program{"", "millrace"};
  int code = 0;
  CLI::App& command;

  command_fixture() : command((millrace::tools::add_sql_command(program, code), *program.get_subcommand("sql"))) {}
};

} // namespace

/// `tools/millrace/sql/README.md` and the program.
BOOST_FIXTURE_TEST_SUITE(sql_page_suite, command_fixture)

BOOST_AUTO_TEST_CASE(the_page_has_every_option_and_no_other) {
  words options;
  for (const auto* const option : std::as_const(command).get_options()) {
    options.insert(option->get_positional() ? option->get_name() : "--" + option->get_lnames().front());
  }
  const auto documented = matches(part("## Options", "## What is printed"), "\\n\\| `(-*[A-Za-z-]+)");
  BOOST_TEST(documented == options, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_page_has_every_exit_code_that_the_help_names_and_no_other) {
  const auto footer = command.get_footer();
  const auto named = matches(footer.substr(footer.find("Exit codes:")), "[ ,\\n](\\d+) ");
  const auto documented = matches(part("## Exit codes", "## In this room"), "\\n\\| (\\d+) ");
  BOOST_TEST(documented == named, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_page_has_every_key_of_an_outcome_and_no_other) {
  const millrace::test::shell_fixture here;
  const auto made = here.shell(
    "echo a > rows; echo 1 >> rows; $M load rows --data data --table t > /dev/null;"
    "$M sql --data data --json 'DELETE FROM t RETURNING a'");
  BOOST_REQUIRE_MESSAGE(made.code == 0, made.err);
  words keys;
  const auto outcome = nlohmann::json::parse(made.out);
  for (const auto& [key, ignored] : outcome.items()) {
    keys.insert(key);
  }
  const auto documented = matches(part("**`--json`, a transaction.**", "## Exit codes"), "\\n\\| `([a-z_]+)`");
  BOOST_TEST(documented == keys, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
