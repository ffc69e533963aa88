#include "database.hpp"

#include <millrace/storage/base/folder.hpp>
#include <millrace/storage/sqlite/common/identity.hpp>
#include <millrace/storage/sqlite/read/reader.hpp>
#include <millrace/storage/sqlite/write/writer.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

namespace millrace::storage::sqlite {

namespace {

/// Of a connection that reads one thing from its beginning to its end.
constexpr int one_result_cache_kib = 2'048;

class file_database final : public storage::database {
public:
  explicit file_database(settings chosen) : settings_(std::move(chosen)) {}

  database_traits traits() const noexcept override { return {.deterministic = true, .journal_unit = "page"}; }

  result<database_identity> prepare(bool create) override {
    auto identity = prepare_file(now(), create);
    if (identity) {
      const std::lock_guard lock{mutex_};
      settings_.identity = identity->id;
    }
    return identity;
  }

  result<std::unique_ptr<database_writer>> open_writer() override { return writer::open(now(), fence_); }

  result<std::unique_ptr<database_reader>> open_reader(reading purpose) override {
    auto chosen = now();
    if (purpose == reading::one_result) {
      chosen.cache_kib = std::min(chosen.cache_kib, one_result_cache_kib);
    }
    return reader::open(chosen);
  }

private:
  settings now() const {
    const std::lock_guard lock{mutex_};
    return settings_;
  }

  mutable std::mutex mutex_;
  settings settings_;
  std::shared_ptr<fence> fence_ = std::make_shared<fence>();
};

} // namespace

std::unique_ptr<storage::database> make_database(std::filesystem::path file, const database_options& options,
                                                 const sqlite_options& own, const std::optional<uuid>& wanted) {
  auto space = std::make_shared<temporary_space>(std::filesystem::absolute(file).parent_path() / temporary_folder_name,
                                                 own.temporary_total_kib);
  return std::make_unique<file_database>(
    settings{.file = std::move(file),
             .cached_statements = own.cached_statements,
             .cache_kib = own.cache_kib,
             .afforded = {.memory_kib = own.memory_kib, .temporary_kib = own.temporary_kib, .space = space.get()},
             .space = std::move(space),
             .outcomes = options.outcomes,
             .transaction_time_max = options.transaction_time_max,
             .transaction_pages_max = options.transaction_pages_max,
             .identity = wanted});
}

} // namespace millrace::storage::sqlite
