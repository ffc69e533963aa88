#pragma once

#include <millrace/messages/transaction.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

/// Client actors in a process of their own (the role "named clients"). Each gives its transactions names and has
/// several of them under way, so a process that is killed leaves some of which nobody knows what became of them. What
/// the log was not synced for dies with the process, as if the machine had lost its power.
namespace millrace::test {

inline constexpr auto named_clients_role = "named clients";

/// How the role is started: `data` is made where it is missing. Its ack file is as that of numbered clients; a client
/// stands there as its place among `ids`.
struct named_clients {
  /// How many transactions each client has under way.
  static constexpr std::uint64_t window = 8;

  std::filesystem::path data;
  std::filesystem::path ack_file;
  std::vector<uuid> ids;
  std::uint64_t first_number = 1;

  std::vector<std::string> arguments() const;
};

/// The table they write to.
schema_script named_schema();

/// What a client sends under a number; a row, and for every seventh number nothing, because it fails.
transaction named_work(const uuid& client, std::size_t place, std::uint64_t number);
bool named_work_fails(std::uint64_t number);

} // namespace millrace::test
