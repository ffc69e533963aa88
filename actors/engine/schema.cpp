#include "schema.hpp"

#include <millrace/storage/base/hash.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

namespace millrace {

namespace {

tl::expected<schema_script, failure> read_script(const std::filesystem::path& file) {
  std::ifstream stream{file, std::ios::binary};
  if (!stream) {
    return tl::unexpected{failure{errc::file_not_found, "schema script " + file.string()}};
  }
  return schema_script{file.filename().string(),
                       {std::istreambuf_iterator<char>{stream}, std::istreambuf_iterator<char>{}}};
}

} // namespace

tl::expected<std::vector<schema_script>, failure> pending_scripts(const options& settings,
                                                                  const storage::database_identity& identity) {
  std::vector<schema_script> all;
  for (const auto& file : settings.schema) {
    auto script = read_script(file);
    if (!script) {
      return tl::unexpected{script.error()};
    }
    all.push_back(std::move(*script));
  }
  all.insert(all.end(), settings.scripts.begin(), settings.scripts.end());
  std::set<std::string> names;
  std::vector<schema_script> pending;
  for (auto& script : all) {
    if (!names.insert(script.name).second) {
      return tl::unexpected{failure{errc::bad_option, "two schema scripts are called " + script.name}};
    }
    const auto recorded = std::ranges::find(identity.scripts, script.name, &storage::recorded_script::name);
    if (recorded == identity.scripts.end()) {
      pending.push_back(std::move(script));
    } else if (recorded->sql_hash != storage::hash_of(script.sql)) {
      return tl::unexpected{
        failure{errc::schema_changed, script.name + ", applied as seq " + std::to_string(recorded->seq)}};
    }
  }
  return pending;
}

} // namespace millrace
