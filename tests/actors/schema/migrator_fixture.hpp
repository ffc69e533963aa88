#pragma once

#include <millrace/actors/schema/migrator.hpp>
#include <millrace/tests/support/actors/engine_fixture.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace millrace::test {

/// An engine, and a set of migrations that are texts.
struct migrator_fixture : engine_fixture {
  std::vector<migration_set> sets{{.name = "main", .migrations = {}}};

  void add(std::string up, std::string down) {
    const auto version = sets[0].migrations.size() + 1;
    sets[0].migrations.push_back(
      {.version = version, .name = "m" + std::to_string(version), .up = std::move(up), .down = std::move(down)});
  }

  migrator make(migrator_options how = {}) { return {system, tested->operations(), std::move(how)}; }
  migrator::planner all() {
    return [this](const schema_state& now) { return plan_up(sets, now, {}); };
  }
  migrator::planner none() {
    return [this](const schema_state& now) { return plan_down(sets[0], now, SIZE_MAX); };
  }
};

/// How many steps a run took that must not fail.
inline std::size_t steps(const expected<std::size_t>& done) {
  BOOST_REQUIRE_MESSAGE(done, (done ? "" : to_string(done.error())));
  return *done;
}

} // namespace millrace::test
