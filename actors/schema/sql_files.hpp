#pragma once

#include <millrace/actors/base/expected.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Files of SQL that a number and a name call, as migrations and seeds are.
namespace millrace {

/// `0007_add_lease`, taken apart.
struct numbered_name {
  std::uint64_t number = 0; ///< From 1.
  std::string name{};
};

/// Nothing where a name is no such.
std::optional<numbered_name> read_numbered_name(std::string_view stem);

/// What is in a folder, by name, but for what editors leave there (`.name`). `file_not_found` where there is none.
[[nodiscard]] expected<std::vector<std::filesystem::path>> entries_of(const std::filesystem::path& folder);

/// Whether it ends in .sql; also where the file system, or its user, knows no case.
bool called_like_sql(std::string_view name) noexcept;

/// What a file holds; `bad_option` where it is none, or cannot be read.
[[nodiscard]] expected<std::string> read_text(const std::filesystem::path& file);

/// What is wrong with a file, as `bad_option`.
tl::unexpected<failure> unusable(const std::filesystem::path& file, std::string_view why);

} // namespace millrace
