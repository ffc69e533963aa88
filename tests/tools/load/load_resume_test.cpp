#include <millrace/actors/client/client.hpp>
#include <millrace/actors/engine/engine.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tests/support/captured.hpp>
#include <millrace/tests/support/first_cell.hpp>
#include <millrace/tests/support/temporary_folder.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/load/load_job.hpp>
#include <millrace/tools/millrace/load/load_resume.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include <caf/actor_system.hpp>
#include <nlohmann/json.hpp>

using namespace millrace;
using namespace millrace::tools;

namespace {

constexpr std::size_t source_rows = 3'000;

/// A source and where it is loaded to.
struct resume_fixture {
  test::temporary_folder folder;
  std::filesystem::path file = folder.path() / "source.csv";

  resume_fixture() { write(source_rows); }

  void write(std::size_t rows) const {
    std::ofstream stream{file};
    stream << "number,name\n";
    for (std::size_t number = 1; number <= rows; ++number) {
      stream << number << ",name " << number << '\n';
    }
  }

  options settings() const {
    options result;
    result.data = folder.path() / "data";
    result.create_if_missing = true;
    result.scripts = {{"t", "CREATE TABLE IF NOT EXISTS t(number TEXT, name TEXT)"}, resume_schema()};
    return result;
  }

  file_identity identity(const source_format& format = {}) const { return identify(file, format).value(); }

  /// The exit code and what was printed.
  struct ending {
    int code = 0;
    nlohmann::json summary;
    std::string complaint;
  };

  ending load(const std::string& table = "t") const {
    load_settings wanted;
    wanted.file = file;
    wanted.data = folder.path() / "data";
    wanted.table = table;
    wanted.clients = 20;
    wanted.resume = true;
    wanted.verify = true;
    wanted.json = true;
    const test::captured out{std::cout};
    const test::captured err{std::cerr};
    const int code = run_load(wanted);
    return {code, out.text().empty() ? nlohmann::json{} : nlohmann::json::parse(out.text()), err.text()};
  }
};

/// An engine on that folder.
struct record_fixture : resume_fixture {
  system_config config;
  caf::actor_system system{config};
  engine target = open(system, settings()).value();
  client database{system, target.front()};

  tl::expected<recorded_load, std::string> begin() { return begin_or_go_on(database, "t", identity(), 0); }

  tl::expected<outcome, failure> insert(std::int64_t load, std::uint64_t row,
                                        const std::optional<done_rows::span>& fold = std::nullopt) {
    transaction work;
    record_row(work, load, row, fold);
    work.add("INSERT INTO t VALUES (?1, '')", row);
    return database.execute(std::move(work));
  }

  std::int64_t number(const std::string& sql) { return test::first_cell(database.query(sql).value()).as_integer(); }
};

} // namespace

BOOST_AUTO_TEST_SUITE(load_resume_suite)

BOOST_FIXTURE_TEST_CASE(a_file_is_itself_until_it_or_the_way_it_is_read_changes, resume_fixture) {
  const auto before = identity();
  BOOST_TEST((identity() == before));
  BOOST_TEST((identity({.delimiter = ';'}) != before));
  BOOST_TEST((identity({.columns = {"a", "b"}}) != before));
  write(source_rows + 1);
  BOOST_TEST((identity() != before));
}

