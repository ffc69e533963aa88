#pragma once

#include "recording.hpp"

#include <millrace/actors/engine/engine.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include <caf/actor_system.hpp>

/// What is done to an engine while its disk is recorded. What a client's n-th transaction is follows from its number
/// alone, so that whoever looks at the rows later knows what must stand in them.
namespace millrace::test {

inline constexpr std::uint32_t power_loss_clients = 7;

/// The settings under which a little work makes many segments and checkpoints.
options power_loss_settings(const std::filesystem::path& data);

transaction power_loss_work(std::uint32_t client, std::uint64_t number);
std::string power_loss_payload(std::uint32_t client, std::uint64_t number);
/// Whether it breaks a constraint, after its first statement has run.
bool power_loss_work_fails(std::uint64_t number);
/// Whether it moves money between accounts and has two parts.
bool power_loss_work_has_parts(std::uint64_t number);
bool power_loss_client_has_name(std::uint32_t client);

/// From whom to whom and how much the work with parts moves.
struct money_transfer {
  std::int64_t from = 0;
  std::int64_t to = 0;
  std::int64_t amount = 0;
};
inline constexpr std::int64_t accounts = 10;
inline constexpr std::int64_t money_per_account = 1000;
money_transfer power_loss_transfer(std::uint32_t client, std::uint64_t number);

/// What a client is told, as text that can be compared: what the first statement returned, or why it failed.
std::string text_of(const tl::expected<outcome, failure>& answer);

/// Opens the folder in sessions one after another, lets the clients work in each, and puts down what happens. Throws
/// where a client is not answered. What is to be `missing` is missing from the second session on.
void run_power_loss_work(const std::filesystem::path& data, recording& notes, std::uint64_t seed,
                         std::uint64_t transactions, missing_sync missing = missing_sync::none);

} // namespace millrace::test
