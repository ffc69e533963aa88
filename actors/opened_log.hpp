#pragma once

#include <millrace/storage/database.hpp>
#include <millrace/storage/queue/log.hpp>

#include <cstdint>
#include <filesystem>
#include <vector>

namespace millrace {

/// A log that is ready, and what the queue must know of the work in it that is not applied.
struct opened_log {
  storage::log log;
  std::vector<storage::skipped_work> skipped;
  std::vector<storage::recorded_name> names;
};

/// `storage::log::open`, with a look at what recovery finds.
storage::result<opened_log> open_log(storage::file_system& files, const std::filesystem::path& folder,
                                     const uuid& database, std::uint64_t applied_seq,
                                     const storage::log_options& settings, storage::recovery_report& report);

} // namespace millrace
