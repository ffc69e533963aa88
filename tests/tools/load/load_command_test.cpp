/// `millrace load` as a shell runs it.

#include <millrace/tests/support/process/program.hpp>
#include <millrace/tests/support/temporary_folder.hpp>
#include <millrace/tests/tools/common/shell_fixture.hpp>
#include <millrace/tools/millrace/load/load.hpp>
#include <millrace/tools/millrace/load/load_report.hpp>

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

using namespace millrace::tools;
using namespace millrace::test;

namespace {

struct command_fixture {
  temporary_folder folder;

  void write(const std::string& text, const std::string& name = "rows.csv") const {
    std::ofstream{folder.path() / name, std::ios::binary} << text;
  }

  /// `$M` is the program, and the folder that of the files.
  ending shell(const std::string& script) const {
    return program{{"/bin/sh", "-c", "M=$0; cd \"$1\" && " + script, MILLRACE_PROGRAM, folder.path()}}.wait();
  }

  ending load(const std::string& options) const { return shell("$M load rows.csv " + options); }

  /// What a query gives, as CSV without the header.
  std::string rows(const std::string& query, const std::string& data = "data") const {
    const auto given = shell("$M sql --data " + data + " --csv \"" + query + "\"");
    BOOST_TEST(given.code == 0, given.err);
    return given.out.substr(given.out.find('\n') + 1);
  }

