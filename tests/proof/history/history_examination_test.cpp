#include "history_examination.hpp"

#include <millrace/tests/support/storage/plain_connection.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

namespace {

using namespace millrace::test;
using namespace millrace::test::histories;

/// What a process left that closed its engine.
class lived_folder {
public:
  lived_folder() {
    const auto found = live(folder_, {.seed = 1, .end = life_end::closed, .milliseconds = 150});
    BOOST_TEST(found == std::vector<std::string>{}, boost::test_tools::per_element());
  }

  const workload_folder& folder() const { return folder_; }

  void change(const char* sql) const { plain_connection{folder_.database(), {.checkpoints = true}}.execute(sql); }

  bool finds(std::string_view words) const {
    return std::ranges::any_of(examine(folder_).findings,
                               [&](const std::string& one) { return one.find(words) != std::string::npos; });
  }

private:
  temporary_folder place_;
  workload_folder folder_{place_.path()};
};

} // namespace

BOOST_AUTO_TEST_SUITE(history_suite)

BOOST_AUTO_TEST_CASE(an_examination_finds_nothing_in_what_an_engine_left_and_what_was_done_to_it_afterwards) {
  const lived_folder left;
  const auto seen = examine(left.folder());
  BOOST_TEST(seen.findings == std::vector<std::string>{}, boost::test_tools::per_element());
  BOOST_TEST(seen.state.rows.size() > 10u);
  BOOST_TEST(check(read_history(left.folder().history()), seen.state).empty());

  left.change("UPDATE entry SET filler = 'other' WHERE id = 3");
  BOOST_TEST(left.finds("replay of its log differ"));
  left.change("UPDATE account SET balance = balance + 1 WHERE id = 3");
  BOOST_TEST(check(read_history(left.folder().history()), examine(left.folder()).state).size() == 2u);
  left.change("UPDATE entry SET source = 999 WHERE id = 4");
  BOOST_TEST(left.finds("foreign_key_check"));
  std::ofstream{left.folder().queue() / "something.new"} << "half made";
  std::ofstream{left.folder().data() / "something"} << "left";
  BOOST_TEST(left.finds("something is left"));
}

BOOST_AUTO_TEST_CASE(an_examination_finds_a_descriptor_and_a_thread_that_are_left) {
  const lived_folder left;
  std::atomic<bool> over = false;
  int descriptor = -1;
  std::thread started;
  std::thread meanwhile{[&] {
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
    descriptor = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    started = std::thread{[&over] { over.wait(false); }};
  }};
  BOOST_TEST(left.finds("descriptors went from"));
  meanwhile.join();
  over = true;
  over.notify_all();
  started.join();
  ::close(descriptor);
}

BOOST_AUTO_TEST_SUITE_END()
