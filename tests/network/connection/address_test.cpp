#include <millrace/actors/network/connection/address.hpp>

#include <boost/test/unit_test.hpp>

using namespace millrace::network;

BOOST_AUTO_TEST_SUITE(address_suite)

BOOST_AUTO_TEST_CASE(an_address_and_port_read_as_they_are_written) {
  for (const auto* text : {"127.0.0.1:7400", "[::1]:0", "db.example.org:65535", "0.0.0.0:1"}) {
    const auto given = parse_endpoint(text);
    BOOST_REQUIRE_MESSAGE(given, text);
    BOOST_TEST(to_string(*given) == text);
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_address_and_port_is_refused) {
  for (const auto* text :
       {"", ":", ":7400", "host", "host:", "host:x", "host:1x", "host:65536", "host:-1", "::1:7400", "[::1]", "[]:1"}) {
    const auto given = parse_endpoint(text);
    BOOST_CHECK_MESSAGE(!given, text);
    BOOST_TEST(given.error().find("no address and port") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(loopback_is_told_from_what_others_can_reach) {
  for (const auto* inside : {"127.0.0.1", "127.1.2.3", "::1"}) {
    BOOST_TEST(is_loopback(inside));
    BOOST_TEST(is_numeric(inside));
  }
  for (const auto* outside : {"0.0.0.0", "::", "192.168.0.1", "::ffff:127.0.0.1", "128.0.0.1"}) {
    BOOST_TEST(!is_loopback(outside));
    BOOST_TEST(is_numeric(outside));
  }
  BOOST_TEST(!is_loopback("localhost"));
  BOOST_TEST(!is_numeric("localhost"));
}

BOOST_AUTO_TEST_SUITE_END()
