#pragma once

#include <millrace/messages/operations/schema.hpp>
#include <millrace/storage/base/bytes.hpp>

/// A change of the schema as it stands in a record of the log (storage/queue/README.md).
namespace millrace::storage {

/// Whether a log takes it.
bool within_limits(const schema_change& change) noexcept;

/// It must be within the limits.
void put_change(byte_writer& out, const schema_change& change);

/// What is none, or beyond the limits, is rejected by `in`.
schema_change read_change(byte_reader& in);

} // namespace millrace::storage
