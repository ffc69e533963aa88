#include "schema_steps.hpp"

#include <millrace/actors/schema/plan.hpp>

namespace millrace::test {

namespace {

/// Of a version, which stands for all before it, too.
sha256 chain(std::uint64_t version) {
  sha256 digest{};
  for (std::size_t i = 0; i < sizeof version; ++i) {
    digest[i] = static_cast<std::uint8_t>(version >> (8 * i));
  }
  return digest;
}

schema_change step_of(schema_step step, std::string set, std::uint64_t version, std::uint64_t before, std::string sql) {
  return {.step = step,
          .set = std::move(set),
          .expected = chain(before),
          .migrations = {{.version = version, .name = "m", .checksum = {}, .chain = chain(version), .needs = {}}},
          .sql = std::move(sql)};
}

} // namespace

schema_change migration_step(std::uint64_t version, schema_step step) {
  const auto table = "m" + std::to_string(version);
  const bool up = step == schema_step::up;
  return step_of(step, "main", version, up ? version - 1 : version,
                 up ? "CREATE TABLE " + table + "(a); INSERT INTO " + table + " VALUES (1), (2); CREATE INDEX " + table
                        + "_a ON " + table + "(a)"
                    : "DROP TABLE " + table);
}

schema_change backfill_part(std::uint64_t version, std::uint64_t before, const std::string& table, std::uint64_t rows) {
  auto part = step_of(schema_step::up, "fill", version, before,
                      "UPDATE " + table + " SET a = a + 10 WHERE rowid BETWEEN :first AND :last");
  part.backfill = table;
  part.rows_max = rows;
  return part;
}

std::uint64_t newest_of(const schema_state& state, const std::string& set) {
  const auto applied = applied_of(state, set);
  return applied.migrations.empty() ? 0 : applied.migrations.back().version;
}

} // namespace millrace::test
