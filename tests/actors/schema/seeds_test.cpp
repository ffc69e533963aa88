#include <millrace/actors/schema/migrator.hpp>
#include <millrace/actors/schema/seeds.hpp>
#include <millrace/tests/support/actors/engine_fixture.hpp>
#include <millrace/tests/support/printing.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace millrace;

namespace {

struct seeds_fixture : test::engine_fixture {
  millrace::test::temporary_folder files;

  void put(const std::string& name, const std::string& text = "SELECT 1;\n") const {
    const auto file = files.path() / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream{file, std::ios::binary} << text;
  }

  std::vector<migration_set> seeds() const {
    auto read = read_seeds(files.path());
    BOOST_REQUIRE_MESSAGE(read, (read ? "" : to_string(read.error())));
    return std::move(*read);
  }

  /// What is refused of a file, which is gone then.
  std::string refused(const std::string& name, const std::string& text = "SELECT 1;\n") const {
    put(name, text);
    const auto read = read_seeds(files.path());
    std::filesystem::remove(files.path() / name);
    BOOST_REQUIRE_MESSAGE(!read, name);
    BOOST_TEST(read.error().code == errc::bad_option);
    return read.error().detail;
  }
};

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(seeds_suite, seeds_fixture)

BOOST_AUTO_TEST_CASE(seeds_are_the_files_of_each_environment_by_number) {
  put("dev/10_ten.sql");
  put("dev/2_two.sql", "INSERT INTO t VALUES (1);\n");
  put("dev/notes.txt");
  put("dev/.3_editor.sql");
  put("test/01_one.sql");
  const auto all = seeds();
  BOOST_REQUIRE(all.size() == 2u);
  BOOST_TEST(all[0].name == "dev");
  BOOST_REQUIRE(all[0].migrations.size() == 2u);
  BOOST_TEST(all[0].migrations[0].name == "two");
  BOOST_TEST(all[0].migrations[0].up == "INSERT INTO t VALUES (1);\n");
  BOOST_TEST(all[0].migrations[1].version == 10u);
  BOOST_TEST(all[1].name == "test");
  BOOST_TEST(read_seeds(files.path() / "nowhere").error().code == errc::file_not_found);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_not_understood_is_refused_with_what_to_do) {
  put("dev/01_people.sql");
  BOOST_TEST(says(refused("dev/people.sql"), "people.sql: a seed is one file, called by a number from 1 and a name"));
  BOOST_TEST(says(refused("dev/00_people.sql"), "a number from 1"));
  BOOST_TEST(says(refused("dev/02_more.down.sql"), "a seed is one file"));
  BOOST_TEST(says(refused("dev/02_more.SQL"), "a seed is one file"));
  BOOST_TEST(says(refused("dev/1_others.sql"), "dev/0001_people has the same number"));
  BOOST_TEST(says(refused("dev/02_people.sql"), "has the same name"));
  BOOST_TEST(says(refused("dev/02_more.sql", "-- nothing\n"), "there is no statement in it"));
  BOOST_TEST(
    says(refused("dev/02_more.sql", "-- requires: main/1\nSELECT 1;\n"), "of a seed only `-- timeout:` can be said"));
  BOOST_TEST(says(refused("02_more.sql"), "it is of no environment"));
  BOOST_TEST(says(refused("a b/01_x.sql"), "no environment may be called so"));
}

BOOST_AUTO_TEST_CASE(what_is_recorded_is_passed_over_and_what_was_changed_or_lost_its_file_is_told) {
  put("dev/01_one.sql");
  put("dev/02_two.sql");
  put("dev/03_three.sql");
  const auto environment = seeds()[0];
  schema_state state;
  state.seeds = {{.environment = "dev", .name = "gone", .checksum = {}, .seq = 1},
                 {.environment = "dev", .name = "one", .checksum = checksum_of(environment.migrations[0]), .seq = 2},
                 {.environment = "dev", .name = "two", .checksum = {}, .seq = 3},
                 {.environment = "test", .name = "three", .checksum = {}, .seq = 4}};
  std::string stands;
  for (const auto& one : compare_seeds(environment, state)) {
    stands += one.name + ' ' + to_text(one.state) + ' ';
  }
  BOOST_TEST(stands == "one applied two changed three pending gone missing ");
  const auto plan = plan_seeds(environment, state);
  BOOST_REQUIRE(plan.size() == 2u);
  BOOST_TEST(plan[0].name == "two");
  BOOST_TEST(plan[1].id.version == 3u);
}

BOOST_AUTO_TEST_CASE(of_several_that_seed_at_once_each_seed_takes_effect_once) {
  open();
  auto db = connect();
  migrator owner{system, tested->operations()};
  BOOST_REQUIRE(owner.apply_ad_hoc("CREATE TABLE t(a)"));
  for (int i = 1; i <= 20; ++i) {
    put("dev/" + std::to_string(i) + "_s" + std::to_string(i) + ".sql", "INSERT INTO t VALUES (1);\n");
  }
  const auto environment = seeds()[0];
  std::vector<expected<std::size_t>> done(4, expected<std::size_t>{0});
  std::vector<std::jthread> threads;
  for (auto& one : done) {
    threads.emplace_back([&] {
      migrator by{system, tested->operations()};
      one = by.run([&](const schema_state& now) { return plan_seeds(environment, now); });
    });
  }
  threads.clear();
  for (const auto& one : done) {
    BOOST_TEST(one.has_value(), (one ? "" : to_string(one.error())));
  }
  BOOST_TEST(rows("SELECT count(*) FROM t") == "20");
  BOOST_TEST(rows("SELECT count(*) FROM millrace_seeds") == "20");
  const auto now = owner.state();
  BOOST_REQUIRE(now);
  BOOST_TEST(plan_seeds(environment, *now).empty());
}

BOOST_AUTO_TEST_SUITE_END()
