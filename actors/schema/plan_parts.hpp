#pragma once

#include "plan.hpp"

#include <algorithm>
#include <optional>
#include <string>

/// What plans of all kinds look at.
namespace millrace {

tl::unexpected<failure> conflict(std::string why);

/// Null where there is none of that version.
template <class Migrations>
auto find_version(Migrations& among, std::uint64_t version) {
  const auto found = std::ranges::find(among, version, [](const auto& one) { return one.version; });
  return found == among.end() ? nullptr : &*found;
}

/// The chain of the newest one; zeroes where there is none.
sha256 tip_of(const applied_set& applied);

std::string label_of(const migration_status& one);

/// The first thing that is wrong with a set, as far as a plan may not pass over it.
std::optional<failure> first_wrong(const migration_set& files, const schema_state& state);

/// Whether the hook of a set that ends a run is to be run yet.
bool is_owed(const migration_set& files, const schema_state& state);

} // namespace millrace
