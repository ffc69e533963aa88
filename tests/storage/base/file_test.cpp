#include <millrace/storage/base/file.hpp>
#include <millrace/tests/support/storage/log_fixture.hpp>

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <string>

#include <sys/stat.h>

using namespace millrace;
using namespace millrace::storage;
using millrace::test::require_ok;

namespace {

mode_t permissions(const std::filesystem::path& path) {
  struct stat status {};
  BOOST_REQUIRE_EQUAL(::stat(path.c_str(), &status), 0);
  return status.st_mode & 0777u;
}

struct file_fixture {
  test::temporary_folder folder;
  file_system& files = posix_file_system();
  std::filesystem::path path = folder.path() / "a";
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(posix_files, file_fixture)

BOOST_AUTO_TEST_CASE(what_is_written_is_read_back_and_the_end_shortens_a_read) {
  auto opened = files.open(path, file_mode::create_new);
  require_ok(opened);
  require_ok((*opened)->write_at(3, "kettle"));
  require_ok((*opened)->sync());
  std::string into(16, '?');
  const auto given = (*opened)->read_at(1, into);
  require_ok(given);
  BOOST_CHECK_EQUAL(*given, 8u);
  BOOST_CHECK(into.substr(0, 8) == std::string("\0\0kettle", 8));
  BOOST_CHECK_EQUAL((*opened)->read_at(100, into).value(), 0u);
}

BOOST_AUTO_TEST_CASE(files_and_folders_are_private) {
  require_ok(files.open(path, file_mode::create_new));
  require_ok(files.make_folder(folder.path() / "b"));
  BOOST_CHECK_EQUAL(permissions(path), 0600u);
  BOOST_CHECK_EQUAL(permissions(folder.path() / "b"), 0700u);
}

BOOST_AUTO_TEST_CASE(preallocating_extends_and_truncating_shortens) {
  auto opened = files.open(path, file_mode::create_new);
  require_ok(opened);
  require_ok((*opened)->preallocate(8192));
  BOOST_CHECK_EQUAL((*opened)->size().value(), 8192u);
  require_ok((*opened)->truncate(100));
  BOOST_CHECK_EQUAL((*opened)->size().value(), 100u);
}

BOOST_AUTO_TEST_CASE(a_missing_file_is_told_apart_and_named) {
  const auto opened = files.open(path, file_mode::read);
  BOOST_REQUIRE(!opened);
  BOOST_CHECK(opened.error().code == errc::file_not_found);
  BOOST_CHECK(opened.error().detail.find(path.string()) != std::string::npos);
  BOOST_CHECK(files.remove(path).error().code == errc::file_not_found);
  BOOST_CHECK(files.rename(path, folder.path() / "b").error().code == errc::file_not_found);
  BOOST_CHECK(files.list(path).error().code == errc::file_not_found);
  BOOST_CHECK(files.sync_folder(path).error().code == errc::file_not_found);
}

BOOST_AUTO_TEST_CASE(a_file_that_exists_is_not_made_again) {
  require_ok(files.open(path, file_mode::create_new));
  BOOST_CHECK(files.open(path, file_mode::create_new).error().code == errc::io_error);
  BOOST_CHECK(files.make_folder(path).error().code == errc::io_error);
}

BOOST_AUTO_TEST_CASE(a_folder_that_exists_is_fine) {
  require_ok(files.make_folder(folder.path()));
}

BOOST_AUTO_TEST_CASE(names_are_listed_in_order) {
  for (const auto* name : {"c", "a", "b"}) {
    require_ok(files.open(folder.path() / name, file_mode::create_new));
  }
  require_ok(files.rename(path, folder.path() / "d"));
  require_ok(files.remove(folder.path() / "c"));
  require_ok(files.sync_folder(folder.path()));
  BOOST_CHECK((files.list(folder.path()).value() == std::vector<std::string>{"b", "d"}));
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_told_apart) {
  auto full = files.open("/dev/full", file_mode::read_write);
  require_ok(full);
  BOOST_CHECK((*full)->write_at(0, "x").error().code == errc::disk_full);
}

BOOST_AUTO_TEST_CASE(writing_to_a_file_opened_for_reading_is_an_io_error) {
  require_ok(files.open(path, file_mode::create_new));
  auto opened = files.open(path, file_mode::read);
  require_ok(opened);
  BOOST_CHECK((*opened)->write_at(0, "x").error().code == errc::io_error);
}

BOOST_AUTO_TEST_SUITE_END()
