#include "schema.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

namespace millrace {

namespace {

bool has_its_hooks(const schema_change& change) noexcept {
  if (change.step == schema_step::hook) {
    return change.before.size() == 1 && change.after.empty() && change.sql.empty();
  }
  return change.step == schema_step::up || (change.before.empty() && change.after.empty());
}

} // namespace

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
    case schema_step::hook:
      return "hook";
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

std::size_t sql_bytes(const schema_change& change) noexcept {
  auto bytes = change.sql.size();
  for (const auto* const hooks : {&change.before, &change.after}) {
    for (const auto& one : *hooks) {
      bytes += one.sql.size();
    }
  }
  return bytes;
}

std::string whole_sql(const schema_change& change) {
  if (change.before.empty() && change.after.empty()) {
    return change.sql;
  }
  std::string whole;
  const auto add = [&whole](std::string_view file, std::string_view sql) {
    whole.append("-- ").append(file).append("\n").append(sql).append(sql.ends_with('\n') ? "" : "\n");
  };
  std::ranges::for_each(change.before, [&](const schema_hook& one) { add(one.file, one.sql); });
  if (!change.sql.empty()) {
    add("the migration itself", change.sql);
  }
  std::ranges::for_each(change.after, [&](const schema_hook& one) { add(one.file, one.sql); });
  return whole;
}

std::optional<failure> check(const schema_change& change) {
  const auto malformed = [](std::string what) { return failure{errc::malformed, std::move(what)}; };
  const auto wrong_name = [&](std::string_view set) {
    return malformed("\"" + std::string{set} + "\" is no name of a set of migrations");
  };
  if (change.step == schema_step::script || change.step > schema_step::resume) {
    return malformed("there is no such step of a schema change");
  }
  if (change.timeout.count() < 0 || change.timeout > schema_timeout_max) {
    return malformed("a change may run for a year at most");
  }
  if (!has_its_hooks(change)) {
    return malformed("hooks are run around a migration that is applied, or each as a step of its own");
  }
  if (change.after_run && change.step != schema_step::up && change.step != schema_step::hook) {
    return malformed("runs that apply migrations alone end with a hook");
  }
  const bool of_set = change.step != schema_step::ad_hoc && change.step != schema_step::adopt;
  if (of_set && !is_set_name(change.set)) {
    return wrong_name(change.set);
  }
  const bool part = !change.backfill.empty();
  if (part != (change.rows_max > 0) || (change.goes_on && !part) || (part && change.step != schema_step::up)) {
    return malformed("a part of a backfill is a step up, and says how many rows it covers");
  }
  if (!of_set || change.step == schema_step::hook) {
    return change.migrations.empty() ? std::nullopt : std::optional{malformed("such a change is of no migration")};
  }
  const bool one = change.step != schema_step::baseline && change.step != schema_step::repair;
  if (change.step != schema_step::repair && (change.migrations.empty() || (one && change.migrations.size() > 1))) {
    return malformed("a change by a migration names it, and no other");
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
