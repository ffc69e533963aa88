#pragma once

#include "statement_cache.hpp"

#include <millrace/messages/statement.hpp>

namespace millrace::storage::sqlite {

/// Binds all of a statement's parameters. Texts and blobs are not copied: `source` must live, unchanged, until the last
/// step. Errors: `parameter_mismatch`, naming the parameter; `too_large`.
[[nodiscard]] result<> bind_parameters(cached_statement& target, const statement& source);

} // namespace millrace::storage::sqlite