  /// Makes the folder `data` by an SQL script.
  void make(const std::string& script) const {
    write(script, "schema.sql");
    const auto made = shell(
      "touch serve.log; $M serve --data data --create --listen 127.0.0.1:0 --schema schema.sql > serve.log & server=$!;"
      "while ! grep -q Serving serve.log; do kill -0 $server || exit 1; sleep 0.01; done; kill $server; wait $server");
    BOOST_REQUIRE_MESSAGE(made.code == 0 || made.code == 130, made.err);
  }
};

bool says(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

void expect_usage_error(const ending& how, const std::vector<std::string>& words) {
  BOOST_TEST(how.code == 2);
  BOOST_TEST(how.out == "");
  for (const auto& word : words) {
    BOOST_TEST(says(how.err, word), word << " in: " << how.err);
  }
}

/// All that stands between two backticks at the beginning of a row of the page's tables and begins with `begin`.
std::set<std::string> told_by_the_page(const std::string& section) {
  std::ifstream page{std::filesystem::path{__FILE__}.parent_path() / "../../../tools/millrace/load/README.md"};
  const std::string text{std::istreambuf_iterator<char>{page}, {}};
  const auto begin = text.find("## " + section);
  BOOST_REQUIRE(begin != std::string::npos);
  const auto end = text.find("\n## ", begin);
  std::istringstream lines{text.substr(begin, end - begin)};
  std::set<std::string> names;
  const std::regex name{"`([^` ]+)[^`]*`"};
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| `")) {
      continue;
    }
    const auto cell = line.substr(0, line.find('|', 1));
    for (std::sregex_iterator found{cell.begin(), cell.end(), name}; found != std::sregex_iterator{}; ++found) {
      names.insert((*found)[1]);
    }
  }
  return names;
}

std::size_t count_of(const std::string& text, const std::string& words) {
  std::size_t count = 0;
  for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) {
    ++count;
  }
  return count;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(load_command_suite, command_fixture)

BOOST_AUTO_TEST_CASE(malformed_rows_fail_a_load_unless_they_are_to_be_left_out) {
  write("a,b\n1,2\n3\n4,5\n");
  const auto left_out = load("--data data --table t --verify");
  BOOST_TEST(left_out.code == 1);
  const auto headline = left_out.out.substr(0, left_out.out.find('\n'));
  BOOST_TEST(says(headline, "1 malformed"), headline);
  BOOST_TEST(says(left_out.err, "line 3: it has 1 field instead of 2"), left_out.err);
  BOOST_TEST(says(left_out.err, "--skip-malformed"), left_out.err);
  BOOST_TEST(load("--data data --table u --verify --json").code == 1);
  const auto meant = load("--data data --table v --verify --skip-malformed");
  BOOST_TEST(meant.code == 0);
  BOOST_TEST(says(meant.out.substr(0, meant.out.find('\n')), "1 malformed"), meant.out);
  BOOST_TEST(load("--data data --table t --strict --skip-malformed").code == 2);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_columns_is_refused_with_its_file_and_column_before_anything_is_made) {
  const std::string zero{"a,b\0c\n1,2\n", 10};
  std::string many = "c1";
  for (int i = 2; i <= 1'001; ++i) {
    many += ",c" + std::to_string(i);
  }
  const std::vector<std::pair<std::string, std::string>> headers{
    {"ID,id\n1,2\n", "(ID)"},
    {"a,a\n1,2\n", "(a)"},
    {"a,\n1,2\n", "column 2"},
    {zero, "column 2"},
    {"caf\xE9,b\n1,2\n", "column 1"},
    {many + "\n", "1,001"},
    {"", "empty"},
    {"a,\"b\n1,2\n", "line 1"},
  };
  for (const auto& [text, named] : headers) {
    write(text);
    expect_usage_error(load("--data data --table t"), {"rows.csv", named});
  }
  write(many + "\n");
  expect_usage_error(load("--data data --table t --no-header"), {"rows.csv", "1,001"});
  write("a,b\n1,2\n");
  expect_usage_error(load("--data data --table t --columns x,,y"), {"rows.csv", "column 2"});
  expect_usage_error(load("--data data --table t --columns x,X"), {"(x)", "(X)"});
  expect_usage_error(load("--data data --table t --columns x,y,z --header"), {"2 columns", "names 3"});
  expect_usage_error(load("--data data --table t --columns x --header"), {"2 columns", "names 1"});
  expect_usage_error(load("--data data --table t --columns x,y,z"), {"rows.csv", "first row has 2 fields", "names 3"});
  expect_usage_error(load("--data data --table t --columns x --skip-malformed"), {"first row has 2 fields", "names 1"});
  BOOST_TEST(!std::filesystem::exists(folder.path() / "data"));
}

BOOST_AUTO_TEST_CASE(utf_16_is_refused_with_what_to_do_and_the_mark_of_utf_8_is_dropped) {
  const std::string little{
    "\xFF\xFE"
    "a\0\n\0"
    "1\0\n\0",
    10};
  const std::string big{
    "\xFE\xFF"
    "\0a\0\n"
    "\0001\0\n",
    10};
  for (const auto& text : {little, big}) {
    write(text);
    for (const auto* header : {"", " --no-header", " --columns a"}) {
      expect_usage_error(load("--data data --table t" + std::string{header}), {"rows.csv", "UTF-16", "iconv"});
    }
  }
  BOOST_TEST(!std::filesystem::exists(folder.path() / "data"));
  write(
    "\xEF\xBB\xBF"
    "a\n1\n");
  BOOST_TEST(load("--data data --table t --verify").code == 0);
  BOOST_TEST(rows("SELECT a FROM t") == "1\n");
}

BOOST_AUTO_TEST_CASE(columns_that_the_table_does_not_take_are_refused_before_any_row) {
  make(
    "CREATE TABLE t(a, b, c AS (a + b)); CREATE VIEW v AS SELECT a FROM t;"
    "CREATE TABLE n(id INTEGER PRIMARY KEY NOT NULL, a, \"Must\" NOT NULL, d NOT NULL DEFAULT 0);");
  write("a,nope\n1,2\n");
  expect_usage_error(load("--data data --table t"), {"rows.csv", "nope"});
  write("a,c\n1,2\n");
  expect_usage_error(load("--data data --table t"), {"rows.csv", "\"c\""});
  write("a\n1\n");
  expect_usage_error(load("--data data --table v"), {"rows.csv", "view"});
  expect_usage_error(load("--data data --table n"), {"rows.csv", "column Must"});
  BOOST_TEST(rows("SELECT (SELECT count(*) FROM t) + (SELECT count(*) FROM n)") == "0\n");
  write("a,must\n1,2\n");
  BOOST_TEST(load("--data data --table n --verify").code == 0);
}

BOOST_AUTO_TEST_CASE(a_load_that_was_finished_before_says_so_and_has_no_figures) {
  write("a,b\n1,2\n3,4\n");
  BOOST_TEST(load("--data data --table t").code == 0);
  const auto again = load("--data data --table t --resume --verify");
  BOOST_TEST(again.code == 0);
  BOOST_TEST(again.out
             == "There was nothing to do: all rows are in t since an earlier load\n"
                "  there since earlier  2\n  verified             2 rows compared, all equal\n");
}

BOOST_AUTO_TEST_CASE(an_ack_file_is_not_the_file_itself) {
  write("a\n1\n2");
  expect_usage_error(load("--data data --table t --ack-file ./rows.csv"), {"rows.csv", "--ack-file"});
  BOOST_TEST(shell("cat rows.csv").out == "a\n1\n2");
}

BOOST_AUTO_TEST_CASE(a_table_has_one_name_and_means_it) {
  write("a\n1\n");
  for (const auto* name : {"''", "main.p", "millrace_x", "sqlite_x"}) {
    expect_usage_error(load("--data data --table " + std::string{name}), {"--table"});
  }
  BOOST_TEST(!std::filesystem::exists(folder.path() / "data"));
}

BOOST_AUTO_TEST_CASE(a_table_with_other_ids_a_view_and_names_like_our_own_are_loaded_verified_and_gone_on_with) {
  make(
    "CREATE TABLE high(name TEXT); INSERT INTO high(_rowid_, name) VALUES (4611686018427387904, 'x');"
    "CREATE TABLE odd(_rowid_ TEXT, rowid TEXT, oid TEXT);"
    "CREATE TABLE keyed(name TEXT PRIMARY KEY) WITHOUT ROWID;"
    "CREATE TABLE below(name TEXT); CREATE VIEW above AS SELECT name FROM below;"
    "CREATE TRIGGER through INSTEAD OF INSERT ON above BEGIN INSERT INTO below VALUES (NEW.name); END;"
    "CREATE TABLE load_file(x); CREATE TABLE load_progress(x);");
  write("name\na\nb\nc\n");
  for (const std::string table : {"high", "keyed", "above"}) {
    const auto loaded = load("--data data --verify --kill-reader 1 --table " + table);
    BOOST_TEST(loaded.code == 0, loaded.err);
    BOOST_TEST(load("--data data --verify --resume --table " + table).code == 0);
  }
  BOOST_TEST(rows("SELECT count(*) FROM above") == "3\n");
  write("_rowid_,rowid,oid\n7,8,9\n7,8,9\n");
  BOOST_TEST(load("--data data --verify --table odd").code == 0);
  BOOST_TEST(rows("SELECT count(*) FROM odd") == "2\n");
}

BOOST_AUTO_TEST_CASE(standard_input_is_a_file_that_can_be_read_once) {
  const auto piped = shell("printf 'a,b\\n1,2\\n' | $M load - --data data --table t ");
  BOOST_TEST(piped.code == 0, piped.err);
  BOOST_TEST(rows("SELECT a, b FROM t") == "1,2\n");
  expect_usage_error(shell("printf 'a\\n1\\n' | $M load - --data other --table t --kill-writer 1"),
                     {"Standard input", "--kill-writer"});
  for (const auto* option : {"--verify", "--resume"}) {
    expect_usage_error(shell("printf 'a\\n1\\n' | $M load - --data other --table t " + std::string{option}),
                       {"Standard input", option, "store it in a file"});
  }
  BOOST_TEST(!std::filesystem::exists(folder.path() / "other"));
}

BOOST_AUTO_TEST_CASE(what_stands_for_null_is_null_where_it_has_no_quotes) {
  write("a,b\nNULL,1\n\"NULL\",2\n,3\n");
  BOOST_TEST(load("--data data --table t --null NULL --verify --ack-file acks").code == 0);
  BOOST_TEST(rows("SELECT quote(a) FROM t ORDER BY b") == "NULL\n'NULL'\n''\n");
  BOOST_TEST(load("--data data --table u --null '' --verify").code == 0);
  BOOST_TEST(rows("SELECT quote(a) FROM u ORDER BY b") == "'NULL'\n'NULL'\nNULL\n");
  BOOST_TEST(load("--data data --table v --verify").code == 0);
  BOOST_TEST(rows("SELECT quote(a) FROM v ORDER BY b") == "'NULL'\n'NULL'\n''\n");
  std::ifstream acks{folder.path() / "acks"};
  std::set<std::string> keys;
  for (std::string line; std::getline(acks, line);) {
    keys.insert(line);
  }
  BOOST_TEST((keys == std::set<std::string>{"\\N", "NULL", ""}));
}

BOOST_AUTO_TEST_CASE(a_stderr_that_takes_nothing_ends_no_load) {
  write("a,b\n1,2\n3\n4,5\n");
  BOOST_TEST(load("--data data --table t 2>/dev/full").code == 1);
  BOOST_TEST(rows("SELECT count(*) FROM t") == "2\n");
}

BOOST_AUTO_TEST_CASE(a_load_whose_server_has_a_full_disk_says_so_once_and_loses_nothing_when_there_is_room_again,
                     *boost::unit_test::precondition(millrace::test::may_mount)) {
  std::string text = "id,a\n";
  for (int i = 0; i < 45'000; ++i) {
    text += std::to_string(i) + ',' + std::string(200, 'a') + '\n';
  }
  write(text);
  write("CREATE TABLE t(id, a)", "schema.sql");
  // What is loaded fills the disk, and something else makes room once two looks at the server have shown no other way.
  const auto ended = shell(
    "exec unshare --mount sh -c ': > told && mkdir small && mount -t tmpfs -o size=64m tmpfs small &&"
    "dd if=/dev/zero of=small/other bs=1M count=24 2> /dev/null && { $0 serve --data small/data --create --schema "
    "schema.sql --listen 127.0.0.1:0 > up 2> /dev/null & server=$!; } &&"
    "until grep -q Serving up; do kill -0 $server || exit 1; sleep 0.05; done;"
    "{ $0 load rows.csv --connect 127.0.0.1:$(sed s/.*:// up) --table t --verify --json 2> told & load=$!; };"
    "until [ $(grep -c \"no answer for\" told) -ge 2 ]; do kill -0 $load || break; sleep 0.05; done;"
    "rm small/other; wait $load; code=$?; kill $server; wait $server; cat told >&2; exit $code' $M");
  BOOST_TEST(ended.code == 0, ended.err);
  BOOST_TEST(count_of(ended.err, "The engine says: The writer has waited for ") == 1U, ended.err);
  BOOST_TEST(says(ended.err, "The disk is full; make room, then try again."), ended.err);
  BOOST_TEST(count_of(ended.err, "no answer for ") >= 2U, ended.err);
  BOOST_TEST(says(ended.out, R"("acknowledged":45000,)"), ended.out);
  BOOST_TEST(says(ended.out, R"("verified":true)"), ended.out);
}

BOOST_AUTO_TEST_CASE(a_load_that_is_interrupted_says_how_to_go_on) {
  std::string text = "a\n";
  for (int i = 0; i < 50'000; ++i) {
    text += std::to_string(i) + "\n";
  }
  write(text);
  const auto interrupted = shell(
    "touch acks; $M load rows.csv --data data --table t --clients 5 --ack-file acks & load=$!;"
    "while ! test -s acks; do kill -0 $load || exit 9; sleep 0.01; done; kill -INT $load; wait $load");
  BOOST_TEST(interrupted.code == 130, interrupted.err);
  BOOST_TEST(says(interrupted.err, "--resume goes on"), interrupted.err);
  BOOST_TEST(load("--data data --table t").code == 1);
  const auto rest = load("--data data --table t --resume --verify");
  BOOST_TEST(rest.code == 0, rest.err);
  BOOST_TEST(rows("SELECT count(*) FROM t") == "50000\n");
}

BOOST_AUTO_TEST_CASE(a_load_that_is_interrupted_before_its_first_row_says_that_nothing_was_loaded) {
  const auto waiting = shell(
    "mkfifo pipe; $M load pipe --data data --table t 2> said & load=$!;"
    "exec 3> pipe; kill -INT $load; wait $load; code=$?; cat said >&2; exit $code");
  BOOST_TEST(waiting.code == 130);
  BOOST_TEST(says(waiting.err, "Interrupted before the first row"), waiting.err);
  BOOST_TEST(!std::filesystem::exists(folder.path() / "data"));
}

BOOST_AUTO_TEST_CASE(its_page_has_every_option_and_the_program_has_every_option_of_the_page) {
  int result = 0;
  CLI::App program;
  add_load_command(program, result);
  std::set<std::string> options{"FILE"};
  for (const auto* option : program.get_subcommand("load")->get_options()) {
    for (const auto& name : option->get_lnames()) {
      options.insert("--" + name);
    }
  }
  BOOST_TEST(told_by_the_page("Options") == options, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(its_page_has_every_field_of_the_summary_and_the_summary_every_field_of_the_page) {
  std::set<std::string> fields;
  load_summary summary;
  summary.resumed = true;
  for (const bool verified : {true, false}) {
    summary.verified = verified ? std::optional{verify_report{}} : std::nullopt;
    summary.verify_problem = "why not";
    std::ostringstream out;
    print_summary_json(out, summary);
    const auto object = nlohmann::json::parse(out.str());
    for (const auto& [name, ignored] : object.items()) {
      fields.insert(name);
    }
  }
  BOOST_TEST(told_by_the_page("Fields of --json") == fields, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(its_page_has_every_exit_code_that_its_help_has) {
  const auto help = shell("$M load --help").out;
  std::set<std::string> codes;
  const auto list = help.substr(help.find("Exit codes: "));
  const std::regex code{"(?:^Exit codes: |, |,\n)([0-9]+) "};
  for (std::sregex_iterator found{list.begin(), list.end(), code}; found != std::sregex_iterator{}; ++found) {
    codes.insert((*found)[1]);
  }
  BOOST_TEST(told_by_the_page("Exit codes") == codes, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
