/// Random sequences of what people do to migrations, their hooks and seeds, against a model of what must come of it.

#include <millrace/actors/schema/migrator.hpp>
#include <millrace/actors/schema/seeds.hpp>
#include <millrace/tests/support/actors/engine_fixture.hpp>
#include <millrace/tests/support/environment.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::test;

namespace {

constexpr int steps_each = 80;

/// A hook that fails changes what it may not.
enum class hook : std::uint8_t { none, says, fails };

struct model_file {
  int edition = 0; ///< Which of its texts.
  hook before = hook::none;
  hook after = hook::none;
};

/// A backfill that is under way.
struct model_backfill {
  std::uint64_t version = 0;
  int edition = 0;
  std::uint64_t rows = 0;
  bool paused = false;
};

constexpr std::uint64_t poison = 150; ///< The row that a backfill may fail at.
constexpr int failing = 2;            ///< The edition of a seed that does.

/// What should be there. Every other migration is a backfill, all others make a table.
struct model {
  std::map<std::uint64_t, model_file> files;
  std::map<std::uint64_t, int> applied; ///< Version, and the edition that is recorded.
  std::optional<model_backfill> begun;
  std::set<std::uint64_t> tables;
  std::map<std::uint64_t, std::vector<std::uint64_t>> filled; ///< How many rows a backfill did, each time it ended.
  std::map<std::string, hook> hooks;                          ///< Of the set.
  std::map<std::string, int> said;                            ///< How often each was run.
  std::optional<std::uint64_t> owed;   ///< The first migration that has not had the hook after a run.
  std::map<std::uint64_t, int> seeds;  ///< Number, and edition of the file.
  std::map<std::uint64_t, int> seeded; ///< The same as it is recorded.
  std::map<std::uint64_t, int> seed_runs;
  std::uint64_t rows = 200; ///< Of the table that backfills are about.
  bool poisoned = false;

  static bool is_backfill(std::uint64_t version) { return version % 2 == 0; }
  std::uint64_t newest() const { return applied.empty() ? 0 : applied.rbegin()->first; }
  std::uint64_t reached() const { return begun ? begun->rows : 0; }
  bool is_right(std::uint64_t version, int edition) const {
    const auto file = files.find(version);
    return file != files.end() && file->second.edition == edition;
  }
  /// Whether nothing is changed, missing, late, newer, stuck or paused.
  bool is_clean() const {
    const auto last = begun ? begun->version : newest();
    return (!begun || (is_right(begun->version, begun->edition) && !begun->paused))
           && std::ranges::all_of(applied, [&](const auto& one) { return is_right(one.first, one.second); })
           && std::ranges::all_of(files,
                                  [&](const auto& one) { return applied.contains(one.first) || one.first >= last; });
  }
  std::vector<std::uint64_t> pending(std::uint64_t most) const {
    std::vector<std::uint64_t> all;
    for (const auto& [version, file] : files) {
      if (version <= most && !applied.contains(version)) {
        all.push_back(version);
      }
    }
    return all;
  }
  /// The newest first.
  std::vector<std::uint64_t> above(std::uint64_t least) const {
    std::vector<std::uint64_t> all;
    for (const auto& [version, edition] : applied) {
      if (version > least) {
        all.insert(all.begin(), version);
      }
    }
    if (begun && (begun->version > least || !all.empty())) {
      all.insert(all.begin(), begun->version);
    }
    return all;
  }
  /// What is under way is taken back whatever its file says by now.
  bool can_take_back(const std::vector<std::uint64_t>& versions) const {
    return std::ranges::all_of(versions, [&](std::uint64_t version) {
      return applied.contains(version) ? is_right(version, applied.at(version)) : files.contains(version);
    });
  }
  void take_back(std::uint64_t version) {
    applied.erase(version);
    tables.erase(version);
    filled.erase(version);
    seeded.clear();
    owed = owed && *owed >= version ? std::nullopt : owed;
    if (begun && begun->version == version) {
      begun.reset();
    }
  }

