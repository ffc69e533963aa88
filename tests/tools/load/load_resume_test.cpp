#include <millrace/actors/client/client.hpp>
#include <millrace/actors/engine/engine.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tests/support/captured.hpp>
#include <millrace/tests/support/first_cell.hpp>
#include <millrace/tests/support/temporary_folder.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/load/load_beginning.hpp>
#include <millrace/tools/millrace/load/load_job.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include <caf/actor_system.hpp>
#include <nlohmann/json.hpp>

using namespace millrace;
using namespace millrace::tools;

namespace {

constexpr std::size_t source_rows = 3'000;

/// A source and where it is loaded to.
struct resume_fixture {
  millrace::test::temporary_folder folder;
  std::filesystem::path file = folder.path() / "source.csv";

  resume_fixture() { write(source_rows); }

  void write(std::size_t rows, const std::string& name = "name") const {
    std::ofstream stream{file};
    stream << "number,name\n";
    for (std::size_t number = 1; number <= rows; ++number) {
      stream << number << ',' << name << ' ' << number << '\n';
    }
  }

  void append(const std::string& text) const { std::ofstream{file, std::ios::app} << text; }

  options settings() const {
    options result;
    result.data = folder.path() / "data";
    result.create_if_missing = true;
    result.scripts = {{"t", "CREATE TABLE IF NOT EXISTS t(number TEXT, name TEXT)"}, record_schema()};
    return result;
  }

  /// Does something in the engine while no load runs.
  void in_engine(const std::function<void(client&)>& work, const std::string& schema = "SELECT 1") const {
    system_config config;
    caf::actor_system system{config};
    auto wanted = settings();
    wanted.scripts.push_back({schema, schema});
    const auto target = open(system, wanted).value();
    client database{system, target.front()};
    work(database);
  }

  std::int64_t number(const std::string& sql) const {
    std::int64_t result = -1;
    in_engine([&](client& database) { result = millrace::test::first_cell(database.query(sql).value()).as_integer(); });
    return result;
  }

  /// The exit code and what was printed.
  struct ending {
    int code = 0;
    nlohmann::json summary;
    std::string complaint;
  };

  ending load(const std::function<void(load_settings&)>& change = [](load_settings&) {}) const {
    load_settings wanted;
    wanted.file = file;
    wanted.data = folder.path() / "data";
    wanted.table = "t";
    wanted.clients = 20;
    wanted.json = true;
    change(wanted);
    const millrace::test::captured out{std::cout};
    const millrace::test::captured err{std::cerr};
    const int code = run_load(wanted);
    return {code, out.text().empty() ? nlohmann::json{} : nlohmann::json::parse(out.text()), err.text()};
  }

  ending resume(const std::function<void(load_settings&)>& change = [](load_settings&) {}) const {
    return load([&](load_settings& wanted) {
      wanted.resume = true;
      wanted.verify = true;
      change(wanted);
    });
  }

  /// Loads the file; then what is recorded of some of its rows is undone, as a kill before them would have left it.
  void load_in_part() const {
    BOOST_REQUIRE(load().code == exit_code::ok);
    in_engine([](client& database) {
      transaction work;
      work.add("DELETE FROM t WHERE CAST(number AS INTEGER) > 1000")
        .add("UPDATE millrace_load_file SET state = 'begun'")
        .add("UPDATE millrace_load_row SET last = 1000");
      BOOST_REQUIRE(database.execute(std::move(work)).has_value());
    });
  }

  /// Loads all of the file, or a part of it.
  void load_to(bool complete) const {
    if (complete) {
      BOOST_REQUIRE(load().code == exit_code::ok);
    } else {
      load_in_part();
    }
  }
};

void expect_refusal(const resume_fixture::ending& how, const std::string& words) {
  BOOST_TEST(how.code == exit_code::failed);
  BOOST_TEST(how.summary.is_null());
  BOOST_TEST(how.complaint.find(words) != std::string::npos, how.complaint);
}

/// An engine on that folder.
struct record_fixture : resume_fixture {
  system_config config;
  caf::actor_system system{config};
  engine target = open(system, settings()).value();
  client database{system, target.front()};

