#include "schema.hpp"

#include <millrace/storage/base/hash.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>
#include <utility>

namespace millrace {

namespace {

tl::expected<schema_script, failure> read_script(const std::filesystem::path& file) {
  const auto unusable = [&file](errc code, const std::string& why) {
    return tl::unexpected{failure{code, "schema script " + file.string() + why}};
  };
  std::error_code problem;
  if (!std::filesystem::exists(file, problem)) {
    return problem ? unusable(errc::bad_option, " cannot be read: " + problem.message())
                   : unusable(errc::file_not_found, "");
  }
  if (std::filesystem::is_directory(file, problem)) {
    return unusable(errc::bad_option, " is a folder; name the files in it, in the order in which they are applied");
  }
  errno = 0;
  std::ifstream stream{file, std::ios::binary};
  std::ostringstream text;
  // A file without a byte in it sets the failbit.
  if (!stream || (stream.peek() != std::ifstream::traits_type::eof() && !(text << stream.rdbuf())) || stream.bad()) {
    return unusable(errc::bad_option, std::string{" cannot be read: "} + std::strerror(errno));
  }
  return schema_script{file.filename().string(), std::move(text).str()};
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
