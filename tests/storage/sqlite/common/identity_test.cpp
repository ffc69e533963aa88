#include <millrace/storage/base/hash.hpp>
#include <millrace/tests/support/storage/sqlite_fixture.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::storage::testing;

namespace {

/// A database as a program of that format left it.
std::filesystem::path golden(const millrace::test::temporary_folder& place, int format) {
  const auto version = "database.v" + std::to_string(format);
  std::ifstream input{std::filesystem::path{__FILE__}.parent_path() / "golden" / (version + ".sql")};
  BOOST_REQUIRE(input);
  const auto file = place.path() / version;
  std::filesystem::remove(file);
  std::filesystem::remove(file.string() + "-wal");
  std::filesystem::remove(file.string() + "-shm");
  plain_connection{file}.execute(std::string{std::istreambuf_iterator<char>{input}, {}});
  return file;
}

std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream input{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{input}, {}};
}

/// That Millrace's tables are those of a database made today.
void check_as_if_new(const std::filesystem::path& file, const millrace::test::temporary_folder& place) {
  BOOST_REQUIRE(sqlite::make_database(file)->prepare(true));
  const auto newest = place.path() / "newest";
  BOOST_REQUIRE(sqlite::make_database(newest)->prepare(true));
  const auto* const columns =
    "SELECT m.name, c.name, c.type, c.\"notnull\", c.pk FROM sqlite_schema m, "
    "pragma_table_info(m.name) c WHERE m.name LIKE 'millrace%' ORDER BY 1, c.cid";
  BOOST_TEST(plain_connection{file}.rows(columns) == plain_connection{newest}.rows(columns));
  BOOST_TEST(sqlite::make_database(file)->open_writer().has_value());
  BOOST_TEST(sqlite::make_database(file)->open_reader().has_value());
}

} // namespace

BOOST_AUTO_TEST_SUITE(sqlite_identity_suite)

