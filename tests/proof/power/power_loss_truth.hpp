#pragma once

#include "recording.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace millrace::test {

/// How a transaction is named in what is said of it.
std::string described(std::uint32_t client, std::uint64_t number);

/// What a database of the workload holds, in the order in which it was applied.
struct power_loss_rows {
  struct entry {
    std::uint32_t client = 0;
    std::uint64_t number = 0;
    std::string text; ///< All of the row.
  };
  std::vector<entry> entries;
  std::string balances;
  std::string applied_seq;

  /// Throws where the file is no sound database of the workload: damaged, halves of transactions, money lost.
  static power_loss_rows read(const std::filesystem::path& database);
};

/// What a recording says must and may be found after a power loss. All that a recovered engine can come to is what the
/// whole run came to, up to some transaction: the log is one sequence, and applying it is deterministic. Only where the
/// power was lost before it was durable that a transaction is skipped for its deadline, that one takes effect after
/// all, and what was sent with it follows.
class power_loss_truth {
public:
  /// Throws where the run itself broke a promise.
  explicit power_loss_truth(const std::vector<disk_event>& events, power_loss_rows all);

  /// What is wrong with rows that were recovered after a power loss before event `point`; nothing where all is right.
  std::optional<std::string> judge(const power_loss_rows& found, std::size_t point) const;

  /// What the clients with names were told last before it, and what they had sent and were not answered.
  std::vector<client_note> to_resend(std::size_t point) const;

  std::size_t answers() const noexcept { return told_.size(); }

private:
  using name = std::pair<std::uint32_t, std::uint64_t>;

  struct told {
    client_note note;
    std::size_t event = 0;
  };

  void take(const client_note& note, std::size_t event);
  std::size_t required(std::size_t point) const;
  bool rejected(const name& who, std::size_t point) const;
  std::optional<std::string> judge_rest(const power_loss_rows& found, std::size_t first, std::size_t point) const;

  power_loss_rows all_;
  std::vector<std::string> balances_; ///< After so many entries.
  std::map<name, std::size_t> place_; ///< Of its entry, from 1.
  std::map<name, std::size_t> sent_;  ///< At which event.
  std::vector<told> told_;            ///< By event.
  /// Entries that must be there from an event on, by rising event and number.
  std::vector<std::pair<std::size_t, std::size_t>> required_;
};

} // namespace millrace::test
