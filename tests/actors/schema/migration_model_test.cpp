/// Random sequences of what people do to migrations, against a model of what must come of it.

#include <millrace/actors/schema/migrator.hpp>
#include <millrace/tests/support/actors/engine_fixture.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <boost/test/unit_test.hpp>

using namespace millrace;

namespace {

constexpr int sequences = 12;
constexpr int steps = 40;

/// What should be there.
struct model {
  std::map<std::uint64_t, int> files;   ///< Version, and how often its text was changed.
  std::map<std::uint64_t, int> applied; ///< The same when it was applied, or recorded.
  std::set<std::uint64_t> tables;

  std::uint64_t newest() const { return applied.empty() ? 0 : applied.rbegin()->first; }
  bool is_right(std::uint64_t version) const {
    const auto file = files.find(version);
    return file != files.end() && file->second == applied.at(version);
  }
  /// Whether nothing is changed, missing, late or newer.
  bool is_clean() const {
    return std::ranges::all_of(applied, [&](const auto& one) { return is_right(one.first); })
           && std::ranges::all_of(files,
                                  [&](const auto& one) { return applied.contains(one.first) || one.first > newest(); });
  }
};

struct fixture : test::engine_fixture {
  model expected;
  std::mt19937_64 random;

  std::filesystem::path file(std::uint64_t version, const std::string& ending) const {
    return folder.path() / "main" / fmt::format("{:04}_m.{}.sql", version, ending);
  }

  void write(std::uint64_t version, int edition) {
    std::filesystem::create_directories(folder.path() / "main");
    std::ofstream{file(version, "up")} << fmt::format("CREATE TABLE IF NOT EXISTS t{}(a); -- {}", version, edition);
    std::ofstream{file(version, "down")} << fmt::format("DROP TABLE IF EXISTS t{}", version);
    expected.files[version] = edition;
  }

  template <class Versions>
  std::uint64_t any_of(const Versions& among) {
    auto at = among.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(random() % among.size()));
    return at->first;
  }

  bool run(const migrator::planner& plan) {
    const auto done = migrator{system, tested->operations()}.run(plan);
    return done.has_value();
  }

  migration_set set() const {
    auto read = read_migration_set(folder.path() / "main");
    BOOST_REQUIRE_MESSAGE(read, (read ? "" : to_string(read.error())));
    return std::move(*read);
  }

  void up(std::uint64_t most) {
    const auto sets = std::vector{set()};
    const bool done = run([&](const schema_state& now) { return plan_up(sets, now, {.version = most}); });
    BOOST_TEST(done == expected.is_clean());
    if (done) {
      for (const auto& [version, edition] : expected.files) {
        if (version <= most && !expected.applied.contains(version)) {
          expected.applied[version] = edition;
          expected.tables.insert(version);
        }
      }
    }
  }

  /// Down to a version. Nothing of it is done where one of those above is not as it was.
  void down(std::uint64_t least) {
    const auto files = set();
    const auto count = static_cast<std::size_t>(
      std::ranges::count_if(expected.applied, [&](const auto& one) { return one.first > least; }));
    const bool may = std::ranges::all_of(
      expected.applied, [&](const auto& one) { return one.first <= least || expected.is_right(one.first); });
    BOOST_TEST(run([&](const schema_state& now) { return plan_down(files, now, count); }) == may);
    while (may && expected.newest() > least) {
      expected.tables.erase(expected.newest());
      expected.applied.erase(expected.newest());
    }
  }

  void repair() {
    const auto files = set();
    BOOST_TEST(run([&](const schema_state& now) { return plan_repair(files, now); }));
    const auto newest_file = expected.files.empty() ? UINT64_MAX : expected.files.rbegin()->first;
    std::erase_if(expected.applied,
                  [&](const auto& one) { return !expected.files.contains(one.first) && one.first < newest_file; });
    for (auto& [version, edition] : expected.applied) {
      const auto there = expected.files.find(version);
      edition = there == expected.files.end() ? edition : there->second;
    }
  }

  void change_files() {
    if (expected.files.empty() || random() % 3 == 0) {
      const auto last = expected.files.empty() ? 0 : expected.files.rbegin()->first;
      write(std::max<std::uint64_t>(last, random() % 4 == 0 ? 0 : expected.newest()) + 1,
            static_cast<int>(random() % 2));
      return;
    }
    const auto version = any_of(expected.files);
    if (random() % 4 == 0) {
      std::filesystem::remove(file(version, "up"));
      std::filesystem::remove(file(version, "down"));
      expected.files.erase(version);
    } else {
      write(version, static_cast<int>(random() % 2));
    }
  }

  void step() {
    switch (random() % 8) {
      case 0:
      case 1:
        return change_files();
      case 2:
        return up(INT64_MAX);
      case 3:
        return up(expected.newest() + 1);
      case 4:
        return down(expected.newest() == 0 ? 0 : expected.newest() - 1);
      case 5:
        return down(expected.applied.empty() ? 0 : any_of(expected.applied));
      case 6:
        return repair();
      default:
        return random() % 2 == 0 ? open() : kill("writer");
    }
  }

  void check() {
    std::string there;
    for (const auto version : expected.tables) {
      there += (there.empty() ? "" : "\n") + fmt::format("t{:04}", version);
    }
    BOOST_TEST(
      rows("SELECT printf('t%04d', substr(name, 2)) FROM sqlite_schema WHERE name LIKE 't%' AND type = 'table' "
           "ORDER BY 1")
      == there);
    const auto now = migrator{system, tested->operations()}.state();
    BOOST_REQUIRE(now);
    const auto applied = applied_of(*now, "main");
    BOOST_TEST((!check_chain(applied)));
    BOOST_REQUIRE(applied.migrations.size() == expected.applied.size());
    BOOST_TEST(std::ranges::equal(applied.migrations, expected.applied, {}, &applied_migration::version,
                                  [](const auto& one) { return one.first; }));
    BOOST_TEST(now->drift.empty());
    for (const auto& one : compare(set(), applied)) {
      const bool right = expected.applied.contains(one.id.version) && expected.is_right(one.id.version);
      BOOST_TEST((one.state == migration_state::applied) == right);
    }
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(migration_model_suite, fixture)

BOOST_AUTO_TEST_CASE(whatever_is_done_to_files_and_database_comes_out_as_the_model_says) {
  for (int sequence = 1; sequence <= sequences; ++sequence) {
    random.seed(static_cast<std::uint64_t>(sequence));
    expected = {};
    settings.data = folder.path() / ("data" + std::to_string(sequence));
    std::filesystem::remove_all(folder.path() / "main");
    write(1, 0);
    open();
    for (int i = 0; i < steps; ++i) {
      BOOST_TEST_CONTEXT("sequence " << sequence << ", step " << i) {
        step();
        check();
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
