#pragma once

#include <millrace/messages/wire/interfaces.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include <caf/fwd.hpp>

namespace millrace::tools {

/// What is to be generated.
struct fill_job {
  std::uint64_t rows = 0;          ///< Each table is to have so many.
  std::vector<std::string> tables; ///< All where it is empty.
  std::uint64_t random = 1;        ///< The same number gives the same rows.
  bool add_to_rows = false;        ///< Tables may have rows already.
  bool dry_run = false;
  bool json = false;
};

/// Fills tables with generated rows, by transactions like any other client's, and prints how many it were. Gives the
/// exit code.
int fill(caf::actor_system& system, const engine_actor& front, const fill_job& job);

} // namespace millrace::tools
