#pragma once

#include <millrace/messages/query.hpp>

namespace millrace::test {

/// A query that runs until it is interrupted. It reads no table.
inline query endless() {
  return select("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c");
}

} // namespace millrace::test
