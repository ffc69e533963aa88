#pragma once

#include <millrace/actors/base/breaker_options.hpp>
#include <millrace/actors/front/admission_options.hpp>
#include <millrace/actors/front/schema_options.hpp>
#include <millrace/actors/health/health_options.hpp>
#include <millrace/actors/read/read_options.hpp>
#include <millrace/actors/schema/migration.hpp>
#include <millrace/actors/schema/migration_hooks.hpp>
#include <millrace/actors/supervision/restart_options.hpp>
#include <millrace/actors/write/write_options.hpp>
#include <millrace/messages/outcome.hpp>
#include <millrace/messages/query.hpp>
#include <millrace/messages/row_set.hpp>
#include <millrace/messages/transaction.hpp>
#include <millrace/storage/database_options.hpp>
#include <millrace/storage/queue/log_options.hpp>
#include <millrace/storage/sqlite/options.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace millrace {

/// How an engine is opened. Only `data` must be given. What belongs to one part of it stands with that part.
struct options {
  /// The data folder. One process at a time.
  std::filesystem::path data{};
  /// Whether a missing folder is made. Otherwise it is an error, so that a mistyped path is noticed.
  bool create_if_missing = false;
  /// SQL files that are applied once each, in this order, and recorded by file name.
  std::vector<std::filesystem::path> schema{};
  /// The same as text with a name, applied after the files.
  std::vector<schema_script> scripts{};

  /// The migrations of this program, in files (`read_migration_sets`) or built into it (`millrace_embed_migrations` of
  /// CMake). They come after the scripts.
  std::vector<migration_set> migrations{};
  pending_migrations pending = pending_migrations::apply;
  /// What the program does itself while they are applied. What a hook gives, opening fails with.
  migration_hooks hooks{};
  schema_drift drift = schema_drift::warn;
  /// Whether operators may change the schema by SQL of their own. What they do is in the log and in the history.
  ad_hoc_changes ad_hoc_schema = ad_hoc_changes::allow;

  admission_options admission{};
  write_options write{};
  read_options read{};
  health_options health{};
  /// Of each supervisor.
  restart_options restarts{};

  /// What refuses transactions that are to be applied, and queries, when too many fail.
  breaker_options transaction_breaker{};
  breaker_options query_breaker{};
  /// Asked for an answer in place of a request that an open breaker refuses, in the thread of whoever sent it; nothing
  /// lets the refusal stand. Called from many threads at once.
  std::function<std::optional<tl::expected<outcome, failure>>(const transaction&)> transaction_fallback{};
  std::function<std::optional<tl::expected<row_set, failure>>(const query&)> query_fallback{};

  /// How long opening waits until what stands in the log is applied. Then the engine serves, and applies the rest
  /// before all that it accepts. Where schema scripts are to be applied opening waits on: they come after that.
  std::chrono::milliseconds replay_wait{5'000};
  /// Opening ends with `shutting_down` soon after this is set; what the log holds stays there. Looked at while `open`
  /// runs and no longer, for which it must live; null means never. Not owned.
  const std::atomic<bool>* opening_called_off = nullptr;

  /// How long closing waits for what was accepted.
  std::chrono::milliseconds drain_deadline{10'000};

  storage::log_options log{};
  storage::database_options database{};
  /// Where that is in an SQLite file.
  storage::sqlite_options sqlite{};

  /// Called when restarting no longer helps, a sync of the log or the database failed, or actors do not end when the
  /// engine closes, with the reason; it must end the process or arrange for that. The default logs and exits with 70.
  std::function<void(const std::string&)> on_escalation{};
};

/// Says which option has a value that cannot be used; nothing where all can.
[[nodiscard]] std::optional<failure> check(const options& settings);

} // namespace millrace
