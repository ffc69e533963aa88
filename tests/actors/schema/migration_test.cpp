#include <millrace/actors/schema/digest.hpp>
#include <millrace/actors/schema/migration.hpp>
#include <millrace/tests/support/printing.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <filesystem>
#include <fstream>
#include <string>

#include <boost/test/unit_test.hpp>

using namespace millrace;

namespace {

struct migration_fixture {
  millrace::test::temporary_folder folder;

  void put(const std::string& name, const std::string& text = "SELECT 1;\n") const {
    const auto file = folder.path() / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream{file, std::ios::binary} << text;
  }

  failure refusal(const std::string& set = "main") const {
    const auto read = read_migration_set(folder.path() / set);
    BOOST_REQUIRE(!read);
    return read.error();
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(migration_suite, migration_fixture)

BOOST_AUTO_TEST_CASE(digests_are_those_of_the_standard) {
  // FIPS 180-4, and the examples that NIST gives with it.
  BOOST_TEST(to_hex(digest_of("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  BOOST_TEST(to_hex(digest_of("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

BOOST_AUTO_TEST_CASE(a_set_is_its_files_by_rising_number) {
  put("main/0010_ten.up.sql");
  put("main/0010_ten.down.sql", "DROP TABLE t");
  put("main/2_two.up.sql",
      "-- What it does.\n\n-- requires: core/0003_base , other.set/12\n--irreversible\nCREATE TABLE t(a);\n");
  put("main/notes.txt");
  const auto set = read_migration_set(folder.path() / "main");
  BOOST_REQUIRE_MESSAGE(set, (set ? "" : to_string(set.error())));
  BOOST_TEST(set->name == "main");
  BOOST_REQUIRE(set->migrations.size() == 2u);
  BOOST_TEST(set->migrations[0].version == 2u);
  BOOST_TEST((set->migrations[0].needs == std::vector<migration_id>{{"core", 3}, {"other.set", 12}}));
  BOOST_TEST(!set->migrations[0].down.has_value());
  BOOST_TEST(set->migrations[1].name == "ten");
  BOOST_TEST(set->migrations[1].down.value() == "DROP TABLE t");
}

BOOST_AUTO_TEST_CASE(a_backfill_names_its_table_once) {
  put("main/0001_fill.up.sql",
      "-- Backfill: My Table \nUPDATE \"My Table\" SET a = 1 WHERE id BETWEEN :first AND :last");
  put("main/0001_fill.down.sql");
  const auto set = read_migration_set(folder.path() / "main");
  BOOST_REQUIRE_MESSAGE(set, (set ? "" : to_string(set.error())));
  BOOST_TEST(set->migrations[0].backfill == "My Table");
  for (const char* const heading :
       {"-- backfill", "-- backfill:", "-- backfills: t", "-- backfill: t\n-- backfill: u"}) {
    put("main/0001_fill.up.sql", std::string{heading} + "\nSELECT :first, :last");
    BOOST_TEST(refusal().code == errc::bad_option);
  }
  put("main/0001_fill.up.sql");
  put("main/0001_fill.down.sql", "-- backfill: t\nSELECT 1");
  BOOST_TEST(refusal().detail.find("its .down.sql says what belongs at the top of the .up.sql") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(files_that_do_not_fit_together_are_named_with_what_to_do) {
  const auto refused = [&](const std::string& name, const std::string& text = "SELECT 1") {
    std::filesystem::remove_all(folder.path() / "main");
    put("main/0001_one.up.sql");
    put("main/" + name, text);
    const auto why = refusal();
    BOOST_TEST(why.code == errc::bad_option);
    BOOST_TEST(why.detail.find(name) != std::string::npos, why.detail);
    return why.detail;
  };
  BOOST_TEST(refused("0001_other.up.sql").find("0001_one.up.sql has the same number") != std::string::npos);
  BOOST_TEST(refused("1_one.up.sql").find("has the same number") != std::string::npos);
  BOOST_TEST(refused("0002_two.down.sql").find(".up.sql, is missing") != std::string::npos);
  for (const auto* const name : {"two.up.sql", "0000_zero.up.sql", "0003.up.sql", "99999999999999999999_far.up.sql"}) {
    BOOST_TEST(refused(name).find("a number from 1 and a name") != std::string::npos);
  }
  BOOST_TEST(refused("notes.sql").find("ends in .up.sql or .down.sql") != std::string::npos);
  BOOST_TEST(refused("0002_two.UP.SQL").find("ends in .up.sql or .down.sql") != std::string::npos);
  BOOST_TEST(refused("0002_two.up.sql", "-- requires: core").find("set/number") != std::string::npos);
  BOOST_TEST(refused("0002_two.up.sql", "-- requires: ../1").find("set/number") != std::string::npos);
  put("main/0002_two.down.sql");
  BOOST_TEST(refusal("nowhere").code == errc::file_not_found);
}

BOOST_AUTO_TEST_CASE(what_reads_like_a_heading_and_is_none_is_refused) {
  const auto made = [](const std::string& up) { return make_migration(1, "a", up, std::nullopt); };
  for (const std::string line :
       {"-- requires zz/1", "-- require: zz/1", "-- Depends on: zz/1", "-- irreversible!", "-- requires: "}) {
    const auto refused = made(line + "\nSELECT 1");
    BOOST_TEST((!refused || refused->needs.empty()));
    BOOST_TEST((refused.has_value() == (line == "-- requires: ")), line);
  }
  const auto late = made("SELECT 1;\n-- requires: zz/1\n");
  BOOST_REQUIRE(!late);
  BOOST_TEST(late.error().detail.find("move it to the top") != std::string::npos, late.error().detail);
  for (const std::string text : {"\xef\xbb\xbf-- requires: zz/1\r\nSELECT 1",
                                 "/* licence\n */\n-- Requires: zz/1\nSELECT 1", "\n  --REQUIRES:zz/1\nSELECT 1"}) {
    const auto found = made(text);
    BOOST_REQUIRE_MESSAGE(found, text);
    BOOST_TEST((found->needs == std::vector<migration_id>{{"zz", 1}}), text);
  }
  BOOST_TEST((checksum_of(*made("\xef\xbb\xbfSELECT 1")) == checksum_of(*made("SELECT 1"))));
}

BOOST_AUTO_TEST_CASE(hooks_are_files_beside_the_migrations_and_no_part_of_their_checksums) {
  put("main/0001_one.up.sql", "CREATE TABLE t(a)");
  const auto read = [&] {
    auto set = read_migration_set(folder.path() / "main");
    BOOST_REQUIRE_MESSAGE(set, (set ? "" : to_string(set.error())));
    return std::move(*set);
  };
  const auto without = checksum_of(read().migrations[0]);
  for (const auto* const name :
       {"before_run", "after_run", "before_each", "after_each", "0001_one.before", "0001_one.after"}) {
    put("main/" + std::string{name} + ".sql", "SELECT '" + std::string{name} + "'");
  }
  const auto set = read();
  BOOST_TEST(set.hooks.before_run == "SELECT 'before_run'");
  BOOST_TEST(set.hooks.after_run == "SELECT 'after_run'");
  BOOST_TEST(set.hooks.before_each == "SELECT 'before_each'");
  BOOST_TEST(set.hooks.after_each == "SELECT 'after_each'");
  BOOST_TEST(set.migrations[0].before == "SELECT '0001_one.before'");
  BOOST_TEST(set.migrations[0].after == "SELECT '0001_one.after'");
  BOOST_TEST((checksum_of(set.migrations[0]) == without));
}

BOOST_AUTO_TEST_CASE(hooks_that_would_not_run_are_refused) {
  const auto refused = [&](const std::string& name, const std::string& text, const std::string& part) {
    std::filesystem::remove_all(folder.path() / "main");
    put("main/0001_one.up.sql");
    put("main/" + name, text);
    const auto why = refusal();
    BOOST_TEST((why.code == errc::bad_option));
    BOOST_TEST(why.detail.find(name) != std::string::npos, why.detail);
    BOOST_TEST(why.detail.find(part) != std::string::npos, why.detail);
  };
  refused("0002_two.before.sql", "SELECT 1", ".up.sql, is missing");
  refused("0001_other.after.sql", "SELECT 1", "0001_one.up.sql has the same number");
  refused("before_each_down.sql", "SELECT 1", "no hook");
  refused("Before_each.sql", "SELECT 1", "no hook");
  refused("after_run.sql", "-- Later.", "no statement in it");
  refused("0001_one.before.sql", " ", "no statement in it");
  refused("before_each.sql", "-- timeout: 3s\nSELECT 1", "said of migrations alone");
  std::filesystem::remove_all(folder.path() / "main");
  put("before_run.sql");
  put("main/0001_one.up.sql");
  const auto above = read_migration_sets(folder.path());
  BOOST_REQUIRE(!above);
  BOOST_TEST(above.error().detail.find("move it into the folder of a set") != std::string::npos, above.error().detail);
  std::filesystem::remove(folder.path() / "before_run.sql");
  std::filesystem::create_symlink("nowhere", folder.path() / "main/after_each.sql");
  BOOST_TEST(refusal().detail.find("a link that leads nowhere") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_timeout_is_a_number_with_its_unit_said_once_at_the_top) {
  using namespace std::chrono_literals;
  const auto time = [](const std::string& up) -> std::chrono::milliseconds {
    const auto made = make_migration(1, "a", up, std::nullopt);
    return made ? made->timeout : -1ms;
  };
  for (const auto& [text, expected] : {std::pair{"30s", 30'000ms},
                                       {"250 ms", 250ms},
                                       {"2min", 120'000ms},
                                       {"1h", 3'600'000ms},
                                       {"8760h", 365 * 24h}}) {
    BOOST_TEST((time("-- Timeout: " + std::string{text} + "\nSELECT 1") == expected), text);
  }
  for (const std::string text : {"-- timeout: 30", "-- timeout: 0s", "-- timeout: -1s", "-- timeout 30s", "-- timeout:",
                                 "-- timeout: 8761h", "-- timeout: 1d", "-- timeout: 99999999999999999999s",
                                 "-- timeout: 1s\n-- timeout: 2s", "SELECT 1;\n-- timeout: 30s"}) {
    BOOST_TEST((time(text + "\nSELECT 1") == -1ms), text);
  }
  BOOST_TEST((time("--- timeout: 30s\nSELECT 1") == 30s));
  for (const std::string text : {"/* timeout: 30s */", "/*\n  Timeout: 30s\n*/", "/* irreversible */",
                                 "/*\n * requires: main/0001\n */", "/* backfill: lease */"}) {
    BOOST_TEST((time(text + "\nSELECT 1") == -1ms), text);
  }
  BOOST_TEST((time("/* The timeout: see below. Requires nothing. */\nSELECT 1") == 0ms));
  BOOST_TEST((time("CREATE TABLE lease(\n-- timeout in seconds\ntimeout INTEGER)") == 0ms));
}

BOOST_AUTO_TEST_CASE(a_file_without_a_statement_is_refused) {
  for (const std::string text : {"", " \n", "-- What this migration does.\n\n", "/* SELECT 1;", ";;"}) {
    BOOST_TEST(!make_migration(1, "a", text, std::nullopt));
    BOOST_TEST(!make_migration(1, "a", "SELECT 1", text));
  }
}

BOOST_AUTO_TEST_CASE(what_takes_a_migration_back_says_nothing_of_it_but_its_own_timeout) {
  const auto why = [](const std::string& down) {
    const auto made = make_migration(1, "a", "SELECT 1", down);
    return made ? "" : made.error().detail;
  };
  BOOST_TEST(why("-- timeout: 30s\nSELECT 1") == "");
  BOOST_TEST(why("-- requires: core/1\nSELECT 1").find("belongs at the top of the .up.sql") != std::string::npos);
  BOOST_TEST(why("-- timeout: 30\nSELECT 1").find("its .down.sql: `-- timeout: 30`") == 0u);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_taken_back_has_no_file_for_that) {
  put("main/0001_one.up.sql", "-- irreversible\nSELECT 1");
  put("main/0001_one.down.sql");
  BOOST_TEST(refusal().detail.find("leave out one of both") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(folders_below_are_sets_and_a_folder_with_migrations_is_one) {
  put("b/0001_one.up.sql");
  put("a/0001_one.up.sql");
  put("seeds/test/rows.sql");
  std::filesystem::create_directories(folder.path() / "empty");
  const auto sets = read_migration_sets(folder.path());
  BOOST_REQUIRE_MESSAGE(sets, (sets ? "" : to_string(sets.error())));
  BOOST_REQUIRE(sets->size() == 2u);
  BOOST_TEST(sets->at(0).name == "a");
  // Wherever it lies.
  const auto one = read_migration_sets(folder.path() / "a");
  BOOST_REQUIRE((one && one->size() == 1u));
  BOOST_TEST(one->front().name == "main");
  put("0001_beside.up.sql");
  const auto mixed = read_migration_sets(folder.path());
  BOOST_REQUIRE(!mixed);
  BOOST_TEST(mixed.error().detail.find("and in a below it") != std::string::npos, mixed.error().detail);
}

BOOST_AUTO_TEST_CASE(a_record_changes_with_every_part_of_it_but_line_ends) {
  const migration one{.version = 1, .name = "a", .up = "CREATE TABLE t(a);\nSELECT 1;\n"};
  const auto is = [](const migration& given, const sha256& before = {}) { return record_of(given, before).chain; };
  auto windows = one;
  windows.up = "CREATE TABLE t(a);\r\nSELECT 1;\r\n";
  BOOST_TEST((record_of(windows, {}) == record_of(one, {})));
  auto other = one;
  other.up += ' ';
  BOOST_TEST((is(other) != is(one)));
  other = one;
  other.name = "b";
  BOOST_TEST((is(other) != is(one)));
  other = one;
  other.version = 2;
  BOOST_TEST((is(other) != is(one)));
  BOOST_TEST((is(one, digest_of("before")) != is(one)));
  other = one;
  other.needs = {{"core", 1}};
  BOOST_TEST((is(other) != is(one)));
}

BOOST_AUTO_TEST_SUITE_END()
