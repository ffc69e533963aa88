#include <millrace/messages/wire/version.hpp>

#include <boost/test/unit_test.hpp>

namespace {

using namespace millrace;

std::string sentence_of(wire::versions server, wire::versions program) {
  const auto why = wire::mismatch(server, program);
  BOOST_TEST((why.code == errc::version_mismatch));
  return why.detail;
}

} // namespace

BOOST_AUTO_TEST_SUITE(version_suite)

BOOST_AUTO_TEST_CASE(the_newest_version_that_both_speak_is_spoken) {
  BOOST_TEST((wire::common({1, 1}, {1, 1}) == 1U));
  BOOST_TEST((wire::common({1, 3}, {1, 2}) == 2U));
  BOOST_TEST((wire::common({1, 2}, {2, 5}) == 2U));
  BOOST_TEST(!wire::common({2, 3}, {1, 1}));
  BOOST_TEST(!wire::common({1, 1}, {2, 2}));
}

BOOST_AUTO_TEST_CASE(a_mismatch_names_both_versions_and_says_which_end_is_older) {
  BOOST_TEST(sentence_of({2, 2}, {1, 1}) == "the server speaks wire version 2, this program 1; use a newer program");
  BOOST_TEST(sentence_of({1, 1}, {2, 3})
             == "the server speaks wire version 1, this program 2 to 3; use an older program or a newer server");
}

BOOST_AUTO_TEST_SUITE_END()