  hook of_set(const std::string& name) const { return hooks.contains(name) ? hooks.at(name) : hook::none; }
  bool fails(const std::string& of_set_name, hook own) const {
    return of_set(of_set_name) == hook::fails || own == hook::fails;
  }
  void say(const std::string& what, hook how) { said[what] += how == hook::says ? 1 : 0; }
  void say_before(std::uint64_t version) {
    say("before_each", of_set("before_each"));
    say(fmt::format("before {}", version), files.at(version).before);
  }
  void say_after(std::uint64_t version) {
    say("after_each", of_set("after_each"));
    say(fmt::format("after {}", version), files.at(version).after);
  }
  /// What a hook of a run comes to.
  bool run_hook(const std::string& name) {
    say(name, of_set(name));
    return of_set(name) != hook::fails;
  }
  /// It is owed until it is run.
  bool run_last_hook() {
    if (!owed || of_set("after_run") == hook::none) {
      return true;
    }
    const bool done = run_hook("after_run");
    owed = done ? std::nullopt : owed;
    return done;
  }
  void record(std::uint64_t version) {
    applied[version] = files.at(version).edition;
    owed = of_set("after_run") == hook::none ? std::nullopt : std::optional{owed.value_or(version)};
  }

  /// False where nothing of it is kept.
  bool apply(std::uint64_t version) {
    const auto& file = files.at(version);
    if (fails("before_each", file.before) || fails("after_each", file.after)) {
      return false;
    }
    say_before(version);
    say_after(version);
    record(version);
    tables.insert(version);
    return true;
  }

  /// Whether a backfill comes to its end, given how many rows it may do before.
  bool can_begin(std::uint64_t version) const { return begun || !fails("before_each", files.at(version).before); }
  bool can_pass(std::uint64_t row) const { return !poisoned || reached() >= poison || row < poison; }
  bool can_end(std::uint64_t version) const { return can_pass(rows) && !fails("after_each", files.at(version).after); }
  /// So many rows of it are done.
  void advance(std::uint64_t version, std::uint64_t to) {
    if (!begun && to > 0) {
      say_before(version);
      begun = model_backfill{.version = version, .edition = files.at(version).edition, .rows = 0, .paused = false};
    }
    if (begun) {
      begun->rows = to;
    }
  }
  void end(std::uint64_t version) {
    advance(version, rows);
    say_after(version);
    filled[version].push_back(rows);
    record(version);
    begun.reset();
  }
};

struct migration_model_fixture : engine_fixture {
  model expected;
  std::mt19937_64 random;

  std::filesystem::path file(std::uint64_t version, const std::string& ending) const {
    return folder.path() / "main" / fmt::format("{:04}_m.{}.sql", version, ending);
  }
  std::filesystem::path seed_file(std::uint64_t number) const {
    return folder.path() / "seeds" / "dev" / fmt::format("{:02}_s{}.sql", number, number);
  }

  static void write_hook(const std::filesystem::path& to, const std::string& name, hook how) {
    if (how == hook::none) {
      std::filesystem::remove(to);
    } else {
      std::ofstream{to} << (how == hook::fails ? "INSERT INTO said VALUES (NULL)"
                                               : "INSERT INTO said VALUES ('" + name + "')");
    }
  }

  void write(std::uint64_t version, int edition) {
    auto& one = expected.files[version];
    one.edition = edition;
    const bool parts = model::is_backfill(version);
    std::ofstream{file(version, "up")}
      << (parts ? fmt::format(
            "-- backfill: big\nINSERT INTO did SELECT {}, id FROM big WHERE id BETWEEN :first AND :last; -- {}",
            version, edition)
                : fmt::format("CREATE TABLE IF NOT EXISTS t{}(a); -- {}", version, edition));
    std::ofstream{file(version, "down")} << (parts ? fmt::format("DELETE FROM did WHERE version = {}", version)
                                                   : fmt::format("DROP TABLE IF EXISTS t{}", version));
  }

  void write_seed(std::uint64_t number, int edition) {
    expected.seeds[number] = edition;
    const auto what = edition == failing ? std::string{"NULL"} : std::to_string(number);
    std::ofstream{seed_file(number)} << fmt::format("INSERT INTO seeded VALUES ({}); -- {}", what, edition);
  }

