#include "waited_row.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/actors/engine/engine.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tests/support/named_pipe.hpp>
#include <millrace/tools/millrace/common/process.hpp>
#include <millrace/tools/millrace/load/load_client.hpp>
#include <millrace/tools/millrace/load/load_run.hpp>
#include <millrace/tools/millrace/load/load_verify.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>
#include <caf/skip.hpp>

using namespace millrace::tools;
using namespace std::chrono_literals;

namespace {

/// A folder with a source file in it.
struct source_fixture {
  scratch_folder folder = scratch_folder::make(std::filesystem::temp_directory_path()).value();
  std::filesystem::path file = folder.path() / "source.csv";

  void write(const std::string& text) const { std::ofstream{file, std::ios::binary} << text; }

  std::unique_ptr<row_source> open(const source_format& format = {}) const {
    return row_source::open(file, format).value();
  }

  std::string read(const std::filesystem::path& path) const {
    std::ifstream input{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{input}, {}};
  }
};

/// An engine with the source's rows in table t, each by its line number.
struct table_fixture : source_fixture {
  millrace::system_config config;
  caf::actor_system system{config};
  millrace::engine engine = open_engine();
  millrace::client database{system, engine.front()};

  millrace::engine open_engine() {
    millrace::options settings;
    settings.data = folder.path() / "data";
    settings.create_if_missing = true;
    settings.database.outcomes = {.count = 1}; // As small as a window can be.
    settings.scripts = {{"t", "CREATE TABLE t(id TEXT, name TEXT)"}};
    return millrace::open(system, settings).value();
  }

  void insert(const std::string& id, const std::string& name) {
    BOOST_REQUIRE(database.execute("INSERT INTO t VALUES (?1, ?2)", id, name).has_value());
  }

  table_scan scan() { return {system, engine.front(), "t", std::vector<std::string>{"id", "name"}}; }

  static bool go_on(std::uint64_t) { return true; }

  /// What table t holds now.
  table_sum sum() { return sum_of(scan(), go_on).value(); }

  verify_report verify(std::vector<std::uint64_t> failed = {}, std::vector<std::uint64_t> unknown = {},
                       const table_sum& before = {}) {
    verify_task task;
    task.open_source = [this] { return row_source::open(file, {}); };
    task.before = before;
    task.failed_lines = std::move(failed);
    task.unknown_lines = std::move(unknown);
    task.on_progress = go_on;
    return verify_table(scan(), task).value();
  }
};

tl::expected<record, no_row> next_row(load_run& run) {
  return waited_row([&run] { return run.take({}); });
}

} // namespace

BOOST_AUTO_TEST_SUITE(load_suite)

BOOST_FIXTURE_TEST_CASE(columns_come_from_the_header_the_command_line_or_numbers, source_fixture) {
  write("id,age,name\n1,2,3\n");
  BOOST_TEST(open()->columns() == (std::vector<std::string>{"id", "age", "name"}), boost::test_tools::per_element());
  auto numbered = open({.header = false});
  BOOST_TEST(numbered->columns() == (std::vector<std::string>{"column1", "column2", "column3"}),
             boost::test_tools::per_element());
  BOOST_TEST(numbered->next()->fields.front() == "id");
  auto named = open({.header = true, .columns = {"a", "b", "c"}});
  BOOST_TEST(named->columns().front() == "a");
  BOOST_TEST(named->next()->fields.front() == "1");
}

BOOST_FIXTURE_TEST_CASE(malformed_rows_are_counted_and_told_with_their_line, source_fixture) {
  write("id,name\n1,a\n2\n3,c\n");
  load_run run{open(), {}, false};
  BOOST_TEST(next_row(run)->line == 2u);
  BOOST_TEST(next_row(run)->line == 4u);
  BOOST_TEST(!next_row(run).has_value());
  BOOST_TEST(run.counts().malformed == 1u);
  const auto messages = run.take_messages();
  BOOST_REQUIRE(messages.size() == 1u);
  BOOST_TEST(messages[0].starts_with("line 3: "));
}

BOOST_FIXTURE_TEST_CASE(strict_hands_out_nothing_after_the_first_malformed_row, source_fixture) {
  write("id,name\n1,a\n2\n3,c\n");
  load_run run{open(), {}, true};
  BOOST_TEST(next_row(run).has_value());
  BOOST_TEST(!next_row(run).has_value());
  BOOST_TEST(run.stopping());
}

