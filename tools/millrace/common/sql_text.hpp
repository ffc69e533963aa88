#pragma once

#include <span>
#include <string>
#include <string_view>

namespace millrace::tools {

/// A name as SQL takes it whatever is in it: `say "hi"` becomes `"say ""hi"""`.
std::string quote_identifier(std::string_view name);

/// `"a", "b"`: names quoted and separated by commas, each followed by `suffix`.
std::string identifier_list(std::span<const std::string> names, std::string_view suffix = "");

/// `INSERT INTO "table"("a", "b") VALUES (?1, ?2)`.
std::string insert_statement(std::string_view table, std::span<const std::string> columns);

/// The first word of a statement in upper case, comments skipped: `SELECT`, `WITH`, …; empty where there is none.
std::string first_word(std::string_view sql);

} // namespace millrace::tools