  /// Most run.
  hook any_hook() { return std::array{hook::none, hook::says, hook::says, hook::fails}[random() % 4]; }

  template <class Versions>
  std::uint64_t any_of(const Versions& among) {
    auto at = among.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(random() % among.size()));
    return at->first;
  }

  bool run(const migrator::planner& plan, migrator_options how = {}) {
    const auto done = migrator{system, tested->operations(), std::move(how)}.run(plan);
    BOOST_TEST_MESSAGE((done ? fmt::format("{} steps", *done) : to_string(done.error())));
    return done.has_value();
  }

  migration_set set() const {
    auto read = read_migration_set(folder.path() / "main");
    BOOST_REQUIRE_MESSAGE(read, (read ? "" : to_string(read.error())));
    return std::move(*read);
  }

  schema_state state() {
    auto now = migrator{system, tested->operations()}.state();
    BOOST_REQUIRE(now);
    return std::move(*now);
  }

  /// How many rows of a backfill that did not end are done: that depends on how long its parts took.
  std::uint64_t rows_done(std::uint64_t most) {
    const auto now = state();
    const auto* const at = backfill_of(now, "main");
    const auto done = at == nullptr ? 0 : at->rows_done;
    BOOST_TEST((expected.reached() <= done && done <= most), done << " rows");
    return done;
  }

  /// What a run comes to that is not stopped.
  bool follow(const std::vector<std::uint64_t>& pending) {
    return (pending.empty() || expected.run_hook("before_run"))
           && std::ranges::all_of(pending, [this](std::uint64_t version) { return follow_one(version); })
           && expected.run_last_hook();
  }

  bool follow_one(std::uint64_t version) {
    if (!model::is_backfill(version)) {
      return expected.apply(version);
    }
    if (!expected.can_begin(version)) {
      return false;
    }
    if (expected.can_end(version)) {
      expected.end(version);
      return true;
    }
    const bool passes = expected.can_pass(expected.rows);
    expected.advance(version, rows_done(passes ? expected.rows : poison - 1));
    return false;
  }

  void up(std::uint64_t most) {
    const auto sets = std::vector{set()};
    const bool done = run([&](const schema_state& now) { return plan_up(sets, now, {.version = most}); });
    BOOST_TEST(done == (expected.is_clean() && follow(expected.pending(most))));
  }

  /// One that is stopped before its first step, after it, or between two parts of a backfill.
  void up_stopped() {
    const auto sets = std::vector{set()};
    const auto most = random() % 5;
    std::uint64_t granted = 0;
    bool stopped = false;
    const auto stop = [&] {
      stopped = granted == most;
      granted += stopped ? 0 : 1;
      return stopped;
    };
    const bool done = run([&](const schema_state& now) { return plan_up(sets, now, {.count = 1}); }, {.stop = stop});
    auto next = expected.pending(INT64_MAX);
    next.resize(std::min<std::size_t>(next.size(), 1));
    if (!stopped) {
      BOOST_TEST(done == (expected.is_clean() && follow(next)));
      return;
    }
    BOOST_TEST(!done);
    if (granted > 0 && expected.of_set("before_run") != hook::none) {
      --granted;
      BOOST_TEST(expected.run_hook("before_run"));
    }
    if (granted > 0) {
      follow_stopped(next.front());
    }
  }

  /// Where it came to its end, what runs after it was not begun.
  void follow_stopped(std::uint64_t version) {
    const auto applied = applied_of(state(), "main");
    if (!applied.migrations.empty() && applied.migrations.back().version == version) {
      BOOST_TEST(follow_one(version));
    } else {
      BOOST_TEST(model::is_backfill(version));
      expected.advance(version, rows_done(expected.rows));
    }
  }

