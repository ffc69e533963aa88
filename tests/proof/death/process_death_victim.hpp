#pragma once

#include <millrace/actors/engine/options.hpp>
#include <millrace/messages/operations/schema.hpp>
#include <millrace/messages/transaction.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

/// A process (the role "victim") that works on a data folder until it dies. It notes outside the engine what it sends,
/// before it sends it, and what it is answered.
namespace millrace::test {

inline constexpr auto victim_role = "victim";

/// What it does.
enum class victim_task {
  work,      ///< Clients with names and without send in three bursts, each several at a time.
  impatient, ///< The same, after transactions whose deadline passed while they waited.
  poison,    ///< The same, after a transaction that ends the writer twice and is then discarded.
  migrate,   ///< The same, after a migration is rehearsed, two are applied, and the second is taken back.
};

struct victim {
  std::filesystem::path data;
  std::filesystem::path journal;
  victim_task task = victim_task::work;
  unsigned life = 1; ///< Which process over this folder it is. Clients without a name live as long as their process.
  std::vector<uuid> ids; ///< Of the clients with names; they go on where the process before ended.

  std::vector<std::string> arguments() const;
};

/// How the folder is opened, by the victim as by whoever looks into it later.
options settings_for(const std::filesystem::path& data, victim_task task);

/// Outcomes that are kept. A name that is sent again may be forgotten where so many were sent after it.
inline constexpr std::uint64_t outcomes_kept = 128;

/// Clients with names are 0, 1, 2, …; all above have none.
inline constexpr std::uint64_t unnamed_from = 1000;

/// What a client sends under a number: a row, or for some numbers nothing, because it fails.
transaction victim_work(std::uint64_t client, std::uint64_t number);
bool victim_work_fails(std::uint64_t number);

/// A line for each migration that was told to be applied (`up 3`), and for each that was to be taken back (`down 3`).
std::filesystem::path migrations_journal(const victim& self);

/// What is known of one transaction.
enum class noted : char {
  sent = 's',
  durable = 'd',
  applied = 'a',
  rejected = 'r',
};

/// A line of the journal: `what client number seq id`.
struct note {
  noted what = noted::sent;
  std::uint64_t client = 0;
  std::uint64_t number = 0;
  std::uint64_t seq = 0; ///< Of what is durable or applied.
  std::int64_t id = 0;   ///< What the statement returned, where it is applied.
};

/// The complete lines of a journal; none where there is no file.
std::vector<note> read_journal(const std::filesystem::path& file);

} // namespace millrace::test
