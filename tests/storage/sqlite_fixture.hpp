#pragma once

#include "../temporary_folder.hpp"

#include <millrace/storage/database.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sqlite3.h>

namespace millrace::storage::test {

/// A plain SQLite connection, as another program would have it.
class stranger {
public:
  explicit stranger(const std::filesystem::path& file);
  stranger(const stranger&) = delete;
  stranger& operator=(const stranger&) = delete;
  ~stranger();

  void execute(const std::string& sql);
  /// All rows; cells separated by `|`, quoted as SQL, rows by newlines.
  std::string rows(const std::string& sql);

private:
  sqlite3* handle_ = nullptr;
};

/// Every row of every table and the whole schema, the database's UUID left out.
std::string dump(const std::filesystem::path& file);

/// A database with one writer. Work is numbered and batched as it comes.
class database_fixture {
public:
  database_fixture();

  /// Opens (again); what it had is closed first.
  void open();
  void close() { writer.reset(); }

  /// Applies the work as one batch; the call must succeed.
  std::vector<answer> apply(std::vector<work> items);
  answer apply_one(work item);
  /// Applies a script that must succeed.
  void schema(const std::string& sql);
  /// All rows as a stranger sees them.
  std::string rows(const std::string& sql);

  /// The next batch, not applied.
  batch_ptr next_batch(std::vector<work> items) const;

  millrace::test::temporary_folder folder;
  std::filesystem::path file = folder.path() / "database.sqlite3";
  std::unique_ptr<database_writer> writer;
  std::int64_t time_ms = 1'600'000'000'000;

private:
  int scripts_ = 0;
};

/// The code an answer was rejected with; `errc::none` where it was not.
errc code_of(const answer& reply);
std::string detail_of(const answer& reply);

} // namespace millrace::storage::test

namespace millrace {

/// For the messages of failed checks.
inline std::ostream& operator<<(std::ostream& out, errc code) {
  return out << name(code);
}

} // namespace millrace
