#include "waited_row.hpp"

#include <millrace/tests/support/named_pipe.hpp>
#include <millrace/tests/support/temporary_folder.hpp>
#include <millrace/tools/millrace/load/row_feed.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <string>
#include <thread>

using namespace millrace::tools;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

struct feed_fixture {
  temporary_folder folder;
  std::filesystem::path file = folder.path() / "rows.csv";

  std::unique_ptr<row_source> open() const { return row_source::open(file, {}).value(); }

  static tl::expected<record, no_row> wait_for_row(row_feed& feed) {
    return waited_row([&feed] { return feed.next({}); });
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(row_feed_suite, feed_fixture)

BOOST_AUTO_TEST_CASE(all_rows_of_a_long_file_come_once_and_in_order) {
  constexpr std::uint64_t rows = 50'000;
  {
    std::ofstream lines{file};
    lines << "number\n";
    for (std::uint64_t i = 1; i <= rows; ++i) {
      lines << i << '\n';
    }
  }
  row_feed feed{open()};
  std::uint64_t came = 0;
  while (const auto row = wait_for_row(feed)) {
    ++came;
    BOOST_REQUIRE(row->fields.front() == std::to_string(came));
  }
  BOOST_TEST(came == rows);
  BOOST_TEST(feed.share() == 1.0);
  BOOST_TEST(feed.problem() == "");
}

BOOST_AUTO_TEST_CASE(rows_of_a_pipe_come_as_soon_as_they_are_written) {
  named_pipe source{file};
  source.write("number\n1\n");
  row_feed feed{open()};
  BOOST_TEST(wait_for_row(feed)->fields.front() == "1");
  BOOST_TEST((feed.next({}).error() == no_row::yet));
  source.write("2\n3");
  BOOST_TEST(wait_for_row(feed)->fields.front() == "2");
  BOOST_TEST((feed.next({}).error() == no_row::yet));
  source.close();
  BOOST_TEST(wait_for_row(feed)->fields.front() == "3");
  BOOST_TEST(!wait_for_row(feed).has_value());
}

BOOST_AUTO_TEST_CASE(a_byte_order_mark_may_come_in_pieces) {
  named_pipe source{file};
  std::thread writer{[&source] {
    for (const auto* piece : {"\xEF", "\xBB",
                              "\xBF"
                              "number\n"}) {
      source.write(piece);
      std::this_thread::sleep_for(20ms);
    }
  }};
  const auto rows = open();
  writer.join();
  BOOST_TEST(rows->columns().front() == "number");
}

BOOST_AUTO_TEST_CASE(a_feed_that_is_stopped_waits_for_no_pipe) {
  named_pipe source{file};
  source.write("number\n1\n2\n");
  row_feed feed{open()};
  BOOST_TEST(wait_for_row(feed).has_value());
  feed.stop();
  BOOST_TEST((feed.next({}).error() == no_row::any_more));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_not_taken_for_an_end) {
  // Whatever stands at address 0 of this process, it cannot be read.
  const auto unreadable = row_source::open("/proc/self/mem", {});
  BOOST_REQUIRE(!unreadable);
  BOOST_TEST(unreadable.error().find("cannot be read") != std::string::npos, unreadable.error());
  row_feed feed{row_source::open("/proc/self/mem", {.header = false, .columns = {"a"}}).value()};
  BOOST_TEST(!wait_for_row(feed).has_value());
  BOOST_TEST(feed.problem() != "");
}

BOOST_AUTO_TEST_SUITE_END()
