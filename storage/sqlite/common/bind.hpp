#pragma once

#include "prepared_statement.hpp"

#include <millrace/messages/operations/schema.hpp>

#include <cstdint>
#include <string_view>

#include <sqlite3.h>

/// Parameters of statements of our own. Texts and digests are not copied: they live, unchanged, until the last step.
namespace millrace::storage::sqlite {

inline void bind_to(prepared_statement& target, int index, std::string_view text) noexcept {
  // A null pointer would be NULL.
  sqlite3_bind_text64(target.get(), index, text.empty() ? "" : text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

inline void bind_to(prepared_statement& target, int index, std::uint64_t number) noexcept {
  sqlite3_bind_int64(target.get(), index, static_cast<sqlite3_int64>(number));
}

inline void bind_to(prepared_statement& target, int index, const sha256& digest) noexcept {
  sqlite3_bind_blob64(target.get(), index, digest.data(), digest.size(), SQLITE_STATIC);
}

} // namespace millrace::storage::sqlite
