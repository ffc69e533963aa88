#include "schema.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

namespace millrace {

const char* to_text(schema_step step) noexcept {
  switch (step) {
    case schema_step::script:
      return "script";
    case schema_step::ad_hoc:
      return "ad-hoc";
    case schema_step::up:
      return "up";
    case schema_step::down:
      return "down";
    case schema_step::baseline:
      return "baseline";
    case schema_step::repair:
      return "repair";
    case schema_step::adopt:
      return "adopt";
    case schema_step::seed:
      return "seed";
    case schema_step::pause:
      return "pause";
    case schema_step::resume:
      return "resume";
  }
  return "unknown";
}

bool is_set_name(std::string_view name) noexcept {
  constexpr std::size_t bytes_max = 64;
  const auto usual = [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9')
           || letter == '_' || letter == '-' || letter == '.';
  };
  return !name.empty() && name.size() <= bytes_max && name.front() != '.' && std::ranges::all_of(name, usual);
}

std::optional<failure> check(const schema_change& change) {
  const auto malformed = [](std::string what) { return failure{errc::malformed, std::move(what)}; };
  const auto wrong_name = [&](std::string_view set) {
    return malformed("\"" + std::string{set} + "\" is no name of a set of migrations");
  };
  if (change.step == schema_step::script || change.step > schema_step::resume) {
    return malformed("there is no such step of a schema change");
  }
  if (change.step == schema_step::ad_hoc || change.step == schema_step::adopt) {
    return change.migrations.empty() ? std::nullopt : std::optional{malformed("such a change is of no migration")};
  }
  if (!is_set_name(change.set)) {
    return wrong_name(change.set);
  }
  const bool one = change.step != schema_step::baseline && change.step != schema_step::repair;
  if (change.step != schema_step::repair && (change.migrations.empty() || (one && change.migrations.size() > 1))) {
    return malformed("a change by a migration names it, and no other");
  }
  if (change.backfill.empty() != (change.rows_max == 0)
      || (!change.backfill.empty() && change.step != schema_step::up)) {
    return malformed("a part of a backfill is a step up, and says how many rows it covers");
  }
  std::uint64_t before = 0;
  for (const auto& migration : change.migrations) {
    if (migration.version <= before || migration.version > INT64_MAX) {
      return malformed("versions of migrations rise from 1");
    }
    before = migration.version;
    for (const auto& needed : migration.needs) {
      if (!is_set_name(needed.set)) {
        return wrong_name(needed.set);
      }
    }
  }
  return std::nullopt;
}

} // namespace millrace