  /// The next part of a backfill alone, as a driver sends it that is gone after it.
  void part() {
    const auto sets = std::vector{set()};
    const auto plan = plan_up(sets, state(), {.count = 1});
    BOOST_TEST(plan.has_value() == expected.is_clean());
    const auto next = expected.pending(INT64_MAX);
    if (!plan || next.empty() || !model::is_backfill(next.front())) {
      return;
    }
    const auto version = next.front();
    auto change = std::ranges::find(*plan, version, [](const planned_change& one) { return one.id.version; })->change;
    change.rows_max = 1 + random() % 80;
    caf::scoped_actor self{system};
    bool done = false;
    self->request(tested->operations(), caf::infinite, change)
      .receive([&](const outcome&) { done = true; }, [](const caf::error&) {});
    const auto to = std::min(expected.rows, expected.reached() + change.rows_max);
    const bool last = expected.reached() + change.rows_max > expected.rows;
    const bool may = expected.can_begin(version) && expected.can_pass(to) && (!last || expected.can_end(version));
    BOOST_TEST(done == may);
    if (may && last) {
      expected.end(version);
    } else if (may) {
      expected.advance(version, to);
    }
  }

  /// Down to a version. Nothing of it is done where one of those above is not as it was.
  void down(std::uint64_t least) {
    const auto files = set();
    const auto back = expected.above(least);
    const bool may = expected.can_take_back(back);
    BOOST_TEST(run([&](const schema_state& now) { return plan_down(files, now, back.size()); }) == may);
    std::ranges::for_each(may ? back : std::vector<std::uint64_t>{},
                          [this](std::uint64_t version) { expected.take_back(version); });
  }

  void go_to(std::uint64_t version) {
    const auto sets = std::vector{set()};
    const bool done = run([&](const schema_state& now) { return plan_goto(sets, now, "main", version); });
    const auto back = expected.above(version);
    auto after = expected;
    std::ranges::for_each(back, [&](std::uint64_t one) { after.take_back(one); });
    if ((version != 0 && !expected.files.contains(version)) || !expected.can_take_back(back) || !after.is_clean()) {
      BOOST_TEST(!done);
      return;
    }
    expected = after;
    const auto pending = expected.pending(version);
    const bool above = expected.owed && *expected.owed > version; // Whose record is gone.
    BOOST_TEST(done == (pending.empty() && above ? true : follow(pending)));
  }

  void repair() {
    const auto files = set();
    BOOST_TEST(run([&](const schema_state& now) { return plan_repair(files, now); }) == !expected.begun);
    if (expected.begun) {
      return;
    }
    const auto newest_file = expected.files.empty() ? UINT64_MAX : expected.files.rbegin()->first;
    std::erase_if(expected.applied,
                  [&](const auto& one) { return !expected.files.contains(one.first) && one.first < newest_file; });
    for (auto& [version, edition] : expected.applied) {
      const auto there = expected.files.find(version);
      edition = there == expected.files.end() ? edition : there->second.edition;
    }
  }

  void rest() {
    const auto files = set();
    const auto step = random() % 2 == 0 ? schema_step::pause : schema_step::resume;
    const bool done = run([&](const schema_state& now) { return plan_pause(files, now, step); });
    BOOST_TEST(done == expected.begun.has_value());
    if (expected.begun) {
      expected.begun->paused = step == schema_step::pause;
    }
  }

  void seed() {
    const auto read = read_seeds(folder.path() / "seeds");
    BOOST_REQUIRE((read && read->size() == 1u));
    const bool done = run(
      [&](const schema_state& now) -> millrace::expected<migration_plan> { return plan_seeds(read->front(), now); });
    bool expects = true;
    for (auto one = expected.seeds.begin(); expects && one != expected.seeds.end(); ++one) {
      const auto& [number, edition] = *one;
      const auto recorded = expected.seeded.find(number);
      if (recorded == expected.seeded.end() || recorded->second != edition) {
        expects = edition != failing;
        expected.seed_runs[number] += expects ? 1 : 0;
        if (expects) {
          expected.seeded[number] = edition;
        }
      }
    }
    BOOST_TEST(done == expects);
  }

