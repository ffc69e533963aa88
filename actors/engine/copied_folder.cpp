#include "copied_folder.hpp"

#include <millrace/actors/base/logger.hpp>

#include <utility>

namespace millrace {

failure explained(failure found, const storage::folder& data) {
  if (data.copied_in_use() && found.code == errc::corrupt) {
    found.detail += "; " + data.path().string()
                    + " is a copy that was made while an engine had the folder open, so its files are of different "
                      "moments. Copy the folder while it is closed, or its database with `sqlite3 "
                      "FOLDER/database.sqlite3 \".backup COPY\"` at any time";
  }
  return found;
}

tl::expected<void, failure> check_copy(storage::folder& data, storage::database& database) {
  if (!data.copied_in_use()) {
    return {};
  }
  const auto path = data.path().string();
  logger()->warn("{} is a copy of a folder that was in use; its database is looked through", path);
  auto reader = database.open_reader(storage::reading::one_result);
  auto found = reader ? (*reader)->find_damage({}) : tl::unexpected{std::move(reader).error()};
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