BOOST_FIXTURE_TEST_CASE(an_acknowledged_key_is_in_the_ack_file_at_once_and_on_one_line, source_fixture) {
  write("id,name\n1,a\n\"two\nlines\",b\n");
  const auto acks = folder.path() / "acks";
  load_run run{open(), ack_file::open(acks).value(), false};
  run.acknowledge(*next_row(run), 1ms);
  BOOST_TEST(read(acks) == "1\n");
  run.acknowledge(*next_row(run), 1ms);
  BOOST_TEST(read(acks) == "1\ntwo\\nlines\n");
}

BOOST_FIXTURE_TEST_CASE(no_two_keys_have_one_line_in_the_ack_file, source_fixture) {
  const auto acks = folder.path() / "acks";
  auto opened = ack_file::open(acks).value();
  for (const std::optional<std::string_view> key : {"a\nb", "a\\nb", "a\rb", "\\N", ""}) {
    BOOST_TEST(opened.append(key));
  }
  BOOST_TEST(opened.append(std::nullopt));
  BOOST_TEST(read(acks) == "a\\nb\na\\\\nb\na\\rb\n\\\\N\n\n\\N\n");
}

BOOST_FIXTURE_TEST_CASE(a_row_that_is_no_text_is_malformed_and_says_what_to_do, source_fixture) {
  write(std::string{"id,name\n1,\xE9t\xE9\n2,a\0b\n3,\xC3\xA9\n", 25});
  const auto rows = open();
  const auto latin = *rows->next();
  BOOST_TEST(latin.problem.find("field 2 is not UTF-8") != std::string::npos, latin.problem);
  BOOST_TEST(latin.problem.find("iconv") != std::string::npos, latin.problem);
  const auto zero = *rows->next();
  BOOST_TEST(zero.problem.find("field 2 holds a zero byte") != std::string::npos, zero.problem);
  BOOST_TEST(rows->next()->problem == "");
}

BOOST_FIXTURE_TEST_CASE(a_file_is_read_up_to_the_size_that_it_had, source_fixture) {
  write("id,name\n1,a\n2,b\n");
  const auto grown = open({.bytes = 12});
  BOOST_TEST(grown->next()->fields.front() == "1");
  BOOST_TEST(!grown->next().has_value());
  BOOST_TEST(grown->problem() == "");
  const auto shrunk = open({.bytes = 100});
  while (shrunk->next()) {}
  BOOST_TEST(shrunk->problem().find("cut short") != std::string::npos, shrunk->problem());
}

