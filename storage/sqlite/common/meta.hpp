#pragma once

/// The tables that Millrace keeps for itself in every database.
namespace millrace::storage::sqlite::meta {

/// What `millrace_meta.format_version` says of a database that this program makes. It reads older ones, and makes them
/// such.
inline constexpr int format_version = 5;

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

/// What format 2 adds to format 1.
inline constexpr auto upgrade_to_2 = R"(
CREATE TABLE millrace_outcomes(
  first_seq INTEGER PRIMARY KEY,
  last_seq INTEGER NOT NULL,
  accept_time_ms INTEGER NOT NULL,
  count INTEGER NOT NULL,
  outcomes BLOB NOT NULL
);
CREATE TABLE millrace_quarantine(
  seq INTEGER PRIMARY KEY,
  accept_time_ms INTEGER NOT NULL,
  deaths INTEGER NOT NULL,
  record BLOB NOT NULL
);
ALTER TABLE millrace_meta ADD COLUMN forgotten_made_at_ms INTEGER NOT NULL DEFAULT 0;
UPDATE millrace_meta SET format_version = 2;
)";

/// What format 3 adds to format 2, in which the births of forgotten clients said what was forgotten: all that a new
/// client cannot know to be recorded still. They are not read any more.
inline constexpr auto upgrade_to_3 = R"(
ALTER TABLE millrace_meta ADD COLUMN forgotten_upto INTEGER NOT NULL DEFAULT 0;
ALTER TABLE millrace_meta ADD COLUMN applied_chain INTEGER NOT NULL DEFAULT 0;
UPDATE millrace_meta SET format_version = 3, forgotten_upto =
  CASE WHEN forgotten_made_at_ms > 0
  THEN coalesce((SELECT min(first_seq) - 1 FROM millrace_outcomes), applied_seq) ELSE 0 END;
)";

/// What format 4 adds to format 3: what the names of a row are bound to. Of rows that were there before it is not
/// known.
inline constexpr auto upgrade_to_4 = R"(
ALTER TABLE millrace_outcomes ADD COLUMN contents BLOB;
UPDATE millrace_meta SET format_version = 4;
)";

/// What format 5 adds to format 4: which migrations and seeds are applied, how the schema came to be, what it consists
/// of by that, which backfills are under way, which hooks are owed, and why work is in quarantine. The schema that is
/// there counts as what the scripts made, since nothing else is known of it.
inline constexpr auto upgrade_to_5 = R"(
CREATE TABLE millrace_migrations(
  set_name TEXT NOT NULL,
  version INTEGER NOT NULL,
  name TEXT NOT NULL,
  checksum BLOB NOT NULL,
  chain BLOB NOT NULL,
  needs TEXT NOT NULL,
  PRIMARY KEY (set_name, version)
) WITHOUT ROWID;
CREATE TABLE millrace_seeds(
  environment TEXT NOT NULL,
  name TEXT NOT NULL,
  checksum BLOB NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (environment, name)
) WITHOUT ROWID;
CREATE TABLE millrace_history(
  seq INTEGER PRIMARY KEY,
  accept_time_ms INTEGER NOT NULL,
  step INTEGER NOT NULL,
  set_name TEXT NOT NULL,
  version INTEGER NOT NULL,
  name TEXT NOT NULL,
  sql TEXT NOT NULL,
  author TEXT NOT NULL,
  took_us INTEGER NOT NULL
);
CREATE TABLE millrace_objects(
  type TEXT NOT NULL,
  name TEXT NOT NULL,
  table_name TEXT NOT NULL,
  sql TEXT NOT NULL,
  PRIMARY KEY (type, name)
) WITHOUT ROWID;
CREATE TABLE millrace_backfills(
  set_name TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  name TEXT NOT NULL,
  chain BLOB NOT NULL,
  table_name TEXT NOT NULL,
  reached BLOB,
  rows_done INTEGER NOT NULL,
  took_us INTEGER NOT NULL,
  paused INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE millrace_owed_hooks(
  set_name TEXT PRIMARY KEY,
  since INTEGER NOT NULL
) WITHOUT ROWID;
ALTER TABLE millrace_quarantine ADD COLUMN reason TEXT NOT NULL DEFAULT '';
INSERT OR IGNORE INTO millrace_history SELECT seq, 0, 0, '', 0, name, '', '', 0 FROM millrace_schema;
INSERT INTO millrace_objects SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL
  AND name NOT LIKE 'millrace\_%' ESCAPE '\' AND name NOT LIKE 'sqlite\_%' ESCAPE '\';
UPDATE millrace_meta SET format_version = 5;
)";

inline constexpr auto read_identity = "SELECT uuid FROM millrace_meta WHERE id = 1";
inline constexpr auto read_applied_seq = "SELECT applied_seq FROM millrace_meta WHERE id = 1";
inline constexpr auto read_position = "SELECT applied_seq, applied_chain FROM millrace_meta WHERE id = 1";
inline constexpr auto store_position = "UPDATE millrace_meta SET applied_seq = ?1, applied_chain = ?2 WHERE id = 1";

inline constexpr auto find_intruder =
  "SELECT name FROM sqlite_schema WHERE name LIKE 'millrace\\_%' ESCAPE '\\' AND name NOT IN "
  "('millrace_meta', 'millrace_schema', 'millrace_outcomes', 'millrace_quarantine', 'millrace_migrations', "
  "'millrace_history', 'millrace_objects', 'millrace_backfills', 'millrace_seeds', "
  "'millrace_owed_hooks') "
  "AND name NOT LIKE 'millrace\\_load\\_%' ESCAPE '\\' LIMIT 1";

} // namespace millrace::storage::sqlite::meta
