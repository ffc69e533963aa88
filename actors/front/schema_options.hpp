#pragma once

#include <cstdint>

namespace millrace {

/// What becomes of an operator's own SQL that changes the schema.
enum class ad_hoc_changes : std::uint8_t {
  allow,  ///< It is applied, and recorded with its text.
  refuse, ///< `not_permitted`: the schema changes through scripts and migrations alone.
};

/// What becomes of migrations that are pending when an engine is opened.
enum class pending_migrations : std::uint8_t {
  apply,  ///< They are applied, before anybody is served.
  refuse, ///< Opening fails with `schema_conflict`: somebody is to apply them before.
};

/// What becomes of an engine whose schema is not what scripts, migrations and ad-hoc changes made of it, since another
/// program changed the file.
enum class schema_drift : std::uint8_t {
  warn,   ///< It serves, and the log says what differs.
  refuse, ///< Opening fails with `schema_conflict`.
};

} // namespace millrace
