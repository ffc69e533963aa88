#pragma once

#include "history_checker.hpp"
#include "history_workload.hpp"

#include <string>
#include <vector>

namespace millrace::test::histories {

struct examination {
  final_state state;
  std::vector<std::string> findings;
};

/// Opens what the processes left, twice, and reads all of it: what the database and the log hold, and what is wrong
/// with them without any history. SQLite's own checks; an independent replay of the log; a second recovery;
/// descriptors, threads and files that are left behind.
examination examine(const workload_folder& folder);

/// Runs lives over a fresh folder, ended in one way and another, and gives all that is wrong with them, with the folder
/// and with what the clients saw. `operations` is raised by those that were answered.
std::vector<std::string> run_history(std::uint64_t seed, std::uint64_t lives, const std::string& planted,
                                     std::uint64_t& operations);

} // namespace millrace::test::histories
