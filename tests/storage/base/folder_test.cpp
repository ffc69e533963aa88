#include <millrace/storage/base/folder.hpp>
#include <millrace/tests/support/storage/sqlite_fixture.hpp>

#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::storage;
using millrace::test::temporary_folder;

namespace {

unsigned mode_of(const std::filesystem::path& path) {
  struct stat state {};
  BOOST_REQUIRE(::stat(path.c_str(), &state) == 0);
  return state.st_mode & 0777;
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream input{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{input}, {}};
}

errc refusal(const std::filesystem::path& path, folder_mode mode) {
  const auto opened = folder::open(path, mode);
  return opened ? errc::none : opened.error().code;
}

} // namespace

BOOST_AUTO_TEST_SUITE(folder_suite)

BOOST_AUTO_TEST_CASE(a_missing_folder_is_refused_unless_it_may_be_made) {
  temporary_folder here;
  const auto data = here.path() / "data";
  BOOST_TEST(refusal(data, folder_mode::existing) == errc::folder_missing);
  BOOST_TEST(!std::filesystem::exists(data));
  const auto before = ::umask(0077 | 0300);
  auto made = folder::open(data, folder_mode::create);
  ::umask(before);
  BOOST_REQUIRE(made);
  BOOST_TEST(mode_of(data) == 0700u);
  BOOST_TEST(mode_of(made->queue_folder()) == 0700u);
  BOOST_TEST(mode_of(data / "LOCK") == 0600u);
  BOOST_TEST(made->database_file() == data / "database.sqlite3");
}

BOOST_AUTO_TEST_CASE(the_folder_above_is_never_made) {
  temporary_folder here;
  BOOST_TEST(refusal(here.path() / "no" / "data", folder_mode::create) == errc::folder_missing);
  BOOST_TEST(!std::filesystem::exists(here.path() / "no"));
}

BOOST_AUTO_TEST_CASE(a_path_that_is_too_long_for_sqlite_is_refused_before_anything_is_made) {
  temporary_folder here;
  auto deep = std::filesystem::canonical(here.path());
  while (deep.native().size() < 370) {
    deep /= std::string(100, 'd');
  }
  BOOST_REQUIRE(std::filesystem::create_directories(deep));
  const auto just = deep / std::string(487 - deep.native().size() - 1, 'x');
  const auto longer = just.native() + "x";
  BOOST_TEST(refusal(longer, folder_mode::create) == errc::bad_option);
  // A link is followed before the bytes are counted.
  std::filesystem::create_symlink(deep, here.path() / "near");
  BOOST_TEST(refusal(here.path() / "near" / std::string(487 - deep.native().size(), 'x'), folder_mode::create)
             == errc::bad_option);
  BOOST_TEST(refusal(here.path() / std::string(300, 'x'), folder_mode::create) == errc::bad_option);
  BOOST_TEST(std::filesystem::is_empty(deep));
  const auto made = folder::open(just, folder_mode::create);
  BOOST_REQUIRE(made);
  BOOST_TEST(sqlite::make_database(made->database_file())->prepare(true).has_value());
}

BOOST_AUTO_TEST_CASE(an_empty_folder_is_taken_only_for_creation) {
  temporary_folder here;
  BOOST_TEST(refusal(here.path(), folder_mode::existing) == errc::folder_missing);
  BOOST_TEST(std::filesystem::is_empty(here.path()));
  BOOST_TEST(refusal(here.path(), folder_mode::create) == errc::none);
  BOOST_TEST(refusal(here.path(), folder_mode::existing) == errc::none);
}

BOOST_AUTO_TEST_CASE(a_folder_of_something_else_is_refused_and_left_alone) {
  temporary_folder here;
  std::ofstream{here.path() / "LOCK"} << "";
  std::ofstream{here.path() / "CURRENT"} << "MANIFEST-000001";
  BOOST_TEST(refusal(here.path(), folder_mode::create) == errc::folder_foreign);
  BOOST_TEST(refusal(here.path(), folder_mode::existing) == errc::folder_foreign);
  BOOST_TEST(std::filesystem::file_size(here.path() / "LOCK") == 0u);
  BOOST_TEST(!std::filesystem::exists(here.path() / "queue"));
}

