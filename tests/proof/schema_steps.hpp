#pragma once

#include <millrace/messages/operations/schema.hpp>

#include <cstdint>
#include <string>

/// Changes of the schema whose effect can be told from the database that a process left.
namespace millrace::test {

/// A migration of the set `main`: a table m1, m2, … with two rows and an index; or its way back.
schema_change migration_step(std::uint64_t version, schema_step step);

/// The next rows of a backfill of the set `fill`, which adds ten to `a` in each row of a table. It follows the version
/// before it, or none (0).
schema_change backfill_part(std::uint64_t version, std::uint64_t before, const std::string& table, std::uint64_t rows);

/// The newest version of a set that is applied, or 0.
std::uint64_t newest_of(const schema_state& state, const std::string& set);

} // namespace millrace::test
