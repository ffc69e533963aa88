#pragma once

#include <millrace/storage/database.hpp>
#include <millrace/storage/queue/log.hpp>

#include <cstdint>
#include <filesystem>
#include <vector>

namespace millrace {

/// A name in the log.
struct logged_name {
  storage::bound_name name;
  std::uint64_t seq = 0;
  std::int64_t accepted_ms = 0;
  bool forgotten = false; ///< Whether it is there because it is forgotten.
};

/// A log that is ready, and what the queue must know of the work in it that is not applied.
struct opened_log {
  storage::log log;
  std::vector<storage::skipped_work> skipped;
  std::vector<logged_name> names; ///< By rising `seq`.
};

/// `storage::log::open`, with a look at what recovery finds.
[[nodiscard]] storage::result<opened_log> open_log(storage::file_system& files, const std::filesystem::path& folder,
                                                   const uuid& database, const storage::log_position& applied,
                                                   const storage::log_options& settings,
                                                   storage::recovery_report& report);

} // namespace millrace
