#include <millrace/tools/millrace/common/log_sink.hpp>

#include <string>

#include <fcntl.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

using namespace millrace::tools;

BOOST_AUTO_TEST_SUITE(log_sink_suite)

BOOST_AUTO_TEST_CASE(what_a_reader_that_does_not_read_leaves_no_room_for_is_not_waited_for) {
  int ends[2];
  BOOST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const std::string line(100, 'x');
  std::size_t taken = 0;
  while (write_at_once(ends[1], line)) {
    taken += line.size();
  }
  BOOST_TEST(taken > 0u);
  std::string read(taken, ' ');
  BOOST_TEST(::read(ends[0], read.data(), read.size()) > 0);
  BOOST_TEST(write_at_once(ends[1], line));
  ::close(ends[0]);
  ::close(ends[1]);
  BOOST_TEST(!write_at_once(ends[1], line));
}

BOOST_AUTO_TEST_CASE(a_text_longer_than_a_piece_is_written_whole_where_there_is_room) {
  int ends[2];
  BOOST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const std::string text(20'000, 'y');
  BOOST_TEST(write_at_once(ends[1], text));
  std::string read(text.size(), ' ');
  BOOST_TEST(::read(ends[0], read.data(), read.size()) == static_cast<ssize_t>(text.size()));
  BOOST_TEST((read == text));
  ::close(ends[0]);
  ::close(ends[1]);
}

BOOST_AUTO_TEST_SUITE_END()
