#include <millrace/tools/millrace/bench/group_commit.hpp>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <cstddef>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace millrace::tools;

namespace {

constexpr std::size_t clients = 8;
constexpr std::size_t operations = 200;

/// Lets all clients submit until they are done or refused, and counts what was committed for them.
std::vector<std::jthread> start_clients(group_commit& group, std::atomic<std::size_t>& succeeded) {
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < clients; ++i) {
    threads.emplace_back([&group, &succeeded] {
      for (std::size_t n = 0; n < operations && group.submit(); ++n) {
        ++succeeded;
      }
      group.leave();
    });
  }
  return threads;
}

} // namespace

BOOST_AUTO_TEST_SUITE(group_commit_suite)

BOOST_AUTO_TEST_CASE(every_operation_is_committed_once_and_together_with_those_that_wait) {
  group_commit group{clients};
  std::atomic<std::size_t> succeeded = 0;
  auto threads = start_clients(group, succeeded);
  std::size_t committed = 0;
  group.serve([&](std::size_t count) {
    BOOST_TEST(count <= clients);
    committed += count;
  });
  threads.clear();
  BOOST_TEST(committed == clients * operations);
  BOOST_TEST(succeeded == clients * operations);
}

BOOST_AUTO_TEST_CASE(a_commit_that_fails_lets_all_clients_go) {
  group_commit group{clients};
  std::atomic<std::size_t> succeeded = 0;
  auto threads = start_clients(group, succeeded);
  std::size_t committed = 0;
  const auto commit = [&](std::size_t count) {
    if (committed > 100) {
      throw std::runtime_error{"injected"};
    }
    committed += count;
  };
  BOOST_CHECK_THROW(group.serve(commit), std::runtime_error);
  threads.clear();
  BOOST_TEST(succeeded == committed);
}

BOOST_AUTO_TEST_SUITE_END()
