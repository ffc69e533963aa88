#include "copied_folder.hpp"

#include <millrace/actors/base/logger.hpp>

#include <utility>

namespace millrace {

failure explained(failure found, const storage::folder& data) {
  if (found.code != errc::corrupt) {
    return found;
  }
  const auto path = data.path().string();
  if (data.copied_in_use()) {
    found.detail += "; " + path
                    + " is a copy that was made while an engine had the folder open, or has lost database.sqlite3-wal, "
                      "so its files are of different moments. Copy the folder while it is closed, or its database with "
                      "`sqlite3 FOLDER/database.sqlite3 \".backup COPY\"` at any time; a file that was removed can be "
                      "put back";
  }
  found.detail += ". An older copy of the database will do: move the damaged one away (`mv " + path
                  + "/database.sqlite3* ASIDE`) and put the copy there as database.sqlite3; what it lacks is applied "
                    "again from the log, as far as that reaches back";
  return found;
}

tl::expected<void, failure> check_copy(storage::folder& data, storage::database& database,
                                       const std::atomic<bool>* called_off) {
  if (!data.copied_in_use()) {
    return {};
  }
  const auto path = data.path().string();
  logger()->warn("{} is a copy of a folder that was in use, or has lost SQLite's log; its database is looked through",
                 path);
  auto reader = database.open_reader(storage::reading::one_result);
  auto found = reader ? (*reader)->find_damage({.closing = called_off}) : tl::unexpected{std::move(reader).error()};
  if (!found) {
    return tl::unexpected{explained(std::move(found).error(), data)};
  }
  if (!found->empty()) {
    return tl::unexpected{explained({errc::corrupt, found->front()}, data)};
  }
  logger()->warn("{} shows no damage, but a copy of a folder in use may lack what was written meanwhile", path);
  data.accept_copy();
  return {};
}

} // namespace millrace
