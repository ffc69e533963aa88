#include "reader_fixture.hpp"

#include <millrace/tests/support/actors/failing_reader.hpp>
#include <millrace/tests/support/first_cell.hpp>
#include <millrace/tests/support/log_listener.hpp>

using namespace millrace;
using namespace millrace::test;

namespace {

struct recovery_fixture : reader_fixture {
  const query count = select("SELECT count(*) FROM t");

  sample look() {
    const auto seen = ask<sample>(tested, atom::sample::value);
    scheduler.run();
    BOOST_REQUIRE(seen->value.has_value());
    return *seen->value;
  }

  void fail_with(errc code) { in_the_way = failure{code, "injected"}; }
};

/// What a missing file may show as.
bool is_fault_of_files(errc code) {
  return code == errc::database_gone || code == errc::io_error;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(reader_recovery, recovery_fixture)

BOOST_AUTO_TEST_CASE(a_reader_without_a_database_answers_with_the_reason_and_serves_once_it_can_be_opened) {
  for (const auto code : {errc::database_gone, errc::io_error, errc::disk_full, errc::corrupt}) {
    fail_with(code);
    start();
    BOOST_TEST(rows_of(count).code() == code);
    const auto looked_up = look_up<outcome>(recorded_outcome_request{1});
    const auto listed = look_up<quarantine_listing>(quarantine_list{});
    pass(std::chrono::seconds{3});
    BOOST_TEST(looked_up->code() == errc::outcome_unknown); // It is applied: nothing may say it had no effect.
    BOOST_TEST(listed->code() == code);
    BOOST_TEST(look().blocked.value_or(failure{}).code == code);
    BOOST_TEST((look().blocked_for >= std::chrono::seconds{3}));
    in_the_way.reset();
    pass(std::chrono::seconds{1});
    BOOST_TEST(rows_of(count).value.has_value());
    BOOST_TEST(!look().blocked.has_value());
    BOOST_TEST(board->pool().in_use == 0);
  }
}

BOOST_AUTO_TEST_CASE(a_reader_started_before_its_file_is_there_serves_when_it_appears) {
  const auto elsewhere = folder.path() / "elsewhere.sqlite3";
  writer.reset();
  std::filesystem::rename(file, elsewhere);
  start();
  BOOST_TEST(is_fault_of_files(rows_of(count).code()));
  BOOST_TEST(is_fault_of_files(first_page(count, 1).code()));
  pass(std::chrono::seconds{2});
  std::filesystem::rename(elsewhere, file);
  pass(std::chrono::seconds{2});
  BOOST_TEST(rows_of(count).value.has_value());
}

BOOST_AUTO_TEST_CASE(what_keeps_pages_from_being_read_is_said_once_until_one_can_be_read) {
  for (int i = 0; i < 2; ++i) {
    for (const bool first : {true, false}) {
      const log_listener heard;
      fail_with(errc::database_gone);
      BOOST_TEST(first_page(count, 1).code() == errc::database_gone);
      BOOST_TEST(heard.has("cannot read results page by page: The database file was moved") == first);
    }
    in_the_way.reset();
    BOOST_TEST(first_page(count, 1).value.has_value());
  }
  const log_listener heard;
  BOOST_TEST(first_page(select("SELEC"), 1).code() == errc::bad_sql);
  BOOST_TEST(!heard.has("page by page"));
  fail_with(errc::corrupt);
  BOOST_TEST(first_page(count, 1).code() == errc::corrupt);
  BOOST_TEST(look().blocked.value_or(failure{}).code == errc::corrupt);
}

BOOST_AUTO_TEST_CASE(a_reader_reads_from_the_file_that_the_writer_opened_last) {
  settings.openings = board->openings();
  start();
  const auto copy = folder.path() / "copy.sqlite3";
  plain_connection{file}.execute("VACUUM INTO '" + copy.string() + "'");
  plain_connection{copy}.execute("DELETE FROM t");
  writer.reset();
  std::filesystem::rename(copy, file);
  std::filesystem::remove(file.string() + "-wal");
  std::filesystem::remove(file.string() + "-shm");
  BOOST_TEST(first_cell(*rows_of(count).value).as_integer() == 3);
  ++*board->openings();
  opened = 0;
  BOOST_TEST(first_cell(*rows_of(count).value).as_integer() == 0);
  BOOST_TEST(first_cell(*rows_of(count).value).as_integer() == 0);
  BOOST_TEST(opened == 1);
}

BOOST_AUTO_TEST_CASE(a_connection_that_fails_is_replaced_at_once) {
  for (const auto code : {errc::io_error, errc::corrupt, errc::database_gone}) {
    auto broken = true;
    settings.open_database = [&]() -> storage::result<std::unique_ptr<storage::database_reader>> {
      if (std::exchange(broken, false)) {
        return std::make_unique<failing_reader>(code);
      }
      return open_file();
    };
    start();
    const auto first = send(count);
    const auto second = send(count);
    scheduler.run();
    BOOST_TEST(first->code() == code);
    BOOST_TEST(second->value.has_value());
  }
}

BOOST_AUTO_TEST_CASE(attempts_to_open_a_database_that_is_gone_grow_apart) {
  fail_with(errc::database_gone);
  int attempts = 0;
  settings.open_database = [&] {
    ++attempts;
    return open_file();
  };
  start();
  pass(std::chrono::seconds{10});
  BOOST_TEST(attempts > 10);
  BOOST_TEST(attempts < 40);
}

BOOST_AUTO_TEST_CASE(an_old_connection_is_replaced_after_the_queries_that_waited) {
  settings.age_max = std::chrono::seconds{1};
  start();
  const auto before = opened;
  pass(std::chrono::milliseconds{700});
  rows_of(count);
  BOOST_TEST(opened == before);
  pass(std::chrono::milliseconds{400});
  rows_of(count);
  rows_of(count);
  BOOST_TEST(opened == before + 1);
  BOOST_TEST(board->pool().recycled == 1);
}

BOOST_AUTO_TEST_CASE(an_old_connection_is_kept_until_another_one_can_be_opened) {
  settings.age_max = std::chrono::seconds{1};
  start();
  pass(std::chrono::milliseconds{1'100});
  fail_with(errc::disk_full);
  for (const bool first : {true, false}) {
    pass(std::chrono::milliseconds{first ? 0 : 200}); // It tries again, and says nothing.
    const log_listener heard;
    rows_of(count);
    BOOST_TEST(rows_of(count).value.has_value());
    BOOST_TEST(board->pool().recycled == 0);
    BOOST_TEST(heard.has("keeps its old connection") == first);
  }
  in_the_way.reset();
  rows_of(count); // It does not try again at once.
  BOOST_TEST(board->pool().recycled == 0);
  pass(std::chrono::milliseconds{200});
  rows_of(count);
  BOOST_TEST(board->pool().recycled == 1);
}

BOOST_AUTO_TEST_SUITE_END()
