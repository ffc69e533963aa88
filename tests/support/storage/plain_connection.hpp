#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <sqlite3.h>

namespace millrace::test {

/// A plain SQLite connection, as another program would have it: a stranger to the engine. What fails throws
/// `std::runtime_error`, unless it says otherwise. Used by one thread at a time.
class plain_connection {
public:
  struct options {
    /// How long it waits for a lock.
    std::chrono::milliseconds patience{10'000};
    /// Whether it checkpoints where it is the last to close the database; otherwise that is left to the engine.
    bool checkpoints = false;
  };

  /// Makes the file where there is none.
  explicit plain_connection(const std::filesystem::path& file) : plain_connection(file, options{}) {}
  plain_connection(const std::filesystem::path& file, const options& settings);
  plain_connection(const plain_connection&) = delete;
  plain_connection& operator=(const plain_connection&) = delete;
  ~plain_connection();

  /// Runs all statements.
  void execute(const std::string& sql);
  /// Likewise; false where one fails.
  bool try_execute(const std::string& sql) noexcept;
  /// Whether somebody else is inside a writing transaction at this moment.
  bool finds_lock();

  /// All rows, cell by cell: numbers and texts as they are, blobs in hexadecimal digits, `NULL`.
  std::vector<std::vector<std::string>> cells(const std::string& sql);
  /// The same, a text for each row.
  std::vector<std::string> lines(const std::string& sql, const std::string& between_cells = "|");
  /// The same in one text: cells separated by `|`, rows by newlines.
  std::string rows(const std::string& sql);

  /// Takes over all of another database, page by page in one transaction, as SQLite's shell restores a copy.
  void restore(const std::filesystem::path& copy);

private:
  [[noreturn]] void give_up(const std::string& what);

  sqlite3* handle_ = nullptr;
  std::chrono::milliseconds patience_;
};

} // namespace millrace::test
