#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace millrace::tools {

/// Whether all of it is UTF-8.
bool is_utf8(std::string_view text) noexcept;

/// A name as SQL compares it: two that are one to it, such as `ID` and `id`, are equal then.
std::string folded(std::string_view name);

/// Why a text cannot be stored as it is, and what to do; nothing where it can. To follow the name of what holds it.
std::optional<std::string> text_problem(std::string_view text);

/// Why a file cannot be read that begins with this byte, and what to do; nothing where it can. UTF-16 and UTF-32 are
/// told by their mark, whose bytes no UTF-8 text holds.
std::optional<std::string> encoding_problem(int first_byte);

/// Why a table cannot have these columns, as SQL takes their names; nothing where it can.
std::optional<std::string> columns_problem(std::span<const std::string> names);

/// Why nothing can be loaded into a table of that name, as the command line gives it; empty where it can.
std::string table_problem(const std::string& name);

} // namespace millrace::tools
