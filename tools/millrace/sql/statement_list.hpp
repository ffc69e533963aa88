#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace millrace::tools {

/// What is run as one piece of work.
struct sql_piece {
  enum class kind {
    query,       ///< Reads, unless a WITH turns out to change something.
    transaction, ///< Changes rows: one statement, or all between BEGIN and COMMIT.
    schema,      ///< Changes the schema.
  };
  kind what = kind::query;
  std::vector<std::string> statements; ///< One, but of a piece between BEGIN and COMMIT.
  std::string source;                  ///< All of it as it stands in the text.
  std::size_t line = 1;                ///< Where that begins, from 1.
};

/// Cuts a text into what is run one after another. An empty list where there is no statement in it; a sentence where
/// BEGIN and COMMIT do not belong together.
[[nodiscard]] tl::expected<std::vector<sql_piece>, std::string> cut_statements(std::string_view text);

} // namespace millrace::tools