BOOST_AUTO_TEST_CASE(the_lock_file_of_another_program_is_left_as_it_is_though_there_is_a_database) {
  temporary_folder here;
  const auto data = here.path() / "data";
  const auto theirs = here.path() / "theirs";
  std::filesystem::create_directory(data);
  std::ofstream{data / "database.sqlite3"};
  std::ofstream{theirs} << "of somebody else";
  std::filesystem::permissions(theirs, std::filesystem::perms{0644});
  const auto check_refused = [&] {
    BOOST_TEST(refusal(data, folder_mode::create) == errc::folder_foreign);
    BOOST_TEST(text_of(data / "LOCK") == "of somebody else");
    BOOST_TEST(mode_of(data / "LOCK") == 0644u);
    BOOST_TEST(!std::filesystem::exists(data / "queue"));
  };
  std::filesystem::create_symlink(theirs, data / "LOCK");
  check_refused();
  std::filesystem::remove(data / "LOCK");
  std::filesystem::rename(theirs, data / "LOCK");
  check_refused();
  std::filesystem::remove(data / "database.sqlite3");
  check_refused();
}

BOOST_AUTO_TEST_CASE(a_folder_that_is_given_up_says_of_itself_what_it_said_before) {
  temporary_folder here;
  BOOST_REQUIRE(folder::open(here.path(), folder_mode::create));
  std::ofstream{here.path() / "database.sqlite3"};
  for (const auto* const before : {"millrace 1 other\n", ""}) {
    std::ofstream{here.path() / "LOCK"} << before;
    folder::open(here.path(), folder_mode::existing)->give_up();
    BOOST_TEST(text_of(here.path() / "LOCK") == before);
  }
}

