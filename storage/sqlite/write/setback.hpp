#pragma once

#include <millrace/messages/error.hpp>

#include <cstdint>

#include <sqlite3.h>
#include <tl/expected.hpp>

namespace millrace::storage::sqlite {

/// How far a failure reaches while a batch is applied.
enum class reach : std::uint8_t {
  group,   ///< The innermost group's policy decides; outside of groups, the piece of work fails.
  item,    ///< The piece of work fails.
  ended,   ///< The piece of work fails and has ended the surrounding SQLite transaction with it.
  call,    ///< It depends on the machine: everything is rolled back and tried again later.
  suspect, ///< It looks like the machine's fault, and may be the work's.
  culprit, ///< It is the work's own fault, and yet no function of the log alone: it is to be set aside.
};

/// Whether the work may be to blame for what nobody can be answered with.
constexpr bool accuses(reach one) noexcept {
  return one == reach::suspect || one == reach::culprit;
}

struct setback {
  reach how_far;
  failure reason;
};

/// Of a step while a batch is applied.
template <class T = void>
using progress = tl::expected<T, setback>;

/// A failure as a setback: an outcome concerns its group, everything else the whole call.
tl::unexpected<setback> set_back(failure reason);

/// The same for a result code that a statement of the work gave. Call it before anything else happens on the
/// connection.
tl::unexpected<setback> set_back(sqlite3* database, int result_code);

} // namespace millrace::storage::sqlite