  void change_files() {
    if (expected.files.size() < 3 || random() % 2 == 0) {
      const auto last = expected.files.empty() ? 0 : expected.files.rbegin()->first;
      write(std::max<std::uint64_t>(last, random() % 4 == 0 ? 0 : expected.newest()) + 1,
            static_cast<int>(random() % 2));
      return;
    }
    const auto version = any_of(expected.files);
    const bool may_go = expected.files.size() > 1 || expected.hooks.empty(); // Hooks of no migration are refused.
    if (random() % 4 == 0 && may_go) {
      for (const auto* const ending : {"up", "down", "before", "after"}) {
        std::filesystem::remove(file(version, ending));
      }
      expected.files.erase(version);
    } else {
      write(version, random() % 4 == 0 ? 1 : 0);
    }
  }

  void change_hooks() {
    if (const auto kind = random() % 6; kind < 4 && !expected.files.empty()) {
      const auto* const name = std::array{"before_run", "after_run", "before_each", "after_each"}[kind];
      expected.hooks[name] = any_hook();
      write_hook(folder.path() / "main" / fmt::format("{}.sql", name), name, expected.hooks[name]);
    } else if (!expected.files.empty()) {
      const auto version = any_of(expected.files);
      const auto* const ending = kind == 4 ? "before" : "after";
      auto& one = expected.files.at(version);
      auto& changed = kind == 4 ? one.before : one.after;
      changed = any_hook();
      write_hook(file(version, ending), fmt::format("{} {}", ending, version), changed);
    }
  }

  /// What others write.
  void change_rows() {
    auto db = connect();
    switch (random() % 3) {
      case 0:
        ++expected.rows;
        BOOST_TEST(db.execute("INSERT INTO big VALUES (NULL)").has_value());
        return;
      case 1:
        expected.poisoned = true;
        BOOST_TEST(db.execute("INSERT INTO poison VALUES (?1)", poison).has_value());
        return;
      default:
        expected.poisoned = false;
        BOOST_TEST(db.execute("DELETE FROM poison").has_value());
    }
  }

  void change_seeds() {
    if (expected.seeds.empty() || random() % 2 == 0) {
      write_seed(1 + random() % 3, static_cast<int>(random() % 3));
    } else {
      const auto number = any_of(expected.seeds);
      std::filesystem::remove(seed_file(number));
      expected.seeds.erase(number);
    }
  }

  void step() {
    if (expected.begun && random() % 2 == 0) { // What is about that alone.
      const auto kind = random() % 4;
      return kind < 2 ? part() : kind == 2 ? rest() : up_stopped();
    }
    switch (random() % 20) {
      case 0:
      case 1:
      case 2:
        return change_files();
      case 3:
      case 4:
        return change_hooks();
      case 5:
        return change_rows();
      case 6:
        return random() % 2 == 0 ? change_seeds() : seed();
      case 7:
      case 8:
      case 9:
        return up(INT64_MAX);
      case 10:
        return up(expected.newest() + 1);
      case 11:
        return up_stopped();
      case 12:
      case 13:
        return part();
      case 14:
        return down(expected.newest() == 0 ? 0 : expected.newest() - 1);
      case 15:
        return down(expected.begun || expected.applied.empty() ? expected.newest() : any_of(expected.applied));
      case 16:
        return go_to(random() % 5 == 0 || expected.files.empty() ? 0 : any_of(expected.files));
      case 17:
      case 18:
        return repair();
      default:
        return random() % 2 == 0 ? open() : kill("writer");
    }
  }

  void check() {
    check_rows();
    const auto now = state();
    const auto applied = applied_of(now, "main");
    BOOST_TEST((!check_chain(applied)));
    BOOST_REQUIRE(applied.migrations.size() == expected.applied.size());
    BOOST_TEST(std::ranges::equal(applied.migrations, expected.applied, {}, &applied_migration::version,
                                  [](const auto& one) { return one.first; }));
    BOOST_TEST(now.drift.empty());
    BOOST_REQUIRE(now.owed.size() == (expected.owed ? 1u : 0u));
    if (expected.owed) {
      BOOST_TEST(now.owed[0].version == *expected.owed);
    }
    const auto* const begun = backfill_of(now, "main");
    BOOST_REQUIRE((begun != nullptr) == expected.begun.has_value());
    if (begun != nullptr) {
      BOOST_TEST(begun->id.version == expected.begun->version);
      BOOST_TEST(begun->rows_done == expected.begun->rows);
      BOOST_TEST(begun->paused == expected.begun->paused);
    }
    for (const auto& one : compare(set(), applied)) {
      const auto there = expected.applied.find(one.id.version);
      const bool right = there != expected.applied.end() && expected.is_right(there->first, there->second);
      BOOST_TEST((one.state == migration_state::applied) == right);
    }
    BOOST_TEST(std::ranges::equal(now.seeds, expected.seeded, {}, &applied_seed::name,
                                  [](const auto& one) { return fmt::format("s{}", one.first); }));
  }

