#pragma once

#include <millrace/messages/error.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <filesystem>
#include <ostream>
#include <string>

#include <sqlite3.h>

#include <boost/test/unit_test.hpp>

namespace millrace {

/// For the messages of failed checks.
inline std::ostream& operator<<(std::ostream& out, errc code) {
  return out << name(code);
}

} // namespace millrace

namespace millrace::test {

/// A plain SQLite connection, as another program would have it. It leaves checkpoints to the engine.
class stranger {
public:
  explicit stranger(const std::filesystem::path& file) {
    BOOST_REQUIRE_EQUAL(sqlite3_open(file.c_str(), &handle_), SQLITE_OK);
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    sqlite3_busy_timeout(handle_, 10'000);
  }
  stranger(const stranger&) = delete;
  stranger& operator=(const stranger&) = delete;
  ~stranger() { sqlite3_close(handle_); }

  void execute(const std::string& sql) {
    BOOST_REQUIRE_MESSAGE(sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK,
                          sql << ": " << sqlite3_errmsg(handle_));
  }

  /// Whether somebody else is inside a writing transaction at this moment.
  bool finds_lock() {
    sqlite3_busy_timeout(handle_, 0);
    const auto found = sqlite3_exec(handle_, "BEGIN IMMEDIATE; ROLLBACK", nullptr, nullptr, nullptr);
    sqlite3_busy_timeout(handle_, 10'000);
    return found == SQLITE_BUSY;
  }

  /// All rows; cells separated by `|`, rows by newlines.
  std::string rows(const std::string& sql) {
    std::string text;
    const auto add = [](void* to, int count, char** cells, char**) {
      auto& lines = *static_cast<std::string*>(to);
      lines += lines.empty() ? "" : "\n";
      for (int i = 0; i < count; ++i) {
        lines += i == 0 ? "" : "|";
        lines += cells[i] == nullptr ? "NULL" : cells[i];
      }
      return 0;
    };
    BOOST_REQUIRE_EQUAL(sqlite3_exec(handle_, sql.c_str(), add, &text, nullptr), SQLITE_OK);
    return text;
  }

private:
  sqlite3* handle_ = nullptr;
};

} // namespace millrace::test