BOOST_FIXTURE_TEST_CASE(a_file_that_is_missing_is_told_by_name, resume_fixture) {
  const auto missing = identify(folder.path() / "nowhere", {});
  BOOST_REQUIRE(!missing);
  BOOST_TEST(missing.error().find("nowhere") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_load_goes_on_with_what_it_recorded, record_fixture) {
  const auto begun = begin();
  BOOST_REQUIRE(begun.has_value());
  BOOST_TEST(insert(begun->id, 7).has_value());
  const auto again = begin();
  BOOST_REQUIRE(again.has_value());
  BOOST_TEST(again->id == begun->id);
  BOOST_TEST(again->done.contains(7));
  BOOST_TEST(!again->done.contains(8));
}

BOOST_FIXTURE_TEST_CASE(a_row_that_is_sent_twice_is_there_once, record_fixture) {
  const auto load = begin().value().id;
  BOOST_TEST(insert(load, 1).has_value());
  const auto second = insert(load, 1);
  BOOST_REQUIRE(!second);
  BOOST_TEST((second.error().code == errc::row_count_mismatch));
  BOOST_TEST(number("SELECT count(*) FROM t") == 1);
}

BOOST_FIXTURE_TEST_CASE(foldings_that_overtake_each_other_lose_no_row, record_fixture) {
  const auto load = begin().value().id;
  for (std::uint64_t row = 1; row <= 8; ++row) {
    BOOST_REQUIRE(insert(load, row).has_value());
  }
  BOOST_TEST(insert(load, 20, done_rows::span{1, 8}).has_value());
  BOOST_TEST(insert(load, 21, done_rows::span{1, 4}).has_value());
  BOOST_TEST(insert(load, 22, done_rows::span{3, 6}).has_value());
  const auto done = begin().value().done;
  for (std::uint64_t row = 1; row <= 8; ++row) {
    BOOST_TEST(done.contains(row), "row " << row);
  }
  BOOST_TEST(number("SELECT count(*) FROM load_progress WHERE first < 9") < 8);
}

BOOST_FIXTURE_TEST_CASE(another_file_is_refused_until_the_load_is_finished, record_fixture) {
  const auto begun = begin();
  BOOST_REQUIRE(begun.has_value());
  BOOST_REQUIRE(insert(begun->id, 1).has_value());
  write(source_rows + 1);
  const auto refused = begin();
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().find("changed") != std::string::npos, refused.error());
  BOOST_REQUIRE(finish_load(database, begun->id).has_value());
  const auto fresh = begin();
  BOOST_REQUIRE(fresh.has_value());
  BOOST_TEST(!fresh->done.contains(1));
}

BOOST_FIXTURE_TEST_CASE(a_table_whose_rows_are_not_recorded_is_refused, record_fixture) {
  BOOST_REQUIRE(database.execute("INSERT INTO t VALUES ('1', 'name 1')").has_value());
  const auto refused = begin();
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().find("--resume") != std::string::npos, refused.error());
  BOOST_TEST(number("SELECT count(*) FROM load_file") == 0);
}

BOOST_FIXTURE_TEST_CASE(a_load_that_is_complete_has_nothing_to_do_again, resume_fixture) {
  const auto first = load();
  BOOST_TEST(first.code == exit_code::ok, first.complaint);
  BOOST_TEST(first.summary.at("acknowledged") == source_rows);
  BOOST_TEST(first.summary.at("resumed") == 0);
  BOOST_TEST(first.summary.at("verified") == true);
  const auto second = load();
  BOOST_TEST(second.code == exit_code::ok, second.complaint);
  BOOST_TEST(second.summary.at("rows") == 0);
  BOOST_TEST(second.summary.at("resumed") == source_rows);
  BOOST_TEST(second.summary.at("verified") == true);
}

BOOST_FIXTURE_TEST_CASE(records_of_neighbouring_rows_are_folded_while_they_are_loaded, resume_fixture) {
  BOOST_REQUIRE(load().code == exit_code::ok);
  system_config config;
  caf::actor_system system{config};
  const auto target = open(system, settings()).value();
  const auto records = client{system, target.front()}.query("SELECT count(*) FROM load_progress").value();
  BOOST_TEST(records[0][std::size_t{0}].as_integer() < static_cast<std::int64_t>(source_rows));
}

BOOST_FIXTURE_TEST_CASE(a_load_whose_file_was_changed_says_so_and_loads_nothing, resume_fixture) {
  {
    system_config config;
    caf::actor_system system{config};
    auto target = open(system, settings()).value();
    client database{system, target.front()};
    BOOST_REQUIRE(begin_or_go_on(database, "t", identity(), 0).has_value());
  }
  write(source_rows + 1);
  const auto refused = load();
  BOOST_TEST(refused.code == exit_code::failed);
  BOOST_TEST(refused.complaint.find("changed") != std::string::npos, refused.complaint);
  BOOST_TEST(refused.summary.is_null());
}

BOOST_AUTO_TEST_SUITE_END()
