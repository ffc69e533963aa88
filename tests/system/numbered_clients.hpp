#pragma once

#include <millrace/messages/transaction.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <caf/fwd.hpp>

/// Client actors in a process of their own (the role "numbered clients"). Each sends its transactions numbered 1, 2, 3,
/// …, the next one once the last is answered, and goes on where the table ends when it is started again. So whatever
/// becomes of the process, each client's rows in the table must be its numbers from 1 on without a gap. What the log
/// was not synced for dies with the process, as if the machine had lost its power.
namespace millrace::test {

inline constexpr auto numbered_clients_role = "numbered clients";

/// One line of their ack file, written after the answer: `client number seq`.
struct acknowledgement {
  std::size_t client = 0;
  std::int64_t number = 0;
  std::uint64_t seq = 0;
};

/// How the role is started: `data` is made where it is missing.
struct numbered_clients {
  std::filesystem::path data;
  std::filesystem::path ack_file;
  std::size_t count = 60;
  /// After so many syncs of the log each further one fails, and what was written before it is gone; 0 for never.
  std::uint64_t syncs_until_failure = 0;

  std::vector<std::string> arguments() const;
};

/// The table they write to.
schema_script numbered_schema();

/// The complete lines of an ack file; none where there is no file.
std::vector<acknowledgement> read_acknowledgements(const std::filesystem::path& file);

/// Opens the folder and checks what actors/DESIGN.md §11 promises: each client's rows are 1 to k without a gap, each
/// once, whole and in order; k is not below the last acknowledged; sequence numbers are unique and rows stand in their
/// order; and the database is sound.
void check_numbered(const std::filesystem::path& data, const std::vector<acknowledgement>& acknowledged);

} // namespace millrace::test
