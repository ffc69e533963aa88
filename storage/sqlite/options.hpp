#pragma once

namespace millrace::storage {

/// What only a database in an SQLite file asks.
struct sqlite_options {
  int cached_statements = 256; ///< Prepared statements kept per connection.
  int cache_kib = 65'536;      ///< Page cache per connection.
  /// What SQLite may take for one query or transaction (storage/DESIGN.md §6), the page cache that it fills included; 0
  /// is as much as there is. Schema scripts may take any.
  int memory_kib = 262'144;
  int temporary_kib = 1'048'576; ///< Of temporary files, likewise; queries sort in them.
  /// Of temporary files of all queries that run together; likewise. They lie in `tmp` in the data folder.
  int temporary_total_kib = 4'194'304;
};

} // namespace millrace::storage
