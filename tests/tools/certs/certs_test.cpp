#include <millrace/tests/tools/common/shell_fixture.hpp>

#include <boost/test/unit_test.hpp>

BOOST_FIXTURE_TEST_SUITE(certs_suite, millrace::test::shell_fixture)

BOOST_AUTO_TEST_CASE(where_one_file_cannot_be_written_none_stays_nor_a_folder_for_them) {
  // A certificate takes more than 512 bytes.
  const auto ended = shell("trap '' XFSZ; ulimit -f 1; $M certs trial; code=$?; ls; exit $code");
  BOOST_TEST(ended.code == 1);
  BOOST_TEST(ended.err == "trial/ca.pem cannot be written: File too large\n");
  BOOST_TEST(ended.out == "");
}

BOOST_AUTO_TEST_CASE(a_file_that_is_there_is_kept_and_nothing_is_put_beside_it) {
  const auto ended = shell(
    "mkdir trial; echo mine > trial/client.pem; $M certs trial; code=$?; cat trial/*; exit $code");
  BOOST_TEST(ended.code == 1);
  BOOST_TEST(ended.err == "trial/client.pem cannot be made: File exists\n");
  BOOST_TEST(ended.out.ends_with("mine\n"));
  BOOST_TEST(ended.out.find("BEGIN") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
