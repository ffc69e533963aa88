#pragma once

#include <millrace/actors/engine/engine.hpp>

#include <chrono>
#include <functional>
#include <optional>

#include <caf/fwd.hpp>

namespace millrace::tools {

/// Why this process must not open the data folder that the options name, complained of: the exit code, or nothing where
/// it may. To be asked before an actor system is made.
std::optional<int> refuse_folder(const options& settings);

/// Complains that an engine could not be opened: `exit_code::usage` where what the command line says cannot be used,
/// else `exit_code::engine`.
int complain_of_opening(const failure& reason, const options& settings);

/// What is done with an engine that is open. Gives the exit code.
using work_in_folder = std::function<int(caf::actor_system& system, const engine& target)>;

/// For `options::replay_wait` of commands that show or change what a folder holds: as long as it makes progress. Nobody
/// else is kept waiting.
inline constexpr auto whole_replay = std::chrono::milliseconds::max();

/// Opens a data folder and does the work. Where it may not or cannot be opened, says why and gives the exit code.
/// Where Ctrl-C or SIGTERM calls opening off, in order, so that nobody's transaction is accused of it: `interrupted`.
int in_folder(options settings, const work_in_folder& work);

} // namespace millrace::tools
