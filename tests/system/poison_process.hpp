#pragma once

#include <filesystem>
#include <string>
#include <vector>

/// A process (the role "poison") whose SQLite has a function `regexp()`: deadly, or without harm. It sends a
/// transaction that calls it between ordinary ones, and dies over it, and dies again each time it is started over the
/// same folder, as if a flaw in SQLite or the disk's driver were met by one piece of data.
namespace millrace::test {

inline constexpr auto poison_role = "poison";

/// What the process does before it ends by itself, if it comes so far.
enum class poison_task {
  fill,     ///< Sends ordinary transactions, the poison, and ordinary ones; all but the first are only made durable.
  serve,    ///< Opens the folder, which applies what waits.
  resubmit, ///< Resubmits all that is in quarantine.
};

struct poison_process {
  std::filesystem::path data;
  poison_task task = poison_task::serve;
  bool deadly = true;

  std::vector<std::string> arguments() const;
};

/// The ordinary transactions insert 1, 2, … 20 into `entry`, the poison, in the middle, 1000 plus what `regexp()`
/// gives.
inline constexpr int ordinary_transactions = 20;

} // namespace millrace::test
