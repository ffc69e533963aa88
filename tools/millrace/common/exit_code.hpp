#pragma once

#include <array>

/// What the program's exit codes mean; the same for every subcommand and part of its help.
namespace millrace::tools::exit_code {

inline constexpr int ok = 0;
inline constexpr int failed = 1;
inline constexpr int usage = 2;
inline constexpr int engine = 70;
inline constexpr int interrupted = 130;
inline constexpr int closed_pipe = 141; // What shells show of a program that SIGPIPE ended.

struct entry {
  int code;
  const char* meaning;
};

inline constexpr std::array all{
  entry{ok, "All was done."},
  entry{failed,
        "The work was not done in full: rows failed, a statement was rejected, a comparison did not hold, or "
        "what was to be printed could not be."},
  entry{usage, "The command line makes no sense, or a file it names cannot be read."},
  entry{engine, "The data folder cannot be opened, or the engine cannot be reached, or stopped serving."},
  entry{interrupted, "Ended by Ctrl-C or SIGTERM; nothing that was acknowledged is lost."},
  entry{closed_pipe, "Nobody reads any more what it prints, as with `| head -1`."},
};

} // namespace millrace::tools::exit_code
