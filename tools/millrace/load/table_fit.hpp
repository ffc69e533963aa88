#pragma once

#include <millrace/actors/client/client.hpp>

#include <span>
#include <string>

#include <tl/expected.hpp>

namespace millrace::tools {

/// Why a table cannot take rows with these columns, whatever they hold: it is not there, lacks a column, computes it,
/// or needs a value in one that the rows have not. Empty where it can.
[[nodiscard]] tl::expected<std::string, failure> misfit(client& database, const std::string& table,
                                                        std::span<const std::string> columns);

/// Whether a name is a view's. What an INSERT into one changes, its triggers decide.
[[nodiscard]] tl::expected<bool, failure> is_view(client& database, const std::string& table);

} // namespace millrace::tools
