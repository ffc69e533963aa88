#pragma once

/// What the program's exit codes mean; the same for every subcommand and part of its help.
namespace millrace::tools::exit_code {

inline constexpr int ok = 0;
/// The work was not done in full: rows failed, a statement was rejected, a comparison did not hold, or what was to be
/// printed could not be.
inline constexpr int failed = 1;
/// The command line makes no sense, or a file it names cannot be read.
inline constexpr int usage = 2;
/// The data folder cannot be opened, or the engine stopped serving.
inline constexpr int engine = 70;
/// Ended by Ctrl-C or SIGTERM after everything outstanding was answered.
inline constexpr int interrupted = 130;
/// Nobody reads any more what it prints (`| head -1`): what shells show of a program that SIGPIPE ended.
inline constexpr int closed_pipe = 141;

} // namespace millrace::tools::exit_code
