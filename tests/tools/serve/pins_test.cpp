#include <millrace/tools/millrace/serve/pins.hpp>

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace {

using namespace millrace;
using namespace millrace::tools;
using wire::role;

std::string fingerprint(char digit) {
  return std::string(64, digit);
}

std::string problem(const std::vector<std::string>& texts) {
  const auto parsed = pins::parse(texts);
  return parsed ? std::string{} : parsed.error();
}

} // namespace

BOOST_AUTO_TEST_SUITE(pins_suite)

BOOST_AUTO_TEST_CASE(a_certificate_fits_the_port_of_its_role_and_lesser_ones) {
  const auto some = pins::parse({"read=" + fingerprint('1'), fingerprint('2'), "operator=" + fingerprint('3')});
  BOOST_REQUIRE_MESSAGE(some, (some ? "" : some.error()));
  BOOST_TEST(some->for_port(role::read).size() == 3U);
  BOOST_TEST((some->for_port(role::read_write) == std::vector{fingerprint('2'), fingerprint('3')}));
  BOOST_TEST((some->for_port(role::operations) == std::vector{fingerprint('3')}));
}

BOOST_AUTO_TEST_CASE(a_certificate_that_no_port_is_for_is_found) {
  const auto some = pins::parse({"read=" + fingerprint('1'), fingerprint('2')});
  BOOST_REQUIRE(some);
  BOOST_TEST(some->below(role::read) == "");
  BOOST_TEST(some->below(role::read_write) == fingerprint('1'));
}

BOOST_AUTO_TEST_CASE(a_fingerprint_is_the_same_in_capitals_and_with_colons) {
  std::string printed = "AA";
  for (int i = 0; i < 31; ++i) {
    printed += ":AA";
  }
  const auto some = pins::parse({printed, "read-write=" + fingerprint('a')});
  BOOST_REQUIRE_MESSAGE(some, (some ? "" : some.error()));
  BOOST_TEST((some->for_port(role::read_write) == std::vector{fingerprint('a')}));
}

BOOST_AUTO_TEST_CASE(what_is_no_pin_is_a_sentence) {
  BOOST_TEST(problem({"root=" + fingerprint('a')}).find("\"root\" is no role") != std::string::npos);
  BOOST_TEST(problem({"operator=12:34"}).find("no SHA-256 fingerprint") != std::string::npos);
  BOOST_TEST(problem({fingerprint('g')}).find("no SHA-256 fingerprint") != std::string::npos);
  BOOST_TEST(problem({"read=" + fingerprint('a'), "operator=" + fingerprint('a')}).find("one role")
             != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
