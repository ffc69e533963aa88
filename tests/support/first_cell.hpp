#pragma once

#include <millrace/messages/row_set.hpp>

namespace millrace::test {

/// The one cell of a result, for a check that is over before the result goes.
inline cell first_cell(const row_set& rows) {
  return rows[0][0];
}

} // namespace millrace::test
