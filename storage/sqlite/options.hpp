#pragma once

namespace millrace::storage {

/// What only a database in an SQLite file asks.
struct sqlite_options {
  int cached_statements = 256; ///< Prepared statements kept per connection.
  int cache_kib = 65'536;      ///< Page cache per connection.
};

} // namespace millrace::storage