BOOST_AUTO_TEST_CASE(a_link_that_leads_nowhere_is_said_to_be_one) {
  temporary_folder here;
  std::filesystem::create_directory_symlink(here.path() / "gone", here.path() / "data");
  for (const auto mode : {folder_mode::create, folder_mode::existing}) {
    const auto refused = folder::open(here.path() / "data", mode);
    BOOST_REQUIRE(!refused);
    BOOST_TEST(refused.error().code == errc::folder_missing);
    BOOST_TEST(refused.error().detail.find("data is a link to " + (here.path() / "gone").string())
               != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(what_was_made_in_vain_is_removed_and_nothing_else) {
  temporary_folder here;
  const auto give_up = [](const std::filesystem::path& path, const char* meanwhile) {
    auto made = folder::open(path, folder_mode::create);
    BOOST_REQUIRE(made);
    std::ofstream{path / meanwhile};
    made->give_up();
    const auto moved = std::move(*made);
    BOOST_TEST(std::filesystem::exists(path / "LOCK"));
  };
  give_up(here.path() / "new", "database.sqlite3");
  BOOST_TEST(!std::filesystem::exists(here.path() / "new"));
  give_up(here.path(), "database.sqlite3-wal");
  BOOST_TEST(std::filesystem::is_empty(here.path()));
  give_up(here.path() / "shared", "letter.txt");
  BOOST_TEST(std::distance(std::filesystem::directory_iterator{here.path() / "shared"}, {}) == 1);
  // SQLite's log is part of a database that is there.
  std::ofstream{here.path() / "database.sqlite3"};
  give_up(here.path(), "database.sqlite3-wal");
  BOOST_TEST(std::filesystem::exists(here.path() / "database.sqlite3-wal"));
  BOOST_TEST(!std::filesystem::exists(here.path() / "LOCK"));
  BOOST_TEST(!std::filesystem::exists(here.path() / "queue"));
}

BOOST_AUTO_TEST_CASE(a_file_is_no_folder) {
  temporary_folder here;
  std::ofstream{here.path() / "data"} << "text";
  BOOST_TEST(refusal(here.path() / "data", folder_mode::create) == errc::folder_foreign);
  BOOST_TEST(refusal(here.path() / "data" / "below", folder_mode::create) == errc::folder_foreign);
}

BOOST_AUTO_TEST_CASE(a_folder_in_use_names_the_process_and_is_free_afterwards) {
  temporary_folder here;
  {
    auto first = folder::open(here.path(), folder_mode::create);
    BOOST_REQUIRE(first);
    auto moved = std::move(*first);
    const auto second = folder::open(here.path(), folder_mode::existing);
    BOOST_REQUIRE(!second);
    BOOST_TEST(second.error().code == errc::folder_locked);
    BOOST_TEST(second.error().detail.find("in use by process " + std::to_string(::getpid())) != std::string::npos);
  }
  BOOST_TEST(refusal(here.path(), folder_mode::existing) == errc::none);
}

BOOST_AUTO_TEST_CASE(removing_the_lock_file_lets_nobody_in) {
  temporary_folder here;
  std::optional first = folder::open(here.path(), folder_mode::create);
  BOOST_REQUIRE(*first);
  std::ofstream{here.path() / "database.sqlite3"};
  std::filesystem::remove(here.path() / "LOCK");
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto second = folder::open(here.path(), folder_mode::create);
    BOOST_REQUIRE(!second);
    BOOST_TEST(second.error().code == errc::folder_locked);
  }
  first.reset();
  BOOST_TEST(refusal(here.path(), folder_mode::existing) == errc::none);
}

BOOST_AUTO_TEST_CASE(a_folder_that_this_process_has_open_itself_is_said_to_be) {
  temporary_folder here;
  const auto first = folder::open(here.path(), folder_mode::create);
  BOOST_REQUIRE(first);
  const auto second = folder::open(here.path(), folder_mode::create);
  BOOST_REQUIRE(!second);
  BOOST_TEST(second.error().detail.find("which is this one; close the engine") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_copy_of_a_folder_in_use_is_known_as_one_until_it_is_accepted) {
  temporary_folder here;
  const auto copied = [&](const char* name) {
    const auto copy = here.path() / name;
    std::filesystem::copy(here.path() / "data", copy, std::filesystem::copy_options::recursive);
    return copy;
  };
  auto original = folder::open(here.path() / "data", folder_mode::create);
  BOOST_REQUIRE(original);
  BOOST_TEST(!original->copied_in_use());
  const auto in_use = copied("in use");
  original->leave_at_rest();
  const auto at_rest = copied("at rest");
  BOOST_TEST(folder::open(in_use, folder_mode::existing)->copied_in_use());
  auto looked_through = folder::open(in_use, folder_mode::existing);
  BOOST_REQUIRE(looked_through->copied_in_use());
  looked_through->accept_copy();
  BOOST_TEST(!looked_through->copied_in_use());
  looked_through = folder::open(at_rest, folder_mode::existing);
  BOOST_TEST(!looked_through->copied_in_use());
  BOOST_TEST(!folder::open(in_use, folder_mode::existing)->copied_in_use());
}

BOOST_AUTO_TEST_CASE(a_copy_without_its_lock_file_is_known_as_one_too) {
  temporary_folder here;
  BOOST_REQUIRE(folder::open(here.path(), folder_mode::create));
  std::ofstream{here.path() / "database.sqlite3"};
  std::ofstream{here.path() / "queue" / "00000000000000000001.waq"};
  std::filesystem::remove(here.path() / "LOCK");
  BOOST_TEST(folder::open(here.path(), folder_mode::existing)->copied_in_use());
  BOOST_TEST(folder::open(here.path(), folder_mode::existing)->copied_in_use());
  folder::open(here.path(), folder_mode::existing)->accept_copy();
  std::ofstream{here.path() / "database.sqlite3-wal"};
  BOOST_TEST(!folder::open(here.path(), folder_mode::existing)->copied_in_use());
}

BOOST_AUTO_TEST_CASE(a_folder_whose_process_died_is_no_copy) {
  temporary_folder here;
  BOOST_REQUIRE(folder::open(here.path(), folder_mode::create)); // Nobody said that it is at rest.
  BOOST_TEST(!folder::open(here.path(), folder_mode::existing)->copied_in_use());
}

BOOST_AUTO_TEST_CASE(a_folder_whose_process_died_and_that_lost_the_log_of_sqlite_counts_as_a_copy) {
  temporary_folder here;
  BOOST_REQUIRE(folder::open(here.path(), folder_mode::create));
  std::ofstream{here.path() / "database.sqlite3-wal"};
  std::ofstream{here.path() / "queue" / "00000000000000000001.waq"};
  BOOST_TEST(!folder::open(here.path(), folder_mode::existing)->copied_in_use());
  std::filesystem::remove(here.path() / "database.sqlite3-wal");
  BOOST_TEST(folder::open(here.path(), folder_mode::existing)->copied_in_use());
  std::ofstream{here.path() / "database.sqlite3-wal"}; // Whoever looks at a database makes another one.
  BOOST_TEST(folder::open(here.path(), folder_mode::existing)->copied_in_use());
}

BOOST_AUTO_TEST_CASE(temporary_files_that_were_left_behind_are_gone_once_the_folder_is_open_and_nothing_else_is) {
  temporary_folder here;
  const auto data = here.path() / "data";
  BOOST_REQUIRE(folder::open(data, folder_mode::create));
  const auto place = data / "tmp";
  std::filesystem::create_directories(place / "temp-folder");
  std::ofstream{place / "temp-1f"} << "left behind";
  std::ofstream{place / "notes"} << "of somebody else";
  std::ofstream{here.path() / "elsewhere"} << "of somebody else";
  std::filesystem::create_symlink(here.path() / "elsewhere", place / "temp-2");
  BOOST_REQUIRE(folder::open(data, folder_mode::existing));
  BOOST_TEST(!std::filesystem::exists(place / "temp-1f"));
  BOOST_TEST(std::filesystem::exists(place / "temp-folder"));
  BOOST_TEST(std::filesystem::exists(place / "notes"));
  BOOST_TEST(std::filesystem::is_symlink(place / "temp-2"));

  std::filesystem::rename(place, here.path() / "moved");
  std::ofstream{here.path() / "moved" / "temp-3"} << "of somebody else";
  std::filesystem::create_directory_symlink(here.path() / "moved", place);
  BOOST_REQUIRE(folder::open(data, folder_mode::existing));
  BOOST_TEST(std::filesystem::exists(here.path() / "moved" / "temp-3"));
}

BOOST_AUTO_TEST_CASE(a_folder_that_cannot_be_written_is_refused) {
  temporary_folder here;
  const auto data = here.path() / "data";
  BOOST_REQUIRE(folder::open(data, folder_mode::create));
  // The superuser may write everywhere, so he becomes somebody else for a moment.
  const bool superuser = ::geteuid() == 0;
  std::filesystem::permissions(here.path(), std::filesystem::perms{0755});
  std::filesystem::permissions(data, std::filesystem::perms{0555});
  std::filesystem::permissions(data / "LOCK", std::filesystem::perms{0444});
  BOOST_REQUIRE(!superuser || ::seteuid(65'534) == 0);
  const auto existing = refusal(data, folder_mode::existing);
  std::filesystem::path readonly = data / "below";
  const auto created = refusal(readonly, folder_mode::create);
  BOOST_REQUIRE(!superuser || ::seteuid(0) == 0);
  std::filesystem::permissions(data, std::filesystem::perms{0700});
  BOOST_TEST(existing == errc::folder_not_writable);
  BOOST_TEST(created == errc::folder_not_writable);
}

BOOST_AUTO_TEST_SUITE_END()
