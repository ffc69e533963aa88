#include <millrace/storage/database.hpp>
#include <millrace/tests/support/storage/sqlite_fixture.hpp>

#include <string>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::storage::testing;

namespace {

/// A seed whose text is told by one number.
schema_change seed(std::string sql, std::uint8_t text = 1, const std::string& environment = "dev") {
  applied_migration named{.version = 1, .name = "people", .checksum = {}, .chain = {}, .needs = {}};
  named.checksum.fill(text);
  return {.step = schema_step::seed,
          .set = environment,
          .expected = {},
          .migrations = {named},
          .sql = std::move(sql),
          .author = "ada"};
}

struct seed_statement_fixture : database_fixture {
  seed_statement_fixture() { schema("CREATE TABLE person(id INTEGER PRIMARY KEY, boss REFERENCES person(id))"); }

  schema_state state() const {
    auto reader = sqlite::make_database(file)->open_reader();
    BOOST_REQUIRE(reader);
    auto found = (*reader)->schema(0, 100);
    BOOST_REQUIRE_MESSAGE(found, (found ? "" : to_string(found.error())));
    return std::move(*found);
  }

  std::string people() { return rows("SELECT group_concat(id) FROM person"); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(seed_suite, seed_statement_fixture)

BOOST_AUTO_TEST_CASE(a_seed_is_applied_once_in_each_environment_and_again_where_its_text_was_changed) {
  const auto more = [](std::uint8_t text, const std::string& environment) {
    return seed("INSERT INTO person(id) SELECT coalesce(max(id), 0) + 1 FROM person", text, environment);
  };
  BOOST_TEST(code_of(apply_one(more(1, "dev"))) == errc::none);
  BOOST_TEST(code_of(apply_one(more(1, "dev"))) == errc::none);
  BOOST_TEST(people() == "1");
  BOOST_TEST(code_of(apply_one(more(1, "test"))) == errc::none);
  BOOST_TEST(people() == "1,2");
  BOOST_TEST(code_of(apply_one(more(2, "dev"))) == errc::none);
  BOOST_TEST(people() == "1,2,3");
  const auto now = state();
  BOOST_REQUIRE(now.seeds.size() == 2u);
  BOOST_TEST(now.seeds[0].environment == "dev");
  BOOST_TEST(now.seeds[0].name == "people");
  BOOST_TEST(now.seeds[0].checksum[0] == 2);
  BOOST_TEST(now.seeds[0].seq == now.history.back().seq);
  BOOST_TEST(now.sets.empty());
  BOOST_REQUIRE(now.history.size() == 4u); // What was passed over is not in it.
  BOOST_TEST((now.history[1].step == schema_step::seed));
  BOOST_TEST(now.history[1].set == "dev");
  BOOST_TEST(now.history[1].author == "ada");
  BOOST_TEST(now.drift.empty());
}

BOOST_AUTO_TEST_CASE(a_seed_that_would_change_the_schema_is_refused_and_leaves_no_row) {
  for (const std::string sql : {"CREATE TABLE t(a)", "DROP TABLE person", "ALTER TABLE person ADD COLUMN b",
                                "CREATE INDEX i ON person(boss)", "CREATE VIEW v AS SELECT 1", "ANALYZE", "REINDEX",
                                "CREATE TRIGGER r AFTER DELETE ON person BEGIN SELECT 1; END"}) {
    const auto reply = apply_one(seed("INSERT INTO person(id) VALUES (1);\n" + sql));
    BOOST_TEST_CONTEXT(sql << ": " << detail_of(reply)) {
      BOOST_TEST(code_of(reply) == errc::not_permitted);
      BOOST_TEST(detail_of(reply).find("seed dev/1 people: statement 2 (line 2): ") == 0u);
      BOOST_TEST(detail_of(reply).find("write a migration") != std::string::npos);
    }
  }
  BOOST_TEST(code_of(apply_one(seed("DELETE FROM millrace_history"))) == errc::not_permitted);
  BOOST_TEST(rows("SELECT count(*) FROM person") == "0");
  BOOST_TEST(state().seeds.empty());
}

BOOST_AUTO_TEST_CASE(a_seed_may_stand_in_the_frame_of_a_dump_and_is_held_to_foreign_keys_at_its_end) {
  const std::string frame = "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n";
  BOOST_TEST(code_of(apply_one(
               seed(frame + "INSERT INTO person VALUES (1, 2);\nINSERT INTO person VALUES (2, NULL);\nCOMMIT;\n")))
             == errc::none);
  BOOST_TEST(people() == "1,2");
  BOOST_TEST(code_of(apply_one(seed(frame + "INSERT INTO person VALUES (3, 9);\nCOMMIT;\n", 2))) == errc::constraint);
  BOOST_TEST(people() == "1,2");
  BOOST_TEST(state().seeds.at(0).checksum[0] == 1);
}

BOOST_AUTO_TEST_CASE(a_migration_that_is_taken_back_lets_seeds_be_applied_again) {
  schema_change change{
    .step = schema_step::up, .set = "main", .expected = {}, .migrations = {}, .sql = "", .author = {}};
  change.migrations.push_back({.version = 1, .name = "t", .checksum = {}, .chain = {1}, .needs = {}});
  change.sql = "CREATE TABLE t(a)";
  BOOST_TEST(code_of(apply_one(change)) == errc::none);
  BOOST_TEST(code_of(apply_one(seed("INSERT INTO t VALUES (1)"))) == errc::none);
  change.step = schema_step::down;
  change.expected = {1};
  change.sql = "DROP TABLE t";
  BOOST_TEST(code_of(apply_one(change)) == errc::none);
  BOOST_TEST(state().seeds.empty());
  change.step = schema_step::up;
  change.expected = {};
  change.sql = "CREATE TABLE t(a)";
  BOOST_TEST(code_of(apply_one(change)) == errc::none);
  BOOST_TEST(code_of(apply_one(seed("INSERT INTO t VALUES (1)"))) == errc::none);
  BOOST_TEST(rows("SELECT count(*) FROM t") == "1");
}

BOOST_AUTO_TEST_SUITE_END()
