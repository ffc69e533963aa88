#pragma once

#include <cstddef>
#include <cstdint>

/// Bounds that hold for every message, whoever sends it. They are checked before anything is allocated for it.
namespace millrace::limits {

inline constexpr std::size_t sql_bytes_max = 256 * 1024;
inline constexpr std::size_t statements_max = 10'000;
inline constexpr std::size_t groups_max = 1'000;
inline constexpr std::size_t group_depth_max = 32;
inline constexpr std::size_t parameters_max = 1'000;
inline constexpr std::size_t transaction_bytes_max = 16 * 1024 * 1024;
inline constexpr std::size_t query_bytes_max = 16 * 1024 * 1024;
inline constexpr std::size_t value_bytes_max = 8 * 1024 * 1024;
inline constexpr std::uint32_t rows_max = 1'000'000;
/// In one message, or one piece of work, about the schema; of hooks before a change and after it each.
inline constexpr std::size_t migrations_max = 10'000;
inline constexpr std::size_t hooks_max = 100;
/// A result larger than this is cut and marked `truncated`.
inline constexpr std::size_t row_set_bytes_max = 64 * 1024 * 1024;

} // namespace millrace::limits
