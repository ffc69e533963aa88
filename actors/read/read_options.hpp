#pragma once

#include <millrace/messages/error.hpp>

#include <chrono>
#include <cstddef>
#include <optional>

namespace millrace {

/// How queries are answered.
struct read_options {
  /// How many readers there are.
  std::size_t readers = 2;
  /// How long a reader may hold a snapshot while the database's log cannot be emptied, and a cursor its rows without
  /// being asked.
  std::chrono::milliseconds lease{5'000};
  /// A reader's connection is closed and opened anew when it is so old, or up to a fifth younger.
  std::chrono::milliseconds age_max{600'000};
  /// Results that one reader keeps ready for their next page; each has a connection of its own.
  std::size_t cursors_max = 8;
};

/// Says which value cannot be used; nothing where all can.
[[nodiscard]] std::optional<failure> check(const read_options& settings);

} // namespace millrace