BOOST_FIXTURE_TEST_CASE(a_line_that_a_killed_process_left_in_part_is_cut_off_the_ack_file, source_fixture) {
  const auto acks = folder.path() / "acks";
  const std::string part(10'000, '9');
  std::ofstream{acks} << "1\n2\n" << part;
  BOOST_TEST(ack_file::open(acks).value().append("3"));
  BOOST_TEST(read(acks) == "1\n2\n3\n");
  BOOST_TEST(ack_file::open(acks).value().append("4"));
  BOOST_TEST(read(acks) == "1\n2\n3\n4\n");
  {
    const auto other = ack_file::open(acks).value();
    std::ofstream{acks, std::ios::app} << part; // What the other one is just writing.
    const auto beside = ack_file::open(acks).value();
    BOOST_TEST(read(acks) == "1\n2\n3\n4\n" + part);
  }

  std::ofstream{acks} << part;
  const auto foreign = ack_file::open(acks);
  BOOST_REQUIRE(!foreign);
  BOOST_TEST(foreign.error().find("holds no lines") != std::string::npos, foreign.error());
  BOOST_TEST(read(acks) == part);
}

BOOST_FIXTURE_TEST_CASE(rows_that_failed_and_rows_of_unknown_outcome_are_kept_apart, source_fixture) {
  write("id,name\n1,a\n2,b\n");
  load_run run{open(), {}, false};
  run.fail(*next_row(run), {millrace::errc::constraint, ""});
  run.fail(*next_row(run), {millrace::errc::outcome_unknown, ""});
  BOOST_TEST(run.failed_lines() == std::vector<std::uint64_t>{2}, boost::test_tools::per_element());
  BOOST_TEST(run.unknown_lines() == std::vector<std::uint64_t>{3}, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_file_that_cannot_be_read_on_stops_the_load_with_a_sentence, source_fixture) {
  load_run run{row_source::open("/proc/self/mem", {.header = false, .columns = {"a"}}).value(), {}, false};
  BOOST_TEST(!next_row(run).has_value());
  BOOST_TEST(run.stopping());
  const auto messages = run.take_messages();
  BOOST_REQUIRE(messages.size() == 1u);
  BOOST_TEST(messages[0].find("cannot be read on") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(only_rows_that_wait_for_an_answer_make_silence, source_fixture) {
  write("id,name\n1,a\n2,b\n");
  load_run run{open(), {}, false};
  std::this_thread::sleep_for(5ms);
  BOOST_TEST((run.silence() == 0ns));
  const auto first = *next_row(run);
  const auto second = *next_row(run);
  std::this_thread::sleep_for(5ms);
  BOOST_TEST((run.silence() >= 5ms));
  run.acknowledge(first, 1ms);
  std::this_thread::sleep_for(5ms);
  BOOST_TEST((run.silence() >= 5ms));
  run.fail(second, {millrace::errc::constraint, ""});
  BOOST_TEST((run.silence() == 0ns));
}

/// Rows come through a pipe, so that a test says when.
struct pipe_fixture : table_fixture {
  millrace::test::named_pipe source{file};
  std::shared_ptr<load_run> run = begin();
  caf::actor loading = system.spawn(
    load_client, run, engine.front(),
    std::make_shared<const row_task>(row_task{.insert = "INSERT INTO t VALUES (?1, ?2)", .named = true}));

  std::shared_ptr<load_run> begin() {
    source.write("id,name\n");
    auto made = std::make_shared<load_run>(open(), ack_file{}, false);
    made->clients.add();
    return made;
  }

  void wait_for(std::uint64_t acknowledged) const {
    for (int i = 0; i < 60'000 && run->counts().acknowledged < acknowledged; ++i) {
      std::this_thread::sleep_for(1ms);
    }
    BOOST_TEST(run->counts().acknowledged == acknowledged);
  }
};

BOOST_FIXTURE_TEST_CASE(a_client_that_the_engine_has_forgotten_goes_on_under_another_name, pipe_fixture) {
  source.write("1,a\n");
  wait_for(1);
  for (int i = 0; i < 10; ++i) {
    insert("other", std::to_string(i));
  }
  std::this_thread::sleep_for(5ms); // Names tell when a client was born, in milliseconds.
  source.write("2,b\n");
  wait_for(2);
  source.close();
  BOOST_TEST(run->clients.wait_empty(60s));
  BOOST_TEST(run->counts().unknown == 0u);
  const auto rows = database.query("SELECT * FROM t WHERE id IN ('1', '2')");
  BOOST_REQUIRE(rows.has_value());
  BOOST_TEST(rows->size() == 2u);
}

BOOST_FIXTURE_TEST_CASE(the_row_of_a_client_that_is_ended_is_unknown_only_where_it_may_be_in_the_table,
                        source_fixture) {
  write("id,name\n1,a\n");
  millrace::system_config config;
  caf::actor_system system{config};
  const auto ended_before = [&](const caf::actor& engine) {
    auto run = std::make_shared<load_run>(open(), ack_file{}, false);
    run->clients.add();
    const auto loading = system.spawn(
      load_client, run, caf::actor_cast<millrace::engine_actor>(engine),
      std::make_shared<const row_task>(row_task{.insert = "INSERT INTO t VALUES (?1)"}));
    for (int i = 0; i < 60'000 && run->counts().rows == 0; ++i) {
      std::this_thread::sleep_for(1ms);
    }
    std::this_thread::sleep_for(20ms); // For the first answer.
    caf::anon_send_exit(loading, caf::exit_reason::kill);
    BOOST_TEST(run->clients.wait_empty(60s));
    caf::anon_send_exit(engine, caf::exit_reason::kill);
    return run->counts();
  };
  const auto silent = ended_before(system.spawn([](caf::event_based_actor* self) -> caf::behavior {
    self->set_default_handler(caf::skip);
    return {[](millrace::errc) {}};
  }));
  BOOST_TEST(silent.unknown == 1u);
  BOOST_TEST(silent.failed == 0u);
  const auto closed = ended_before(system.spawn([](caf::event_based_actor*) -> caf::behavior {
    return {[](const millrace::transaction&) { return millrace::to_error({millrace::errc::unavailable, ""}); }};
  }));
  BOOST_TEST(closed.unknown == 0u);
  BOOST_TEST(closed.failed == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_table_that_holds_the_source_in_another_order_is_equal, table_fixture) {
  write("id,name\n1,a\n2,b\n2,b\n");
  insert("2", "b");
  insert("1", "a");
  insert("2", "b");
  const auto report = verify();
  BOOST_TEST(report.equal());
  BOOST_TEST(report.compared == 3u);
}

BOOST_FIXTURE_TEST_CASE(a_missing_a_changed_and_a_doubled_row_are_found, table_fixture) {
  write("id,name\n1,a\n2,b\n3,c\n");
  insert("1", "a");
  insert("1", "a");
  insert("2", "B");
  const auto report = verify();
  BOOST_TEST(report.missing == 2u);
  BOOST_TEST(report.unexpected == 2u);
  BOOST_TEST(report.examples.size() == 4u);
}

BOOST_FIXTURE_TEST_CASE(what_the_table_held_before_is_not_the_loads_whatever_its_ids, table_fixture) {
  write("id,name\n1,a\n2,b\n");
  BOOST_REQUIRE(
    database.execute("INSERT INTO t(_rowid_, id, name) VALUES (4611686018427387904, '1', 'a')").has_value());
  const auto before = sum();
  insert("1", "a");
  auto report = verify({}, {}, before);
  BOOST_TEST(report.missing == 1u);
  BOOST_TEST(report.unexpected == 0u);
  insert("2", "b");
  BOOST_TEST(verify({}, {}, before).equal());
  BOOST_TEST(!verify().equal());
  BOOST_REQUIRE(database.execute("DELETE FROM t WHERE _rowid_ = 4611686018427387904").has_value());
  report = verify({}, {}, before);
  BOOST_TEST(report.missing == 1u);
  BOOST_TEST(report.unexpected == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_row_of_before_that_gave_way_to_another_is_a_difference, table_fixture) {
  // All rows of one bucket, so that numbers alone do not tell.
  std::vector<std::string> alike;
  for (int i = 0; alike.size() < 2; ++i) {
    const record row{.fields = {std::to_string(i), "a"}};
    if (table_sum::bucket_of(hash_of_row(row)) == 7) {
      alike.push_back(row.fields.front());
    }
  }
  write("id,name\n");
  insert(alike[0], "a");
  const auto before = sum();
  BOOST_TEST(verify({}, {}, before).equal());
  BOOST_REQUIRE(database.execute("UPDATE t SET id = ?1", alike[1]).has_value());
  BOOST_TEST(!verify({}, {}, before).equal());
}

BOOST_AUTO_TEST_CASE(what_a_table_held_is_stored_in_bytes) {
  table_sum sum;
  BOOST_TEST(sum.to_bytes() == "");
  sum.add(4'097);
  sum.add(0xFEDCBA9876543210);
  const auto again = table_sum::from_bytes(sum.to_bytes()).value();
  for (std::size_t i = 0; i < table_sum::bucket_count; ++i) {
    BOOST_REQUIRE((again[i] == sum[i]));
  }
  BOOST_TEST(!table_sum::from_bytes("short").has_value());
}

BOOST_FIXTURE_TEST_CASE(every_row_of_many_that_differ_is_counted_over_several_pages, table_fixture) {
  std::string text = "id,name\n";
  for (int i = 1; i <= 12'000; ++i) {
    text += std::to_string(i) + ",a\n";
  }
  write(text);
  const auto filled = database.execute(
    "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
    "WHERE i < 12000) SELECT i, CASE WHEN i > 2000 THEN 'b' ELSE 'a' END FROM n");
  BOOST_REQUIRE(filled.has_value());
  const auto report = verify();
  BOOST_TEST(report.compared == 12'000u);
  BOOST_TEST(report.missing == 10'000u);
  BOOST_TEST(report.unexpected == 10'000u);
}

BOOST_FIXTURE_TEST_CASE(fields_that_only_look_alike_when_joined_are_told_apart, table_fixture) {
  write("id,name\n12,3\n");
  insert("1", "23");
  BOOST_TEST(!verify().equal());
}

BOOST_FIXTURE_TEST_CASE(rows_of_unknown_outcome_are_looked_up_and_failed_ones_must_be_absent, table_fixture) {
  write("id,name\n1,a\n2,b\n3,c\n4,d\n");
  insert("1", "a");
  insert("2", "b");
  auto report = verify({5}, {3, 4});
  BOOST_TEST(report.equal());
  BOOST_TEST(report.compared == 1u);
  BOOST_TEST(report.unknown_found == 1u);
  BOOST_TEST(report.unknown_missing == 1u);
  insert("4", "d");
  report = verify({5}, {3, 4});
  BOOST_TEST(report.unexpected == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_row_of_unknown_outcome_is_told_from_one_like_it_that_was_there_before, table_fixture) {
  write("id,name\n1,a\n");
  insert("1", "a");
  const auto before = sum();
  auto report = verify({}, {2}, before);
  BOOST_TEST(report.equal());
  BOOST_TEST(report.unknown_found == 0u);
  BOOST_TEST(report.unknown_missing == 1u);
  insert("1", "a");
  report = verify({}, {2}, before);
  BOOST_TEST(report.equal());
  BOOST_TEST(report.unknown_found == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
