#include <millrace/actors/schema/digest.hpp>
#include <millrace/actors/schema/plan.hpp>
#include <millrace/tests/support/printing.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace millrace;

namespace {

migration file(std::uint64_t version, std::vector<migration_id> needs = {}) {
  const auto number = std::to_string(version);
  return {.version = version, .name = "m" + number, .up = "up " + number, .down = "down " + number, .needs = needs};
}

migration_set set_of(const std::string& name, std::vector<migration> files) {
  return {.name = name, .migrations = std::move(files)};
}

/// As if so many of each set were applied.
schema_state applied(const std::vector<migration_set>& sets) {
  schema_state state;
  for (const auto& set : sets) {
    sha256 before{};
    auto& made = state.sets.emplace_back(applied_set{.name = set.name, .migrations = {}});
    for (const auto& one : set.migrations) {
      made.migrations.push_back(record_of(one, before));
      before = made.migrations.back().chain;
    }
  }
  return state;
}

std::string text_of(const expected<migration_plan>& plan) {
  BOOST_REQUIRE_MESSAGE(plan, (plan ? "" : to_string(plan.error())));
  std::string text;
  for (const auto& step : *plan) {
    text += (text.empty() ? "" : " ") + step.id.set + std::to_string(step.id.version)
            + (step.change.step == schema_step::down ? "-" : "");
  }
  return text;
}

std::string why(const expected<migration_plan>& plan) {
  BOOST_REQUIRE(!plan);
  BOOST_TEST((plan.error().code == errc::schema_conflict));
  return plan.error().detail;
}

std::string states(const migration_set& files, const applied_set& there) {
  std::string text;
  for (const auto& one : compare(files, there)) {
    text += (text.empty() ? "" : " ") + std::to_string(one.id.version) + ":" + to_text(one.state);
  }
  return text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(plan_suite)

BOOST_AUTO_TEST_CASE(what_is_changed_missing_late_and_newer_is_told_apart) {
  const auto there = applied({set_of("a", {file(1), file(3), file(5), file(9)})}).sets[0];
  auto changed = file(3);
  changed.up += "!";
  const auto files = set_of("a", {file(1), file(2), changed, file(7)});
  BOOST_TEST(states(files, there) == "1:applied 2:late 3:changed 5:missing 7:late 9:newer");
  BOOST_TEST(states(set_of("a", {file(1), file(10)}), applied_set{}) == "1:pending 10:pending");
  auto renamed = file(1);
  renamed.name = "other";
  BOOST_TEST(states(set_of("a", {renamed}), applied({set_of("a", {file(1)})}).sets[0]) == "1:changed");
  BOOST_TEST(states(set_of("a", {}), applied({set_of("a", {file(1)})}).sets[0]) == "1:missing");
  for (const auto& one : compare(files, there)) {
    BOOST_TEST(remedy_for(one).empty() == (one.state == migration_state::applied));
  }
}

BOOST_AUTO_TEST_CASE(what_is_pending_is_applied_after_what_it_needs) {
  const std::vector<migration_set> sets{set_of("a", {file(1), file(2, {{"b", 2}}), file(3)}),
                                        set_of("b", {file(1, {{"a", 1}}), file(2)})};
  BOOST_TEST(text_of(plan_up(sets, {}, {})) == "a1 b1 b2 a2 a3");
  BOOST_TEST(text_of(plan_up(sets, {}, {.count = 2})) == "a1 b1");
  BOOST_TEST(text_of(plan_up(sets, applied(sets), {})) == "");
  BOOST_TEST(text_of(plan_up(sets, applied({set_of("a", {file(1)})}), {.set = "b"})) == "b1 b2");
  BOOST_TEST(
    why(plan_up(sets, {}, {.set = "b"})).find("b/0001_m1 needs a/0001, which is not applied; apply set a first") == 0u);
}

BOOST_AUTO_TEST_CASE(each_step_follows_the_one_before_it) {
  const std::vector<migration_set> sets{set_of("a", {file(1), file(2)})};
  const auto plan = plan_up(sets, {}, {});
  BOOST_REQUIRE((plan && plan->size() == 2u));
  BOOST_TEST((plan->at(0).change.expected == sha256{}));
  BOOST_TEST((plan->at(1).change.expected == plan->at(0).change.migrations[0].chain));
  BOOST_TEST(plan->at(1).change.sql == "up 2");
  BOOST_TEST((!check(plan->at(1).change)));
  BOOST_TEST((applied(sets).sets[0].migrations[1] == plan->at(1).change.migrations[0]));
}

BOOST_AUTO_TEST_CASE(hooks_stand_around_what_is_applied_and_nothing_that_is_taken_back) {
  auto a = set_of("a", {file(1), file(2, {{"b", 1}}), file(3)});
  a.hooks = {.before_run = "br", .after_run = "ar", .before_each = "be", .after_each = "ae"};
  a.migrations[1].before = "b2";
  a.migrations[1].after = "a2";
  auto b = set_of("b", {file(1)});
  b.hooks.after_run = "bar";
  const auto plan = plan_up({a, b}, {}, {});
  const auto plain = plan_up({set_of("a", {file(1)})}, {}, {});
  BOOST_TEST(text_of(plan) == "a0 a1 b1 b0 a2 a3 a0");
  std::string names;
  for (const auto& step : *plan) {
    BOOST_TEST((!check(step.change)));
    names += step.id.version == 0 ? step.name + ' ' : "";
  }
  BOOST_TEST(names == "a/before_run.sql b/after_run.sql a/after_run.sql ");
  using hooks = std::vector<schema_hook>;
  BOOST_TEST((plan->at(4).change.before == hooks{{"a/before_each.sql", "be"}, {"a/0002_m2.before.sql", "b2"}}));
  BOOST_TEST((plan->at(4).change.after == hooks{{"a/0002_m2.after.sql", "a2"}, {"a/after_each.sql", "ae"}}));
  BOOST_TEST(plan->at(2).change.before.empty());
  BOOST_TEST((plan->at(1).change.migrations == plain.value().at(0).change.migrations));
  BOOST_TEST(text_of(plan_up({a, b}, applied({a, b}), {})) == "");
  const auto back = plan_down(a, applied({a, b}), 1);
  BOOST_TEST(text_of(back) == "a3-");
  BOOST_TEST(back->at(0).change.before.empty());
  BOOST_TEST(text_of(plan_goto({a, b}, applied({set_of("a", {file(1)}), b}), "a", 2)) == "a0 a2 a0");
}

BOOST_AUTO_TEST_CASE(a_hook_that_is_owed_is_run_after_all_else_or_alone) {
  auto a = set_of("a", {file(1), file(2)});
  a.hooks = {.before_run = "br", .after_run = "ar"};
  const std::vector<migration_set> sets{a, set_of("b", {file(1)})};
  auto state = applied(sets);
  state.owed = {{"a", 2}};
  const auto alone = plan_up(sets, state, {});
  BOOST_TEST(text_of(alone) == "a0");
  BOOST_TEST(alone->at(0).name == "a/after_run.sql");
  BOOST_TEST(alone->at(0).change.after_run);
  BOOST_TEST((!check(alone->at(0).change)));
  BOOST_TEST(text_of(plan_up(sets, state, {.set = "b"})) == "");
  BOOST_TEST(text_of(plan_goto(sets, state, "a", 2)) == "a0");
  BOOST_TEST(text_of(plan_goto(sets, state, "a", 1)) == "a2-"); // Nothing of that run is left.
  const auto all = compare(a, state);
  BOOST_REQUIRE(all.size() == 3u);
  BOOST_TEST((all[2] == migration_status{{"a", 0}, "a/after_run.sql", migration_state::owed}));
  BOOST_TEST(remedy_for(all[2]).empty());

  auto half = state;
  half.sets[0].migrations.pop_back();
  const auto rest = plan_up(sets, half, {});
  BOOST_TEST(text_of(rest) == "a0 a2 a0");
  BOOST_TEST(!rest->at(0).change.after_run);
  BOOST_TEST(rest->at(1).change.after_run);
  a.hooks.after_run.clear();
  BOOST_TEST(text_of(plan_up({a}, state, {})) == "");
  BOOST_TEST(compare(a, state).size() == 2u);
}

BOOST_AUTO_TEST_CASE(each_way_has_the_timeout_of_its_own_file) {
  const auto one = make_migration(1, "a", "-- timeout: 30s\nSELECT 1", "-- timeout: 5 min\nSELECT 2");
  BOOST_REQUIRE(one);
  const auto files = set_of("a", {*one});
  const auto up = plan_up({files}, {}, {});
  const auto down = plan_down(files, applied({files}), 1);
  BOOST_TEST((up.value().at(0).change.timeout == std::chrono::seconds{30}));
  BOOST_TEST((down.value().at(0).change.timeout == std::chrono::minutes{5}));
}

BOOST_AUTO_TEST_CASE(cycles_and_what_is_nowhere_are_refused) {
  BOOST_TEST(
    why(plan_up({set_of("a", {file(1, {{"b", 1}})}), set_of("b", {file(1, {{"a", 1}})})}, {}, {})).find("a cycle")
    != std::string::npos);
  BOOST_TEST(why(plan_up({set_of("a", {file(1, {{"a", 1}})})}, {}, {})).find("a cycle") != std::string::npos);
  BOOST_TEST(why(plan_up({set_of("a", {file(1, {{"a", 2}}), file(2)})}, {}, {})).find("a cycle") != std::string::npos);
  BOOST_TEST(why(plan_up({set_of("a", {file(1, {{"b", 7}})})}, {}, {})).find("has no file here") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(nothing_is_planned_over_what_is_wrong) {
  auto changed = file(1);
  changed.up = "other";
  const auto there = applied({set_of("a", {file(1), file(2)})});
  BOOST_TEST(
    why(plan_up({set_of("a", {changed, file(2), file(3)})}, there, {})).find("changed or renamed after it was applied")
    != std::string::npos);
  BOOST_TEST(why(plan_up({set_of("a", {file(2), file(3)})}, there, {})).find("its file is missing")
             != std::string::npos);
  BOOST_TEST(why(plan_up({set_of("a", {file(1)})}, there, {})).find("newer program") != std::string::npos);
  auto tampered = there;
  tampered.sets[0].migrations[0].checksum[0] ^= 1;
  BOOST_TEST(why(plan_up({set_of("a", {file(1), file(2), file(3)})}, tampered, {})).find("changed by somebody else")
             != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_newest_are_taken_back_first) {
  const auto files = set_of("a", {file(1), file(2), file(3)});
  const auto there = applied({files});
  BOOST_TEST(text_of(plan_down(files, there, 2)) == "a3- a2-");
  BOOST_TEST(text_of(plan_down(files, there, 9)) == "a3- a2- a1-");
  BOOST_TEST(text_of(plan_down(files, {}, 1)) == "");
  auto forward = file(3);
  forward.down.reset();
  const auto irreversible = set_of("a", {file(1), file(2), forward});
  BOOST_TEST(why(plan_down(irreversible, applied({irreversible}), 1)).find("0003_m3.down.sql") != std::string::npos);
  BOOST_TEST(why(plan_down(set_of("a", {file(1)}), there, 1)).find("newer program") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_version_is_reached_from_above_and_below) {
  const std::vector<migration_set> sets{set_of("a", {file(1), file(2), file(3)})};
  const auto two = applied({set_of("a", {file(1), file(2)})});
  BOOST_TEST(text_of(plan_goto(sets, two, "a", 3)) == "a3");
  BOOST_TEST(text_of(plan_goto(sets, two, "a", 2)) == "");
  BOOST_TEST(text_of(plan_goto(sets, two, "a", 0)) == "a2- a1-");
  BOOST_TEST(why(plan_goto(sets, two, "a", 4)) == "set a has no migration 4");
  // One that came late can be applied once those above it are gone.
  BOOST_TEST(text_of(plan_goto(sets, applied({set_of("a", {file(1), file(3)})}), "a", 2)) == "a3- a2");
}

BOOST_AUTO_TEST_CASE(a_baseline_is_for_what_is_pending) {
  const auto files = set_of("a", {file(1), file(2), file(3)});
  const auto plan = plan_baseline(files, {}, 2);
  BOOST_REQUIRE(plan);
  BOOST_TEST((plan->at(0).change.migrations == applied({set_of("a", {file(1), file(2)})}).sets[0].migrations));
  BOOST_TEST(why(plan_baseline(files, applied({files}), 2)).find("all up to 3") != std::string::npos);
  const auto more = plan_baseline(files, applied({set_of("a", {file(1)})}), 3);
  BOOST_REQUIRE(more);
  BOOST_TEST(more->at(0).change.migrations.size() == 2u);
  BOOST_TEST((more->at(0).change.expected == applied({set_of("a", {file(1)})}).sets[0].migrations[0].chain));
  BOOST_TEST(why(plan_baseline(files, {}, 7)) == "set a has no migration 7");
}

BOOST_AUTO_TEST_CASE(a_repair_takes_the_files_word_and_keeps_what_a_newer_program_applied) {
  const auto there = applied({set_of("a", {file(1), file(2), file(3), file(4)})});
  auto changed = file(3);
  changed.up = "other";
  const auto files = set_of("a", {file(1), changed});
  const auto plan = plan_repair(files, there);
  BOOST_REQUIRE((plan && plan->size() == 1u));
  auto after = applied_set{.name = "a", .migrations = plan->at(0).change.migrations};
  BOOST_TEST(states(files, after) == "1:applied 3:applied 4:newer");
  BOOST_TEST((!check_chain(after)));
  BOOST_TEST((plan->at(0).change.expected == there.sets[0].migrations.back().chain));
  BOOST_TEST(plan->at(0).change.sql == "-- forgotten: a/0002_m2\n-- recorded anew: a/0003_m3\n");
  schema_state repaired{.sets = {after}};
  BOOST_TEST(text_of(plan_repair(files, repaired)) == "");
}

BOOST_AUTO_TEST_CASE(a_backfill_that_is_under_way_is_ended_or_taken_back_before_all_else) {
  auto files = set_of("main", {file(1), file(2), file(3)});
  files.migrations[1].backfill = "t";
  auto state = applied({set_of("main", {file(1)})});
  const auto chain = record_of(files.migrations[1], state.sets[0].migrations[0].chain).chain;
  state.backfills.push_back({.id = {"main", 2}, .name = "m2", .chain = chain, .table = "t", .rows_done = 7});
  BOOST_TEST(text_of(plan_up({files}, state, {})) == "main2 main3");
  const auto plan = plan_up({files}, state, {});
  BOOST_TEST(plan->front().change.backfill == "t");
  BOOST_TEST(text_of(plan_down(files, state, 1)) == "main2-");
  BOOST_TEST(text_of(plan_down(files, state, 2)) == "main2- main1-");
  BOOST_TEST(text_of(plan_goto({files}, state, "main", 1)) == "main2-");
  BOOST_TEST(text_of(plan_goto({files}, state, "main", 2)) == "main2");
  BOOST_TEST(text_of(plan_goto({files}, state, "main", 0)) == "main2- main1-");
  const auto all = compare(files, state);
  BOOST_TEST((all[1].state == migration_state::begun));
  BOOST_TEST(remedy_for(all[1]).empty());

  BOOST_TEST(text_of(plan_pause(files, state, schema_step::pause)) == "main2");
  BOOST_TEST(text_of(plan_pause(files, state, schema_step::resume)).empty());
  BOOST_TEST(why(plan_repair(files, state)).find("backfill main/0002_m2 is under way") == 0u);
  BOOST_TEST(why(plan_baseline(files, state, 3)).find("backfill main/0002_m2 is under way") == 0u);
  state.backfills[0].paused = true;
  BOOST_TEST(why(plan_up({files}, state, {})).find("is paused; `millrace migrate resume`") != std::string::npos);
  BOOST_TEST(text_of(plan_pause(files, state, schema_step::pause)).empty());

  state.backfills[0].paused = false;
  const auto stuck = [&] {
    BOOST_TEST((compare(files, state)[1].state == migration_state::stuck));
    BOOST_TEST(why(plan_up({files}, state, {})).find("renamed or removed while its backfill was under way")
               != std::string::npos);
  };
  files.migrations[1].up += " -- more";
  stuck();
  BOOST_TEST(text_of(plan_down(files, state, 1)) == "main2-");
  files.migrations.erase(files.migrations.begin() + 1);
  stuck();
  BOOST_TEST(why(plan_down(files, state, 1)).find("cannot be taken back") != std::string::npos);
  state.backfills.clear();
  BOOST_TEST(why(plan_pause(files, state, schema_step::pause)) == "of set main no backfill is under way");
}

BOOST_AUTO_TEST_SUITE_END()