BOOST_AUTO_TEST_CASE(a_new_database_gets_an_identity_that_stays) {
  database_fixture database;
  const auto first = sqlite::make_database(database.file)->prepare(true);
  database.schema("CREATE TABLE t(a)");
  const auto second = sqlite::make_database(database.file)->prepare(true);
  BOOST_REQUIRE(first && second);
  BOOST_TEST((first->id == second->id));
  BOOST_TEST((first->id != uuid{}));
  BOOST_TEST(first->applied.seq == 0u);
  BOOST_TEST(second->applied.seq == 1u);
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

BOOST_AUTO_TEST_CASE(a_file_that_is_not_ours_is_left_as_it_is) {
  millrace::test::temporary_folder place;
  const auto newer = place.path() / "newer";
  BOOST_REQUIRE(sqlite::make_database(newer)->prepare(true));
  plain_connection{newer, {.checkpoints = true}}.execute("UPDATE millrace_meta SET format_version = 99");
  plain_connection{place.path() / "foreign", {.checkpoints = true}}.execute(
    "PRAGMA journal_mode = WAL; CREATE TABLE theirs(a)");
  std::ofstream{place.path() / "text"} << std::string(5'000, 'x');
  for (const auto* const name : {"newer", "foreign", "text"}) {
    const auto file = place.path() / name;
    std::filesystem::permissions(file, std::filesystem::perms{0644});
    const auto before = bytes_of(file);
    BOOST_TEST(!sqlite::make_database(file)->prepare(true));
    BOOST_TEST((std::filesystem::status(file).permissions() == std::filesystem::perms{0644}), name);
    BOOST_TEST((bytes_of(file) == before), name);
    BOOST_TEST(!std::filesystem::exists(file.string() + "-shm"), name);
    BOOST_TEST(!std::filesystem::exists(file.string() + "-wal"), name);
  }
}

BOOST_AUTO_TEST_CASE(what_one_database_left_in_the_log_of_sqlite_is_not_played_into_another) {
  millrace::test::temporary_folder place;
  const auto ours = place.path() / "ours";
  const auto id = sqlite::make_database(ours)->prepare(true)->id;
  BOOST_REQUIRE(sqlite::make_database(place.path() / "theirs")->prepare(true));
  plain_connection{place.path() / "foreign"}.execute("CREATE TABLE theirs(a)");
  // As a process leaves it that is killed. A name may hold what a URI does not.
  const auto left = place.path() / "left % 1?#";
  {
    plain_connection running{ours};
    running.execute("CREATE TABLE t(a); INSERT INTO t VALUES (7)");
    std::filesystem::copy_file(ours.string() + "-wal", left.string() + "-wal");
  }
  const auto journal = bytes_of(left.string() + "-wal");
  for (const auto* const name : {"theirs", "foreign"}) {
    std::filesystem::copy_file(place.path() / name, left, std::filesystem::copy_options::overwrite_existing);
    const auto before = bytes_of(left);
    const auto found = sqlite::make_database(left, {}, {}, id)->prepare(false);
    BOOST_REQUIRE(!found);
    BOOST_TEST(found.error().code == errc::database_gone);
    const auto writer = sqlite::make_database(left, {}, {}, id)->open_writer();
    BOOST_REQUIRE(!writer);
    BOOST_TEST(writer.error().code == errc::database_gone);
    BOOST_TEST((bytes_of(left) == before), name);
    BOOST_TEST((bytes_of(left.string() + "-wal") == journal), name);
    BOOST_TEST(!std::filesystem::exists(left.string() + "-shm"), name);
  }
  std::filesystem::copy_file(ours, left, std::filesystem::copy_options::overwrite_existing);
  BOOST_TEST(sqlite::make_database(left, {}, {}, id)->prepare(false).has_value());
  BOOST_TEST(plain_connection{left}.rows("SELECT a FROM t") == "7");
}

BOOST_AUTO_TEST_CASE(a_missing_or_empty_database_is_not_made_where_it_must_be_there) {
  millrace::test::temporary_folder place;
  const auto missing = place.path() / "missing";
  const auto refused = sqlite::make_database(missing)->prepare(false);
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().code == errc::database_gone);
  BOOST_TEST(!std::filesystem::exists(missing));

  std::ofstream{place.path() / "empty"}.close();
  std::ofstream{place.path() / "empty-wal"} << "what nothing else holds";
  const auto empty_refused = sqlite::make_database(place.path() / "empty")->prepare(false);
  BOOST_REQUIRE(!empty_refused);
  BOOST_TEST(empty_refused.error().code == errc::database_gone);
  BOOST_TEST(std::filesystem::file_size(place.path() / "empty") == 0u);
  BOOST_TEST(std::filesystem::exists(place.path() / "empty-wal"));

  BOOST_REQUIRE(sqlite::make_database(missing)->prepare(true));
  BOOST_TEST(sqlite::make_database(missing)->prepare(false).has_value());
}

BOOST_AUTO_TEST_CASE(a_new_database_keeps_its_identity_without_the_log_of_sqlite) {
  millrace::test::temporary_folder place;
  const auto file = place.path() / "new";
  const auto made = sqlite::make_database(file)->prepare(true);
  BOOST_REQUIRE(made);
  std::filesystem::remove(file.string() + "-wal");
  std::filesystem::remove(file.string() + "-shm");
  const auto found = sqlite::make_database(file)->prepare(false);
  BOOST_REQUIRE_MESSAGE(found, (found ? "" : to_string(found.error())));
  BOOST_TEST((found->id == made->id));
  BOOST_TEST(plain_connection{file}.rows("PRAGMA journal_mode") == "wal");
}

BOOST_AUTO_TEST_CASE(a_database_that_was_moved_away_is_said_to_be_missing) {
  millrace::test::temporary_folder place;
  const auto file = place.path() / "ours";
  const auto ours = sqlite::make_database(file);
  BOOST_REQUIRE(ours->prepare(true));
  std::filesystem::rename(file, place.path() / "elsewhere");
  for (const auto& why : {ours->open_writer().error(), ours->open_reader().error()}) {
    BOOST_TEST(why.code == errc::database_gone);
    BOOST_TEST(why.detail == file.string() + " is missing");
  }
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
  const auto old = golden(place, 1);
  const auto first = sqlite::make_database(old)->prepare(false);
  BOOST_REQUIRE_MESSAGE(first, first.error().detail);
  BOOST_TEST(first->id[15] == 0x0f);
  BOOST_TEST((first->applied == log_position{41}));
  BOOST_TEST(first->scripts.at(0).name == "s");
  BOOST_TEST(first->names.empty());
  BOOST_TEST(first->forgotten_upto == 0u);
  BOOST_TEST(plain_connection{old}.rows("SELECT format_version, forgotten_upto, applied_chain FROM millrace_meta")
             == "5|0|0");
  BOOST_TEST(plain_connection{old}.rows("SELECT a FROM t") == "5");
  check_as_if_new(old, place);
}

BOOST_AUTO_TEST_CASE(a_database_of_format_2_takes_all_for_forgotten_that_a_new_client_may_not_find_recorded) {
  millrace::test::temporary_folder place;
  const auto forgotten_upto = [&](const std::string& change) {
    const auto old = golden(place, 2);
    plain_connection{old}.execute(change);
    const auto first = sqlite::make_database(old)->prepare(false);
    BOOST_REQUIRE_MESSAGE(first, first.error().detail);
    BOOST_TEST((first->applied == log_position{5}));
    check_as_if_new(old, place);
    return first->forgotten_upto;
  };
  BOOST_TEST(forgotten_upto("") == 2u); // Recorded are 3 to 5.
  BOOST_TEST(forgotten_upto("DELETE FROM millrace_outcomes") == 5u);
  BOOST_TEST(forgotten_upto("UPDATE millrace_meta SET forgotten_made_at_ms = 0") == 0u);
}

BOOST_AUTO_TEST_CASE(a_database_of_format_2_keeps_its_outcomes) {
  millrace::test::temporary_folder place;
  const auto old = golden(place, 2);
  const auto first = sqlite::make_database(old)->prepare(false);
  BOOST_REQUIRE(first);
  BOOST_REQUIRE(first->names.size() == 3u);
  BOOST_TEST(first->names[2].seq == 5u);
  const auto reader = sqlite::make_database(old)->open_reader();
  BOOST_REQUIRE(reader);
  const auto found = (*reader)->recorded_outcome(5);
  BOOST_REQUIRE((found && *found && **found));
  BOOST_TEST((**found)->results.at(0).rows_changed == 2);
}

BOOST_AUTO_TEST_CASE(a_database_of_format_3_does_not_know_what_its_names_are_bound_to) {
  millrace::test::temporary_folder place;
  const auto file = golden(place, 3);
  const auto first = sqlite::make_database(file)->prepare(false);
  BOOST_REQUIRE_MESSAGE(first, first.error().detail);
  BOOST_TEST(first->applied.seq == 5u);
  BOOST_TEST(first->applied.chain != 0u);
  BOOST_TEST(first->forgotten_upto == 2u);
  BOOST_REQUIRE(first->names.size() == 3u);
  BOOST_TEST(issued_at_seq(first->names[2].name.client) == 4u);
  for (const auto& one : first->names) {
    BOOST_TEST(one.content == 0u);
  }
  check_as_if_new(file, place);
}

BOOST_AUTO_TEST_CASE(a_database_of_format_4_shows_its_scripts_as_history_and_its_schema_as_made_by_them) {
  millrace::test::temporary_folder place;
  const auto file = golden(place, 4);
  const auto first = sqlite::make_database(file)->prepare(false);
  BOOST_REQUIRE_MESSAGE(first, first.error().detail);
  BOOST_TEST(first->applied.seq == 4u);
  BOOST_REQUIRE(first->names.size() == 3u);
  BOOST_TEST(first->names[0].content == 4320279969794372146u);
  BOOST_TEST(first->names[1].content == 13839025154865189116u);
  BOOST_TEST(first->names[2].content == 0u); // The queue's word that it is forgotten.
  const auto reader = sqlite::make_database(file)->open_reader();
  BOOST_REQUIRE(reader);
  const auto state = (*reader)->schema(0, 10);
  BOOST_REQUIRE_MESSAGE(state, (state ? "" : to_string(state.error())));
  BOOST_REQUIRE(state->history.size() == 1u);
  BOOST_TEST((state->history[0] == recorded_change{.seq = 1, .step = schema_step::script, .name = "script-1"}));
  BOOST_TEST((state->sets.empty() && state->drift.empty()));
  check_as_if_new(file, place);
}

/// Written by the first program of format 5: a script, a migration, an ad-hoc change, a seed, and a backfill under way.
BOOST_AUTO_TEST_CASE(a_database_of_format_5_is_opened_as_it_is) {
  millrace::test::temporary_folder place;
  const auto file = golden(place, 5);
  const auto dumped = dump(file);
  BOOST_REQUIRE(sqlite::make_database(file)->prepare(false));
  BOOST_TEST(dump(file) == dumped);
  const auto reader = sqlite::make_database(file)->open_reader();
  BOOST_REQUIRE(reader);
  const auto state = (*reader)->schema(1, 10);
  BOOST_REQUIRE_MESSAGE(state, (state ? "" : to_string(state.error())));
  BOOST_REQUIRE(state->sets.size() == 1u);
  BOOST_TEST(state->sets[0].name == "main");
  BOOST_REQUIRE(state->sets[0].migrations.size() == 1u);
  BOOST_TEST(state->sets[0].migrations[0].chain[0] == 0x77);
  BOOST_REQUIRE(state->seeds.size() == 1u);
  BOOST_TEST(state->seeds[0].name == "rows");
  BOOST_TEST(state->seeds[0].checksum[0] == 0x55);
  BOOST_REQUIRE(state->history.size() == 3u);
  BOOST_TEST(state->history[0].sql == "ALTER TABLE t ADD COLUMN b");
  BOOST_TEST((state->history[1].step == schema_step::ad_hoc));
  BOOST_TEST(state->drift.empty());
  BOOST_TEST((state->owed == std::vector<migration_id>{{"main", 1}}));
  BOOST_REQUIRE(state->backfills.size() == 1u);
  BOOST_TEST(state->backfills[0].rows_done == 3u);
  check_as_if_new(file, place);
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
