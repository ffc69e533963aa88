#pragma once

#include "connection.hpp"

#include <millrace/messages/operations/schema.hpp>

#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

/// What a schema consists of: all but what is Millrace's or SQLite's own.
namespace millrace::storage::sqlite {

struct object_key {
  std::string type;
  std::string name;

  friend bool operator<(const object_key& one, const object_key& other) {
    return std::tie(one.type, one.name) < std::tie(other.type, other.name);
  }
};

struct object_text {
  std::string table;
  std::string sql;

  friend bool operator==(const object_text&, const object_text&) = default;
};

using schema_objects = std::map<object_key, object_text>;

/// Those that are there, and those that are recorded.
[[nodiscard]] result<schema_objects> read_objects(connection& database);
[[nodiscard]] result<schema_objects> read_recorded_objects(connection& database);

/// Whether two SQL texts say the same: comments and spaces aside, and case where SQL sees none.
bool says_same(std::string_view one, std::string_view other);

/// How one schema differs from another, object by object. `alike` tells which texts count as one.
[[nodiscard]] std::vector<schema_difference> differences(const schema_objects& before, const schema_objects& after,
                                                         bool (*alike)(std::string_view, std::string_view));

} // namespace millrace::storage::sqlite
