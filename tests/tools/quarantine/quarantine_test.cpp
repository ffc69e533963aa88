#include <millrace/messages/wire/registry.hpp>
#include <millrace/storage/base/folder.hpp>
#include <millrace/storage/sqlite/database.hpp>
#include <millrace/tests/support/captured.hpp>
#include <millrace/tests/support/contains.hpp>
#include <millrace/tests/support/temporary_folder.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/quarantine/quarantine.hpp>
#include <millrace/tools/millrace/quarantine/quarantine_text.hpp>
#include <millrace/tools/millrace/sql/sql.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>
#include <nlohmann/json.hpp>

using namespace millrace;
using namespace millrace::tools;
using millrace::test::contains;

namespace {

struct ending {
  int code = 0;
  std::string out;
  std::string err;
};

/// Runs a command line as the program would.
ending run(std::vector<std::string> arguments) {
  const millrace::test::captured out{std::cout};
  const millrace::test::captured err{std::cerr};
  int code = exit_code::ok;
  CLI::App program{"", "millrace"};
  program.fallthrough();
  add_quarantine_command(program, code);
  add_sql_command(program, code);
  std::reverse(arguments.begin(), arguments.end());
  try {
    program.parse(arguments);
  } catch (const CLI::ParseError& problem) {
    return {exit_code::usage, "", problem.what()};
  }
  return {code, out.text(), err.text()};
}

class silent_mark final : public storage::attempt_mark {
public:
  void begin(std::uint64_t, std::uint64_t) noexcept override {}
  void at(std::uint64_t) noexcept override {}
  void end() noexcept override {}
};

/// A folder with two transactions in quarantine, seq 2 and 3; the second cannot succeed.
struct quarantine_fixture {
  millrace::test::temporary_folder folder;
  std::string data = folder.path() / "data";

  quarantine_fixture() {
    const auto made = storage::folder::open(data, storage::folder_mode::create).value();
    BOOST_REQUIRE(storage::sqlite::make_database(made.database_file())->prepare(true).has_value());
    auto work = std::make_shared<storage::batch>();
    work->first_seq = 1;
    work->accept_time_ms = 1'700'000'000'000;
    work->items = {schema_script{"t", "CREATE TABLE t(a, b)"}, execute("INSERT INTO t VALUES (?1, ?2)", 7, "it's"),
                   execute("INSERT INTO nowhere VALUES (1)")};
    work->skipped = {{2, errc::quarantined, 3}, {3, errc::quarantined, 4, "no space left on device"}};
    const auto writer = storage::sqlite::make_database(made.database_file())->open_writer().value();
    silent_mark mark;
    const std::array<storage::batch_ptr, 1> batches{work};
    while (writer->applied_seq() < 3) {
      BOOST_REQUIRE(writer->apply(batches, mark, {}).has_value());
    }
  }

  ending quarantine(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "quarantine");
    arguments.insert(arguments.end(), {"--data", data});
    return run(std::move(arguments));
  }

  std::string rows() const { return run({"sql", "--data", data, "--csv", "SELECT a, b FROM t"}).out; }

  nlohmann::json list() const { return nlohmann::json::parse(quarantine({"list", "--json"}).out); }
};

} // namespace

BOOST_AUTO_TEST_SUITE(quarantine_suite)

BOOST_AUTO_TEST_CASE(a_verb_and_a_number_are_demanded) {
  BOOST_TEST(run({"quarantine", "--data", "x"}).code == exit_code::usage);
  BOOST_TEST(run({"quarantine", "show", "--data", "x"}).code == exit_code::usage);
  BOOST_TEST(run({"quarantine", "discard", "zero", "--data", "x"}).code == exit_code::usage);
  BOOST_TEST(run({"quarantine", "resubmit", "0", "--data", "x"}).code == exit_code::usage);
  BOOST_TEST(run({"quarantine", "list"}).code == exit_code::usage);
}

BOOST_AUTO_TEST_CASE(a_folder_that_is_missing_is_told) {
  const auto refused = run({"quarantine", "list", "--data", "/nowhere/at/all"});
  BOOST_TEST(refused.code == exit_code::engine);
  BOOST_TEST(contains(refused.err, sentence(errc::folder_missing).data()), refused.err);
}

BOOST_FIXTURE_TEST_CASE(a_folder_that_another_engine_holds_is_told, quarantine_fixture) {
  const auto held = storage::folder::open(data, storage::folder_mode::existing);
  const auto refused = quarantine({"list"});
  BOOST_TEST(refused.code == exit_code::engine);
  BOOST_TEST(contains(refused.err, sentence(errc::folder_locked).data()), refused.err);
}

BOOST_FIXTURE_TEST_CASE(all_that_are_in_quarantine_are_listed, quarantine_fixture) {
  const auto listed = list();
  BOOST_REQUIRE(listed.size() == 2u);
  BOOST_TEST(listed[0].at("seq") == 2);
  BOOST_TEST(listed[0].at("deaths") == 3);
  BOOST_TEST(listed[0].at("accepted") == "2023-11-14T22:13:20Z");
  BOOST_TEST(listed[1].at("seq") == 3);
  const auto table = quarantine({"list"});
  BOOST_TEST(table.code == exit_code::ok);
  BOOST_TEST(contains(table.out, "INSERT INTO t VALUES (?1, ?2)"), table.out);
  BOOST_TEST(contains(table.out, "each of 3 attempts failed  "), table.out);
  BOOST_TEST(contains(table.out, "each of 4 attempts failed: no space left on device"), table.out);
}

