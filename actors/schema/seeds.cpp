#include "seeds.hpp"

#include "sql_files.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace millrace {

namespace {

namespace fs = std::filesystem;

expected<migration> read_seed(const fs::path& file) {
  const auto called = read_numbered_name(file.stem().string());
  if (!called || called->name.ends_with(".up") || called->name.ends_with(".down")
      || file.extension().string() != ".sql") {
    return unusable(file, "a seed is one file, called by a number from 1 and a name, such as 01_people.sql");
  }
  auto text = read_text(file);
  if (!text) {
    return tl::unexpected{std::move(text).error()};
  }
  auto made = make_seed(called->number, called->name, std::move(*text));
  return made ? std::move(made) : unusable(file, made.error().detail);
}

/// Puts a seed where it belongs by its number.
std::optional<failure> add(migration_set& environment, migration one, const fs::path& file) {
  const auto twin = std::ranges::find_if(environment.migrations, [&](const migration& other) {
    return other.version == one.version || other.name == one.name;
  });
  if (twin != environment.migrations.end()) {
    const bool number = twin->version == one.version;
    return unusable(file, fmt::format("{} has the same {}; give one of both another",
                                      label_of(environment.name, twin->version, twin->name),
                                      number ? "number" : "name, by which it is known"))
      .value();
  }
  environment.migrations.insert(std::ranges::upper_bound(environment.migrations, one.version, {}, &migration::version),
                                std::move(one));
  return std::nullopt;
}

expected<migration_set> read_environment(const fs::path& folder) {
  const auto files = entries_of(folder);
  if (!files) {
    return tl::unexpected{files.error()};
  }
  migration_set environment{.name = folder.filename().string(), .migrations = {}};
  if (!is_set_name(environment.name)) {
    return unusable(folder, "no environment may be called so: letters, digits, _, - and . alone");
  }
  for (const auto& file : *files) {
    if (!called_like_sql(file.filename().string())) {
      continue;
    }
    auto one = read_seed(file);
    if (!one) {
      return tl::unexpected{std::move(one).error()};
    }
    if (auto wrong = add(environment, std::move(*one), file)) {
      return tl::unexpected{std::move(*wrong)};
    }
  }
  return environment;
}

/// What is recorded of a seed; null where it is not applied.
const applied_seed* find_applied(const schema_state& state, const std::string& environment, const std::string& name) {
  const auto found = std::ranges::find_if(
    state.seeds, [&](const applied_seed& one) { return one.environment == environment && one.name == name; });
  return found == state.seeds.end() ? nullptr : &*found;
}

migration_state state_of(const migration& seed, const applied_seed* applied) {
  return applied == nullptr                       ? migration_state::pending
         : applied->checksum == checksum_of(seed) ? migration_state::applied
                                                  : migration_state::changed;
}

} // namespace

expected<std::vector<migration_set>> read_seeds(const fs::path& folder) {
  const auto entries = entries_of(folder);
  if (!entries) {
    return tl::unexpected{entries.error()};
  }
  std::vector<migration_set> environments;
  for (const auto& entry : *entries) {
    if (fs::is_directory(entry)) {
      auto environment = read_environment(entry);
      if (!environment) {
        return tl::unexpected{std::move(environment).error()};
      }
      environments.push_back(std::move(*environment));
    } else if (called_like_sql(entry.filename().string())) {
      return unusable(entry, "it is of no environment; move it into a folder that is called like one, such as dev");
    }
  }
  return environments;
}

std::vector<migration_status> compare_seeds(const migration_set& environment, const schema_state& state) {
  std::vector<migration_status> all;
  for (const auto& one : environment.migrations) {
    const auto* const applied = find_applied(state, environment.name, one.name);
    all.push_back({{environment.name, one.version}, one.name, state_of(one, applied)});
  }
  for (const auto& one : state.seeds) {
    const bool has_file = std::ranges::find(environment.migrations, one.name, &migration::name)
                          != environment.migrations.end();
    if (one.environment == environment.name && !has_file) {
      all.push_back({{environment.name, 0}, one.name, migration_state::missing});
    }
  }
  return all;
}

migration_plan plan_seeds(const migration_set& environment, const schema_state& state) {
  migration_plan plan;
  for (const auto& one : environment.migrations) {
    const auto* const applied = find_applied(state, environment.name, one.name);
    if (state_of(one, applied) == migration_state::applied) {
      continue;
    }
    schema_change change{.step = schema_step::seed, .set = environment.name, .sql = one.up, .timeout = one.timeout};
    change.migrations.push_back(
      {.version = one.version, .name = one.name, .checksum = checksum_of(one), .chain = {}, .needs = {}});
    plan.push_back({.id = {environment.name, one.version}, .name = one.name, .change = std::move(change)});
  }
  return plan;
}

} // namespace millrace
