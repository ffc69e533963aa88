#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

/// Programs that are guests of one server, as roles of the test program.
namespace millrace::test::guests {

/// Somebody who sends one hostile request after the other, several at a time, until it is killed. Arguments: the
/// server's URL, a seed, and `read`, `write` or `operate`.
inline constexpr auto hostile_role = "hostile guest";

/// Clients that insert their numbers, each named and once, and ask for what they wrote, until the file `enough` is
/// there. Then their process says on stdout what they saw.
inline constexpr auto good_role = "good guests";

struct good_guests {
  std::string url;
  std::filesystem::path ack_file; ///< A line `client number` for each that was acknowledged.
  std::filesystem::path enough;
  std::size_t count = 0;

  std::vector<std::string> arguments() const { return {url, ack_file, enough, std::to_string(count)}; }
};

inline constexpr auto good_schema =
  "CREATE TABLE good(client INTEGER, number INTEGER, payload TEXT);"
  "CREATE INDEX good_by_client ON good(client, number);";

/// What good guests say at the end, a JSON object each: how long each answer took, in milliseconds, and what was wrong.
struct good_report {
  std::uint64_t writes = 0;
  std::uint64_t reads = 0;
  double write_median = 0;
  double write_p99 = 0;
  double write_longest = 0;
  double read_median = 0;
  double read_p99 = 0;
  double read_longest = 0;
  std::vector<std::string> problems; ///< At most one of each client.
};

good_report read_report(const std::string& text);

} // namespace millrace::test::guests
