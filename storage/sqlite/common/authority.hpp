#pragma once

#include <cstdint>

namespace millrace::storage::sqlite {

/// On whose behalf SQL is being compiled.
enum class authority : std::uint8_t {
  internal,    ///< Our own statements: everything.
  transaction, ///< A client's transaction: reads and row changes, nothing that is no function of the log.
  script,      ///< A schema script: the same, and schema changes.
  seed,        ///< Rows of an environment: a transaction's rights, in the frame of a script.
  query,       ///< A client's query: reads.
};

} // namespace millrace::storage::sqlite
