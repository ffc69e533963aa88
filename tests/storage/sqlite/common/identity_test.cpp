#include <millrace/storage/base/hash.hpp>
#include <millrace/tests/support/storage/sqlite_fixture.hpp>

#include <filesystem>
#include <fstream>
#include <string>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::storage::test;

BOOST_AUTO_TEST_SUITE(sqlite_identity_suite)

BOOST_AUTO_TEST_CASE(a_new_database_gets_an_identity_that_stays) {
  database_fixture database;
  const auto first = sqlite::make_database(database.file)->prepare(true);
  database.schema("CREATE TABLE t(a)");
  const auto second = sqlite::make_database(database.file)->prepare(true);
  BOOST_REQUIRE(first && second);
  BOOST_TEST((first->id == second->id));
  BOOST_TEST((first->id != uuid{}));
  BOOST_TEST(first->applied_seq == 0u);
  BOOST_TEST(second->applied_seq == 1u);
  BOOST_REQUIRE(second->scripts.size() == 1u);
  BOOST_TEST(second->scripts[0].name == "script-1");
  BOOST_TEST(second->scripts[0].seq == 1u);
  BOOST_TEST(second->scripts[0].sql_hash == hash_of("CREATE TABLE t(a)"));
}

BOOST_AUTO_TEST_CASE(a_newer_a_foreign_and_no_database_are_told_apart) {
  millrace::test::temporary_folder place;
  const auto newer = place.path() / "newer";
  BOOST_REQUIRE(sqlite::make_database(newer)->prepare(true));
  plain_connection{newer}.execute("UPDATE millrace_meta SET format_version = 99");
  const auto newer_refused = sqlite::make_database(newer)->prepare(true);
  BOOST_REQUIRE(!newer_refused);
  BOOST_TEST(newer_refused.error().code == errc::folder_newer);

  const auto foreign = place.path() / "foreign";
  plain_connection{foreign}.execute("CREATE TABLE theirs(a)");
  const auto foreign_refused = sqlite::make_database(foreign)->prepare(true);
  BOOST_REQUIRE(!foreign_refused);
  BOOST_TEST(foreign_refused.error().code == errc::folder_foreign);
  BOOST_TEST(plain_connection{foreign}.rows("PRAGMA journal_mode") == "delete");

  const auto text = place.path() / "text";
  std::ofstream{text} << std::string(5'000, 'x');
  const auto text_refused = sqlite::make_database(text)->prepare(true);
  BOOST_REQUIRE(!text_refused);
  BOOST_TEST(text_refused.error().code == errc::corrupt);
  BOOST_TEST(text_refused.error().detail.find("not a database") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_missing_or_empty_database_is_not_made_where_it_must_be_there) {
  millrace::test::temporary_folder place;
  const auto missing = place.path() / "missing";
  const auto refused = sqlite::make_database(missing)->prepare(false);
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().code == errc::database_gone);
  BOOST_TEST(!std::filesystem::exists(missing));

  std::ofstream{place.path() / "empty"}.close();
  const auto empty_refused = sqlite::make_database(place.path() / "empty")->prepare(false);
  BOOST_REQUIRE(!empty_refused);
  BOOST_TEST(empty_refused.error().code == errc::database_gone);
  BOOST_TEST(std::filesystem::file_size(place.path() / "empty") == 0u);

  BOOST_REQUIRE(sqlite::make_database(missing)->prepare(true));
  BOOST_TEST(sqlite::make_database(missing)->prepare(false).has_value());
}

BOOST_AUTO_TEST_CASE(a_database_is_not_opened_in_place_of_another) {
  millrace::test::temporary_folder place;
  const auto file = place.path() / "ours";
  const auto ours = sqlite::make_database(file);
  BOOST_REQUIRE(ours->prepare(true));
  BOOST_REQUIRE(sqlite::make_database(place.path() / "theirs")->prepare(true));
  std::ofstream{place.path() / "empty"}.close();
  BOOST_TEST(ours->open_writer().has_value());
  BOOST_TEST(ours->open_reader().has_value());
  for (const auto* const name : {"theirs", "empty"}) {
    std::filesystem::copy_file(place.path() / name, file, std::filesystem::copy_options::overwrite_existing);
    const auto writer = ours->open_writer();
    const auto reader = ours->open_reader();
    BOOST_REQUIRE((!writer && !reader));
    BOOST_TEST(writer.error().code == errc::database_gone);
    BOOST_TEST(reader.error().code == errc::database_gone);
    BOOST_TEST(writer.error().detail.find("ours") != std::string::npos);
  }
  BOOST_TEST(std::filesystem::file_size(file) == 0u);
}

BOOST_AUTO_TEST_CASE(a_database_of_format_1_is_brought_up_to_date_and_keeps_what_it_holds) {
  millrace::test::temporary_folder place;
  const auto old = place.path() / "old";
  const auto newest = place.path() / "newest";
  plain_connection{old}.execute(
    "PRAGMA journal_mode = WAL;"
    "CREATE TABLE millrace_meta(id INTEGER PRIMARY KEY CHECK (id = 1), format_version INTEGER NOT NULL,"
    " uuid BLOB NOT NULL, applied_seq INTEGER NOT NULL);"
    "CREATE TABLE millrace_schema(name TEXT PRIMARY KEY, seq INTEGER NOT NULL, sql_hash INTEGER NOT NULL) "
    "WITHOUT ROWID;"
    "INSERT INTO millrace_meta VALUES (1, 1, x'000102030405460788090a0b0c0d0e0f', 41);"
    "INSERT INTO millrace_schema VALUES ('s', 40, 7);"
    "CREATE TABLE t(a); INSERT INTO t VALUES (5)");
  const auto first = sqlite::make_database(old)->prepare(false);
  BOOST_REQUIRE_MESSAGE(first, first.error().detail);
  BOOST_TEST(first->id[15] == 0x0f);
  BOOST_TEST(first->applied_seq == 41u);
  BOOST_TEST(first->scripts.at(0).name == "s");
  BOOST_TEST(first->names.empty());
  BOOST_TEST(first->forgotten_made_at_ms == 0);
  BOOST_TEST(plain_connection{old}.rows("SELECT format_version, forgotten_made_at_ms FROM millrace_meta") == "2|0");
  BOOST_TEST(plain_connection{old}.rows("SELECT a FROM t") == "5");
  BOOST_REQUIRE(sqlite::make_database(old)->prepare(true));
  BOOST_REQUIRE(sqlite::make_database(newest)->prepare(true));
  const auto* const columns =
    "SELECT m.name, c.name, c.type, c.\"notnull\", c.pk FROM sqlite_schema m, "
    "pragma_table_info(m.name) c WHERE m.name LIKE 'millrace%' ORDER BY 1, c.cid";
  BOOST_TEST(plain_connection{old}.rows(columns) == plain_connection{newest}.rows(columns));
  BOOST_TEST(sqlite::make_database(old)->open_writer().has_value());
  BOOST_TEST(sqlite::make_database(old)->open_reader().has_value());
}

BOOST_AUTO_TEST_CASE(an_upgrade_that_fails_leaves_the_old_format) {
  millrace::test::temporary_folder place;
  const auto old = place.path() / "old";
  plain_connection{old}.execute(
    "PRAGMA journal_mode = WAL;"
    "CREATE TABLE millrace_meta(id INTEGER PRIMARY KEY CHECK (id = 1), format_version INTEGER NOT NULL"
    " CHECK (format_version = 1), uuid BLOB NOT NULL, applied_seq INTEGER NOT NULL);"
    "CREATE TABLE millrace_schema(name TEXT PRIMARY KEY, seq INTEGER NOT NULL, sql_hash INTEGER NOT NULL);"
    "INSERT INTO millrace_meta VALUES (1, 1, zeroblob(16), 41)");
  BOOST_TEST(!sqlite::make_database(old)->prepare(true));
  BOOST_TEST(plain_connection{old}.rows("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")
             == "millrace_meta\nmillrace_schema");
}

BOOST_AUTO_TEST_CASE(what_kind_of_database_it_is_can_be_asked) {
  const auto traits = sqlite::make_database("nowhere")->traits();
  BOOST_TEST(traits.deterministic);
  BOOST_TEST(traits.journal_unit == "page");
}

BOOST_AUTO_TEST_SUITE_END()
