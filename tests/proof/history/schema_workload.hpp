#pragma once

#include <millrace/messages/wire/interfaces.hpp>
#include <millrace/tests/support/line_file.hpp>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include <caf/fwd.hpp>

/// Programs that change the schema in the midst of a history, several at once, none of which knows of the others: each
/// looks how it stands, and applies the next migration, takes back the newest, or goes on with a backfill.
namespace millrace::test::histories {

/// What they need of a schema.
inline constexpr auto schema_workload_script =
  "CREATE TABLE filled(a INTEGER NOT NULL);"
  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) INSERT INTO filled SELECT 0 FROM n;";

/// What they share with the process that they live in; it outlives them.
struct schema_surroundings {
  operations_actor operations;
  const line_file& answers; ///< A line is added for each change that is answered with success.
  std::mutex& recording;    ///< Held while that is done.
  std::atomic<std::int64_t>& unanswered;
  std::atomic<bool>& stopped;
};

void spawn_schema_client(caf::actor_system& system, const schema_surroundings& around, std::uint64_t seed);

/// What is wrong with the schema that they left, with what is recorded of it, and with what they were answered.
std::vector<std::string> check_schema(const std::filesystem::path& database, const std::filesystem::path& answers);

} // namespace millrace::test::histories