  void check_rows() {
    std::vector<std::string> there;
    for (const auto version : expected.tables) {
      there.push_back(fmt::format("t{:04}", version));
    }
    plain_connection seen{database()};
    BOOST_TEST(seen.lines("SELECT printf('t%04d', substr(name, 2)) FROM sqlite_schema WHERE name LIKE 't%' AND "
                          "type = 'table' ORDER BY 1")
                 == there,
               boost::test_tools::per_element());
    auto filled = expected.filled;
    if (expected.begun) {
      filled[expected.begun->version].push_back(expected.begun->rows);
    }
    there.clear();
    for (const auto& [version, times] : filled) { // Each row once each time, from the first one on.
      const auto most = *std::ranges::max_element(times);
      there.push_back(
        fmt::format("{}|{}|{}|{}", version, std::accumulate(times.begin(), times.end(), std::uint64_t{0}), most, most));
    }
    BOOST_TEST(
      seen.lines("SELECT version, count(*), count(DISTINCT id), max(id) FROM did GROUP BY version ORDER BY version")
        == there,
      boost::test_tools::per_element());
    check_counts(seen.cells("SELECT what, count(*) FROM said GROUP BY what"), expected.said);
    check_counts(seen.cells("SELECT 's' || number, count(*) FROM seeded GROUP BY number"), named_seed_runs());
  }

  std::map<std::string, int> named_seed_runs() const {
    std::map<std::string, int> named;
    for (const auto& [number, times] : expected.seed_runs) {
      named[fmt::format("s{}", number)] = times;
    }
    return named;
  }

  static void check_counts(const std::vector<std::vector<std::string>>& found,
                           const std::map<std::string, int>& wanted) {
    std::map<std::string, int> counted;
    for (const auto& row : found) {
      counted[row[0]] = std::stoi(row[1]);
    }
    for (const auto& [what, times] : wanted) {
      BOOST_TEST(counted[what] == times, what << ": " << counted[what] << " times, not " << times);
      counted.erase(what);
    }
    BOOST_TEST(counted.empty());
  }
};

constexpr auto tables = R"(
CREATE TABLE big(id INTEGER PRIMARY KEY);
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 200) INSERT INTO big SELECT n FROM i;
CREATE TABLE did(version, id);
CREATE TABLE poison(id);
CREATE TRIGGER did_not BEFORE INSERT ON did WHEN new.id IN (SELECT id FROM poison)
  BEGIN SELECT RAISE(ABORT, 'poison'); END;
CREATE TABLE said(what TEXT NOT NULL);
CREATE TABLE seeded(number INTEGER NOT NULL);
)";

} // namespace

BOOST_FIXTURE_TEST_SUITE(migration_model_suite, migration_model_fixture)

BOOST_AUTO_TEST_CASE(whatever_is_done_to_files_and_database_comes_out_as_the_model_says) {
  const auto first = from_environment("MILLRACE_TEST_SEED", 1);
  for (auto sequence = first; sequence < first + 12; ++sequence) {
    random.seed(sequence);
    expected = {};
    settings.data = folder.path() / ("data" + std::to_string(sequence));
    for (const auto& one : {folder.path() / "main", folder.path() / "seeds"}) {
      std::filesystem::remove_all(one);
    }
    std::filesystem::create_directories(folder.path() / "main");
    std::filesystem::create_directories(seed_file(1).parent_path());
    write(1, 0);
    open(tables);
    for (int i = 0; i < steps_each; ++i) {
      BOOST_TEST_CONTEXT("MILLRACE_TEST_SEED=" << sequence << ", step " << i) {
        step();
        check();
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
