#pragma once

#include <cstdint>

namespace millrace {

/// What becomes of an operator's own SQL that changes the schema.
enum class ad_hoc_changes : std::uint8_t {
  allow,  ///< It is applied, and recorded with its text.
  refuse, ///< `not_permitted`: the schema changes through scripts and migrations alone.
};

} // namespace millrace
