#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace millrace::network {

/// What a peer hears in place of rows. Nothing of it is owned; all outlives whoever is given it.
struct rows_refusal {
  std::span<const std::string_view> contents; ///< The messages that hold rows, as CAF lists their types.
  std::string_view error;                     ///< The payload of a message that holds an error.
};

/// Puts an error in the place of rows that a peer has no room for: of whole frames, one after the other, those with
/// rows keep within `room` bytes, all before them included. Gives how many it replaced. Outcomes are left as they are:
/// what a transaction did cannot be asked again.
std::size_t refuse_rows(std::vector<char>& frames, std::size_t room, const rows_refusal& refusal);

} // namespace millrace::network
