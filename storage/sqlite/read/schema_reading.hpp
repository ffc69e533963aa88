#pragma once

#include <millrace/messages/operations/schema.hpp>
#include <millrace/storage/sqlite/common/connection.hpp>

#include <cstdint>

namespace millrace::storage::sqlite {

/// Reads what is recorded of the schema, in the snapshot that the connection has open, and compares it with the schema
/// that is there. Of the history at most `limit` changes above `after`, and fewer where they are large.
[[nodiscard]] result<schema_state> read_schema_state(connection& database, std::uint64_t after, std::uint32_t limit);

} // namespace millrace::storage::sqlite
