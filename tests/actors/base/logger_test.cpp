#include <millrace/actors/base/logger.hpp>
#include <millrace/tests/support/log_listener.hpp>

#include <memory>

#include <boost/test/unit_test.hpp>

using namespace millrace::test;

BOOST_AUTO_TEST_SUITE(logger_suite)

BOOST_AUTO_TEST_CASE(what_is_logged_goes_to_a_logger_named_millrace_and_else_to_the_default_one) {
  const log_listener by_default;
  auto given = std::make_shared<spdlog::logger>("millrace");
  const log_listener named{given};
  millrace::logger()->warn("the first line");
  spdlog::register_logger(given);
  millrace::logger()->warn("the second line");
  spdlog::drop("millrace");
  millrace::logger()->warn("the third line");
  BOOST_TEST((by_default.has("first") && by_default.has("third") && !by_default.has("second")));
  BOOST_TEST((named.has("second") && !named.has("first") && !named.has("third")));
}

BOOST_AUTO_TEST_SUITE_END()