BOOST_AUTO_TEST_CASE(why_each_was_set_aside_is_told) {
  const auto entry = [](std::uint32_t deaths, const char* failed_with = "") {
    return quarantine_entry{{.deaths = deaths}, failed_with};
  };
  const std::vector entries{entry(0), entry(1), entry(1, "too slow"), entry(2), entry(2, "a full disk")};
  const std::vector<std::string> reasons{
    "an operator wished it", "alone, it takes more time or memory than it may, or meets an index out of step",
    "too slow", "each of 2 attempts failed", "each of 2 attempts failed: a full disk"};
  std::ostringstream table;
  print_quarantine(table, entries);
  std::ostringstream list;
  print_quarantine_json(list, entries);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    BOOST_TEST(contains(table.str(), reasons[i]), table.str());
    BOOST_TEST(nlohmann::json::parse(list.str())[i].at("reason") == reasons[i]);
    std::ostringstream one;
    print_quarantined(one, entries[i]);
    BOOST_TEST(contains(one.str(), reasons[i]), one.str());
  }
}

BOOST_FIXTURE_TEST_CASE(one_of_them_is_shown_with_its_values, quarantine_fixture) {
  const auto text = quarantine({"show", "2"});
  BOOST_TEST(text.code == exit_code::ok, text.err);
  BOOST_TEST(contains(text.out, "?2  'it''s'"), text.out);
  const auto object = nlohmann::json::parse(quarantine({"show", "2", "--json"}).out);
  BOOST_TEST(object.at("statements")[0].at("parameters").at("?1") == 7);
}

BOOST_FIXTURE_TEST_CASE(one_that_is_not_there_is_told, quarantine_fixture) {
  for (const auto* const verb : {"show", "resubmit", "discard"}) {
    const auto refused = quarantine({verb, "1"});
    BOOST_TEST(refused.code == exit_code::failed, verb);
    BOOST_TEST(contains(refused.err, sentence(errc::not_found).data()), refused.err);
    BOOST_TEST(contains(refused.err, "In quarantine: 2, 3."), refused.err);
  }
}

BOOST_FIXTURE_TEST_CASE(one_that_is_resubmitted_is_applied_and_gone, quarantine_fixture) {
  BOOST_TEST(rows() == "a,b\n");
  const auto done = quarantine({"resubmit", "2"});
  BOOST_TEST(done.code == exit_code::ok, done.err);
  BOOST_TEST(rows() == "a,b\n7,it's\n");
  const auto listed = list();
  BOOST_REQUIRE(listed.size() == 1u);
  BOOST_TEST(listed[0].at("seq") == 3);
}

BOOST_FIXTURE_TEST_CASE(one_that_fails_again_stays_in_quarantine, quarantine_fixture) {
  const auto refused = quarantine({"resubmit", "3"});
  BOOST_TEST(refused.code == exit_code::failed);
  BOOST_TEST(contains(refused.err, "nowhere"), refused.err);
  // It was tried under a number of its own, which nothing is under.
  BOOST_TEST(contains(refused.err, "Transaction 3 is in quarantine still, under this number."), refused.err);
  BOOST_TEST(list().size() == 2u);
}

BOOST_FIXTURE_TEST_CASE(one_that_is_discarded_is_gone_and_had_no_effect, quarantine_fixture) {
  const auto done = quarantine({"discard", "2"});
  BOOST_TEST(done.code == exit_code::ok, done.err);
  BOOST_TEST(rows() == "a,b\n");
  BOOST_TEST(list().size() == 1u);
  BOOST_TEST(quarantine({"discard", "3"}).code == exit_code::ok);
  BOOST_TEST(quarantine({"list"}).out == "Nothing is in quarantine.\n");
  BOOST_TEST(contains(quarantine({"discard", "3"}).err, "Nothing is in quarantine."));
}

BOOST_AUTO_TEST_CASE(values_of_every_type_and_names_are_printed) {
  quarantine_entry entry{{.seq = 9}};
  auto& work = entry.what.work;
  work.name = {new_client_id(0), 4};
  work.add("INSERT INTO t VALUES (:a, :b, :c, :d, :e, :f, :g)", named{":a", nullptr}, named{":b", 1.5},
           named{":c", blob{"\x01\xff"}}, named{":d", -3}, named{":e", -std::numeric_limits<double>::infinity()},
           named{":f", "\xff"}, named{":g", 2.0});
  std::ostringstream text;
  print_quarantined(text, entry);
  for (const auto* const part : {":a  NULL", ":b  1.5", ":c  x'01ff'", ":d  -3", ":e  -1e999", ":g  2.0"}) {
    BOOST_TEST(contains(text.str(), part), text.str());
  }
  std::ostringstream line;
  print_quarantined_json(line, entry);
  const auto object = nlohmann::json::parse(line.str());
  BOOST_TEST(object.at("number") == 4);
  BOOST_TEST(object.at("client").get<std::string>().size() == 32u);
  const auto& parameters = object.at("statements")[0].at("parameters");
  BOOST_TEST(parameters.at(":c").at("blob") == "01ff");
  BOOST_TEST(parameters.at(":e").at("real") == "-1e999");
  BOOST_TEST(parameters.at(":f").at("hex") == "ff");
  BOOST_TEST(parameters.at(":g").is_number_float());
}

BOOST_FIXTURE_TEST_CASE(what_does_not_wait_to_be_applied_is_not_set_aside, quarantine_fixture) {
  const auto refused = quarantine({"set-aside", "1"});
  BOOST_TEST(refused.code == exit_code::failed);
  BOOST_TEST(contains(refused.err, "seq 1 does not wait to be applied"), refused.err);
  BOOST_TEST(contains(refused.err, "Nothing waits to be applied."), refused.err);
  BOOST_TEST(contains(quarantine({"set-aside", "2"}).err, "In quarantine: 2, 3."));
}

BOOST_AUTO_TEST_SUITE_END()
