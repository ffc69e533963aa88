#include <millrace/storage/base/system_error.hpp>
#include <millrace/tests/support/printing.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <string>

#include <unistd.h>

using namespace millrace;
using namespace millrace::storage;

BOOST_AUTO_TEST_SUITE(system_error_suite)

BOOST_AUTO_TEST_CASE(what_a_person_can_mend_has_a_code_of_its_own) {
  BOOST_TEST(code_of_system_error(ENOSPC) == errc::disk_full);
  BOOST_TEST(code_of_system_error(EACCES) == errc::folder_not_writable);
  BOOST_TEST(code_of_system_error(EPERM) == errc::folder_not_writable);
  BOOST_TEST(code_of_system_error(EROFS) == errc::folder_not_writable);
  BOOST_TEST(code_of_system_error(EIO) == errc::io_error);
}

BOOST_AUTO_TEST_CASE(a_file_that_may_not_be_used_is_told_with_whose_it_is_or_the_folder_above_it) {
  const millrace::test::temporary_folder here;
  const auto owner = " belongs to " + user_name(::geteuid()) + ", and this process is run by " + user_name(::geteuid());
  BOOST_TEST(system_words(EACCES, here.path()) == "Permission denied; " + here.path().string() + owner);
  BOOST_TEST(system_words(EACCES, here.path() / "no" / "such") == "Permission denied; " + here.path().string() + owner);
  BOOST_TEST(system_words(EACCES, "nowhere") == "Permission denied");
  BOOST_TEST(system_words(EIO, here.path()) == "Input/output error");
}

BOOST_AUTO_TEST_CASE(a_user_without_a_name_is_a_number) {
  BOOST_TEST(user_name(0) == "root");
  BOOST_TEST(user_name(987'654) == "#987654");
}

BOOST_AUTO_TEST_SUITE_END()
