#pragma once

/// The tables that Millrace keeps for itself in every database.
namespace millrace::storage::sqlite::meta {

/// What `millrace_meta.format_version` says; a program reads this version only.
inline constexpr int format_version = 1;

inline constexpr auto create = R"(
CREATE TABLE millrace_meta(
  id INTEGER PRIMARY KEY CHECK (id = 1),
  format_version INTEGER NOT NULL,
  uuid BLOB NOT NULL,
  applied_seq INTEGER NOT NULL
);
CREATE TABLE millrace_schema(
  name TEXT PRIMARY KEY,
  seq INTEGER NOT NULL,
  sql_hash INTEGER NOT NULL
) WITHOUT ROWID;
)";

inline constexpr auto read_applied_seq = "SELECT applied_seq FROM millrace_meta WHERE id = 1";
inline constexpr auto store_applied_seq = "UPDATE millrace_meta SET applied_seq = ?1 WHERE id = 1";

} // namespace millrace::storage::sqlite::meta