  tl::expected<begun_load, std::string> begin(record_mode mode = record_mode::begin) {
    beginning wanted{.table = "t", .file = file, .mode = mode};
    wanted.format.bytes = std::filesystem::file_size(file);
    wanted.on_progress = [](double) { return true; };
    return begin_or_go_on(database, wanted);
  }

  tl::expected<outcome, failure> insert(std::int64_t load, std::uint64_t row,
                                        const std::optional<done_rows::span>& fold = std::nullopt) {
    transaction work;
    record_row(work, load, row, fold);
    work.add("INSERT INTO t VALUES (?1, '')", row);
    return database.execute(std::move(work));
  }

  std::int64_t number(const std::string& sql) {
    return millrace::test::first_cell(database.query(sql).value()).as_integer();
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(load_resume_suite)

BOOST_FIXTURE_TEST_CASE(a_file_is_known_by_its_content_and_by_how_it_is_read, resume_fixture) {
  const auto hash = [this](std::int64_t bytes) {
    return hash_prefixes(file, {bytes}, [](double) { return true; }).value().at(bytes);
  };
  const auto before = hash(1'000);
  append("3001,more\n");
  BOOST_TEST(hash(1'000) == before);
  BOOST_TEST(hash(1'001) != before);
  write(source_rows, "Name");
  BOOST_TEST(hash(1'000) != before);
  BOOST_TEST(hash_of_reading({}) != hash_of_reading({.delimiter = ';'}));
  BOOST_TEST(hash_of_reading({}) != hash_of_reading({.columns = {"a", "b"}}));
  BOOST_TEST(hash_of_reading({}) != hash_of_reading({.null = ""}));
}

BOOST_FIXTURE_TEST_CASE(the_beginning_of_a_long_file_is_hashed_in_one_pass, resume_fixture) {
  write(200'000);
  const auto bytes = static_cast<std::int64_t>(std::filesystem::file_size(file));
  BOOST_REQUIRE(bytes > 3 * 1024 * 1024);
  const auto all = hash_prefixes(file, {bytes, 10, 1024 * 1024, 2'000'000}, [](double) { return true; }).value();
  BOOST_TEST(all.size() == 4u);
  for (const auto& [length, hash] : all) {
    BOOST_TEST(hash_prefixes(file, {length}, [](double) { return true; }).value().at(length) == hash);
  }
  std::fstream{file, std::ios::in | std::ios::out}.seekp(100).put('#');
  const auto changed = hash_prefixes(file, {10, 2'000'000, bytes}, [](double) { return true; }).value();
  BOOST_TEST(changed.at(10) == all.at(10));
  BOOST_TEST(changed.at(2'000'000) != all.at(2'000'000));
  BOOST_TEST(changed.at(bytes) != all.at(bytes));
  BOOST_TEST(!hash_prefixes(file, {bytes + 1}, [](double) { return true; }));
  BOOST_TEST(!hash_prefixes(file, {bytes}, [](double) { return false; }));
  BOOST_TEST(!hash_prefixes(folder.path() / "nowhere", {1}, [](double) { return true; }));
}

BOOST_FIXTURE_TEST_CASE(a_load_goes_on_with_what_it_recorded, record_fixture) {
  const auto begun = begin();
  BOOST_REQUIRE(begun.has_value());
  BOOST_TEST(insert(begun->id, 7).has_value());
  const auto again = begin(record_mode::go_on);
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
  const auto done = begin(record_mode::go_on).value().done;
  for (std::uint64_t row = 1; row <= 8; ++row) {
    BOOST_TEST(done.contains(row), "row " << row);
  }
  BOOST_TEST(number("SELECT count(*) FROM millrace_load_row WHERE first < 9") < 8);
}

BOOST_FIXTURE_TEST_CASE(a_load_that_got_no_row_in_is_begun_anew_without_being_asked_to, record_fixture) {
  const auto first = begin(record_mode::begin);
  BOOST_REQUIRE(first.has_value());
  BOOST_REQUIRE(begin(record_mode::begin).has_value());
  BOOST_TEST(number("SELECT count(*) FROM millrace_load_file") == 1);
}

BOOST_FIXTURE_TEST_CASE(a_load_that_is_not_recorded_cannot_be_gone_on_with, record_fixture) {
  for (const auto* rows : {"DELETE FROM t", "INSERT INTO t VALUES ('1', 'name 1')"}) {
    BOOST_REQUIRE(database.execute(rows).has_value());
    const auto refused = begin(record_mode::go_on);
    BOOST_REQUIRE(!refused);
    BOOST_TEST(refused.error().find("No load is recorded in this folder. Without --resume") != std::string::npos,
               refused.error());
    BOOST_TEST(number("SELECT count(*) FROM millrace_load_file") == 0);
  }
}

BOOST_FIXTURE_TEST_CASE(a_mistyped_table_file_or_folder_begins_no_load_and_is_told_what_is_recorded, resume_fixture) {
  BOOST_REQUIRE(load().code == exit_code::ok);
  in_engine([](client& database) { BOOST_REQUIRE(database.execute("INSERT INTO other VALUES (1, 2)").has_value()); },
            "CREATE TABLE IF NOT EXISTS other(number TEXT, name TEXT)");
  const auto recorded = "Recorded are loads of " + std::filesystem::canonical(file).string() + " into t.";
  expect_refusal(resume([](load_settings& wanted) { wanted.table = "tt"; }), "There is no table tt");
  expect_refusal(resume([](load_settings& wanted) { wanted.table = "tt"; }), recorded);
  expect_refusal(resume([](load_settings& wanted) { wanted.table = "other"; }), recorded);
  const auto first = file;
  file = folder.path() / "second.csv";
  write(10, "second");
  expect_refusal(resume(), recorded);
  file = first;
  const auto nowhere = resume([this](load_settings& wanted) { wanted.data = folder.path() / "dat"; });
  BOOST_TEST(nowhere.code == exit_code::engine);
  BOOST_TEST(!std::filesystem::exists(folder.path() / "dat"));
  BOOST_TEST(number("SELECT count(*) FROM sqlite_schema WHERE name = 'tt'") == 0);
  BOOST_TEST(number("SELECT (SELECT count(*) FROM other) + (SELECT count(*) FROM t)") == 1 + source_rows);
}

BOOST_FIXTURE_TEST_CASE(a_load_that_is_complete_is_not_doubled_unless_that_is_meant, resume_fixture) {
  BOOST_REQUIRE(load().code == exit_code::ok);
  expect_refusal(load(), "are in t already, by an earlier load of it. --no-resume adds all of its rows all the same.");
  append("3001,appended\n");
  expect_refusal(load(), "--resume adds what was appended since; --no-resume");
  expect_refusal(load([](load_settings& wanted) { wanted.columns = {"name", "number"}; }), "are in t already");
  BOOST_TEST(number("SELECT count(*) FROM t") == source_rows);
  BOOST_TEST(load([](load_settings& wanted) { wanted.no_resume = true; }).code == exit_code::ok);
  BOOST_TEST(number("SELECT count(*) FROM t") == 2 * source_rows + 1);
}

BOOST_FIXTURE_TEST_CASE(any_load_that_was_cut_off_can_be_gone_on_with, resume_fixture) {
  load_in_part();
  const auto rest = resume();
  BOOST_TEST(rest.code == exit_code::ok, rest.complaint);
  BOOST_TEST(rest.summary.at("resumed") == 1'000);
  BOOST_TEST(rest.summary.at("compared") == source_rows);
  BOOST_TEST(number("SELECT count(DISTINCT number) = count(*) AND count(*) = 3000 FROM t") == 1);
}

BOOST_FIXTURE_TEST_CASE(a_load_that_was_cut_off_is_not_begun_anew_unless_that_is_meant, resume_fixture) {
  load_in_part();
  const auto again = load();
  expect_refusal(again, "--resume goes on with it");
  BOOST_TEST(number("SELECT count(*) FROM t") == 1'000);
  BOOST_TEST(load([](load_settings& wanted) { wanted.no_resume = true; }).code == exit_code::ok);
  BOOST_TEST(number("SELECT count(*) FROM t") == 1'000 + source_rows);
}

BOOST_FIXTURE_TEST_CASE(a_load_that_is_complete_has_nothing_to_do_again, resume_fixture) {
  const auto first = load([](load_settings& wanted) { wanted.verify = true; });
  BOOST_TEST(first.code == exit_code::ok, first.complaint);
  BOOST_TEST(first.summary.at("acknowledged") == source_rows);
  BOOST_TEST(first.summary.at("verified") == true);
  const auto second = resume();
  BOOST_TEST(second.code == exit_code::ok, second.complaint);
  BOOST_TEST(second.summary.at("rows") == 0);
  BOOST_TEST(second.summary.at("resumed") == source_rows);
  BOOST_TEST(second.summary.at("verified") == true);
  BOOST_TEST(second.summary.at("compared") == source_rows);
}

BOOST_FIXTURE_TEST_CASE(a_file_is_the_same_wherever_it_lies_and_however_the_table_is_written, resume_fixture) {
  BOOST_REQUIRE(load().code == exit_code::ok);
  const auto moved = folder.path() / "moved.csv";
  std::filesystem::rename(file, moved);
  const auto again = resume([&](load_settings& wanted) {
    wanted.file = moved;
    wanted.table = "T";
  });
  BOOST_TEST(again.code == exit_code::ok, again.complaint);
  BOOST_TEST(again.summary.at("rows") == 0);
}

BOOST_FIXTURE_TEST_CASE(lines_that_are_appended_are_added_whether_the_load_was_complete_or_not, resume_fixture) {
  for (const bool complete : {true, false}) {
    std::filesystem::remove_all(folder.path() / "data");
    write(source_rows);
    load_to(complete);
    append("3001,appended");
    BOOST_TEST(resume().code == exit_code::ok);
    append("\n3002,later\n\n");
    const auto grown = resume();
    BOOST_TEST(grown.code == exit_code::ok, grown.complaint);
    BOOST_TEST(grown.summary.at("rows") == 1);
    BOOST_TEST(grown.summary.at("compared") == source_rows + 2);
    BOOST_TEST(number("SELECT count(DISTINCT number) = count(*) AND count(*) = 3002 FROM t") == 1);
  }
}

BOOST_FIXTURE_TEST_CASE(a_last_line_that_goes_on_is_no_new_one, resume_fixture) {
  append("3001,app");
  BOOST_REQUIRE(load().code == exit_code::ok);
  append("ended\n3002,x\n");
  expect_refusal(resume(), "goes on now");
}

BOOST_FIXTURE_TEST_CASE(a_quote_that_what_is_appended_closes_is_refused, resume_fixture) {
  append("3001,\"app\n");
  BOOST_REQUIRE(load([](load_settings& wanted) { wanted.skip_malformed = true; }).code == exit_code::ok);
  append("ended\"\n");
  expect_refusal(resume(), "goes on now");
}

BOOST_FIXTURE_TEST_CASE(a_file_that_was_changed_in_the_middle_is_refused_whether_the_load_was_complete_or_not,
                        resume_fixture) {
  for (const bool complete : {true, false}) {
    std::filesystem::remove_all(folder.path() / "data");
    write(source_rows);
    load_to(complete);
    write(source_rows, "Name");
    expect_refusal(resume(), "was changed since");
    write(source_rows - 1);
    expect_refusal(resume(), "was changed since");
  }
}

BOOST_FIXTURE_TEST_CASE(a_file_that_is_read_in_another_way_is_refused, resume_fixture) {
  BOOST_REQUIRE(load().code == exit_code::ok);
  expect_refusal(resume([](load_settings& wanted) { wanted.columns = {"name", "number"}; }), "other --columns");
  expect_refusal(resume([](load_settings& wanted) { wanted.null = "name 1"; }), "another --delimiter, --null");
}

BOOST_FIXTURE_TEST_CASE(a_file_that_begins_with_all_of_another_one_is_refused, resume_fixture) {
  BOOST_REQUIRE(load().code == exit_code::ok);
  const auto longer = folder.path() / "longer.csv";
  std::filesystem::copy_file(file, longer);
  std::ofstream{longer, std::ios::app} << "3001,x\n";
  expect_refusal(resume([&](load_settings& wanted) { wanted.file = longer; }), "begins with all that");
}

BOOST_FIXTURE_TEST_CASE(a_row_that_the_table_does_not_take_has_failed, resume_fixture) {
  const auto with_schema = [&](const char* table, const std::string& sql) {
    system_config config;
    caf::actor_system system{config};
    auto wanted = settings();
    wanted.scripts.push_back({table, sql});
    BOOST_REQUIRE(open(system, wanted).has_value());
  };
  with_schema("ig", "CREATE TABLE ig(number TEXT PRIMARY KEY ON CONFLICT IGNORE, name TEXT)");
  with_schema("tr",
              "CREATE TABLE tr(number TEXT, name TEXT); CREATE TRIGGER picky BEFORE INSERT ON tr "
              "WHEN NEW.number = '2' BEGIN SELECT RAISE(IGNORE); END");
  with_schema("vw",
              "CREATE TABLE behind(number TEXT, name TEXT); CREATE VIEW vw AS SELECT * FROM behind; "
              "CREATE TRIGGER through INSTEAD OF INSERT ON vw BEGIN "
              "INSERT INTO behind VALUES (NEW.number, NEW.name); END");
  write(3);
  append("3,again\n");
  for (const bool recorded : {true, false}) {
    const auto change = [recorded](const char* table) {
      return [=](load_settings& wanted) {
        wanted.table = table;
        wanted.no_resume = !recorded;
      };
    };
    const auto ignored = load(change("ig"));
    BOOST_TEST(ignored.code == exit_code::failed);
    BOOST_TEST(ignored.summary.at("failed") == (recorded ? 1 : 4));
    const auto picky = load(change("tr"));
    BOOST_TEST(picky.code == exit_code::failed);
    BOOST_TEST(picky.summary.at("failed") == 1);
    BOOST_TEST(load(change("vw")).code == exit_code::ok);
  }
  BOOST_TEST(number("SELECT count(*) FROM ig") == 3);
  BOOST_TEST(number("SELECT count(*) FROM behind") == 8);
}

BOOST_FIXTURE_TEST_CASE(a_file_of_which_no_row_was_fit_to_be_loaded_is_gone_on_with, resume_fixture) {
  std::ofstream{file} << "number,name\n1\n";
  BOOST_TEST(load([](load_settings& wanted) { wanted.skip_malformed = true; }).code == exit_code::ok);
  append("2,b\n");
  const auto grown = resume([](load_settings& wanted) { wanted.skip_malformed = true; });
  BOOST_TEST(grown.code == exit_code::ok, grown.complaint);
  BOOST_TEST(grown.summary.at("rows") == 1);
}

BOOST_FIXTURE_TEST_CASE(keys_are_never_appended_to_a_file_of_the_data_folder, resume_fixture) {
  BOOST_REQUIRE(load().code == exit_code::ok);
  const auto data = folder.path() / "data";
  std::filesystem::create_hard_link(data / "database.sqlite3", folder.path() / "elsewhere");
  std::filesystem::create_directory_symlink(data, folder.path() / "link");
  for (const auto& name :
       {data / "database.sqlite3", data / "attempt", data / "queue" / "new", folder.path() / "elsewhere",
        folder.path() / "link" / "keys", data / ".." / "data" / "keys"}) {
    const auto before = std::filesystem::file_size(data / "database.sqlite3");
    const auto refused = load([&](load_settings& wanted) { wanted.ack_path = name; });
    BOOST_TEST(refused.code == exit_code::usage, name.string());
    BOOST_TEST(refused.complaint.find("is in the data folder") != std::string::npos, refused.complaint);
    BOOST_TEST(std::filesystem::file_size(data / "database.sqlite3") == before);
  }
  BOOST_TEST(load([&](load_settings& wanted) {
               wanted.ack_path = folder.path() / "keys";
               wanted.no_resume = true;
             }).code
             == exit_code::ok);
}

BOOST_FIXTURE_TEST_CASE(each_file_and_each_table_has_a_record_of_its_own, resume_fixture) {
  BOOST_REQUIRE(load().code == exit_code::ok);
  const auto other = load([](load_settings& wanted) { wanted.table = "u"; });
  BOOST_TEST(other.summary.at("rows") == source_rows, other.complaint);
  const auto first = file;
  file = folder.path() / "second.csv";
  write(10, "second");
  const auto second = load([](load_settings& wanted) { wanted.verify = true; });
  BOOST_TEST(second.code == exit_code::ok, second.complaint);
  BOOST_TEST(second.summary.at("rows") == 10);
  BOOST_TEST(second.summary.at("verified") == true);
  file = first;
  append("3001,appended\n");
  const auto grown = resume();
  BOOST_TEST(grown.code == exit_code::ok, grown.complaint);
  BOOST_TEST(grown.summary.at("rows") == 1);
  BOOST_TEST(grown.summary.at("compared") == 1);
  BOOST_TEST(grown.summary.at("not_compared") == source_rows);
}

BOOST_FIXTURE_TEST_CASE(rows_that_are_recorded_and_were_deleted_are_not_said_to_be_there, resume_fixture) {
  BOOST_REQUIRE(load().code == exit_code::ok);
  in_engine([](client& database) { BOOST_REQUIRE(database.execute("DELETE FROM t").has_value()); });
  expect_refusal(resume(), "is empty");
  BOOST_TEST(load().code == exit_code::ok);
  BOOST_TEST(number("SELECT count(*) FROM t") == source_rows);
}

BOOST_FIXTURE_TEST_CASE(without_records_a_load_can_be_gone_on_with_only_where_it_was_complete, resume_fixture) {
  const auto unrecorded = [](load_settings& wanted) { wanted.no_resume = true; };
  BOOST_REQUIRE(load(unrecorded).code == exit_code::ok);
  BOOST_TEST(resume().summary.at("rows") == 0);
  write(source_rows, "other");
  append("broken\n");
  const auto stopped = load([](load_settings& wanted) {
    wanted.no_resume = true;
    wanted.strict = true;
  });
  BOOST_TEST(stopped.code == exit_code::failed);
  BOOST_TEST(stopped.complaint.find("--no-resume") != std::string::npos, stopped.complaint);
  expect_refusal(resume(), "--no-resume");
  expect_refusal(load(), "--no-resume");
}

BOOST_FIXTURE_TEST_CASE(rows_that_failed_are_tried_again_and_no_others, resume_fixture) {
  std::ofstream{file} << "number,name\n1,a\n2,b\n3,c\n";
  options constrained = settings();
  constrained.scripts.push_back(
    {"c", "CREATE TABLE c(number TEXT UNIQUE, name TEXT); INSERT INTO c VALUES ('2', 'x')"});
  {
    system_config config;
    caf::actor_system system{config};
    BOOST_REQUIRE(open(system, constrained).has_value());
  }
  const auto into_c = [](load_settings& wanted) { wanted.table = "c"; };
  const auto first = load(into_c);
  BOOST_TEST(first.code == exit_code::failed);
  BOOST_TEST(first.summary.at("failed") == 1);
  BOOST_TEST(first.complaint.find("--resume") != std::string::npos, first.complaint);
  in_engine([](client& database) { BOOST_REQUIRE(database.execute("DELETE FROM c WHERE name = 'x'").has_value()); });
  const auto second = resume(into_c);
  BOOST_TEST(second.summary.at("rows") == 1);
  BOOST_TEST(second.summary.at("resumed") == 2);
  BOOST_TEST(number("SELECT count(*) FROM c") == 3);
}

BOOST_FIXTURE_TEST_CASE(records_of_neighbouring_rows_are_folded_while_they_are_loaded, resume_fixture) {
  append("broken\n");
  const auto stopped = load([](load_settings& wanted) { wanted.strict = true; });
  BOOST_TEST(stopped.code == exit_code::failed);
  BOOST_TEST(stopped.summary.at("acknowledged") == source_rows);
  const auto records = number("SELECT count(*) FROM millrace_load_row");
  BOOST_TEST(records > 0);
  BOOST_TEST(records < static_cast<std::int64_t>(source_rows));
}

BOOST_AUTO_TEST_SUITE_END()
