#include "plain_connection.hpp"

#include <memory>
#include <stdexcept>

namespace millrace::test {

namespace {

std::string cell(sqlite3_stmt* statement, int column) {
  const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_NULL:
      return "NULL";
    case SQLITE_BLOB: {
      std::string hex;
      const auto* const bytes = static_cast<const unsigned char*>(sqlite3_column_blob(statement, column));
      for (int at = 0; at < sqlite3_column_bytes(statement, column); ++at) {
        hex += "0123456789abcdef"[bytes[at] >> 4];
        hex += "0123456789abcdef"[bytes[at] & 15];
      }
      return "x'" + hex + "'";
    }
    default:
      return text == nullptr ? "" : text;
  }
}

std::string joined(const std::vector<std::string>& parts, const std::string& between) {
  std::string text;
  for (const auto& part : parts) {
    text += &part == &parts.front() ? part : between + part;
  }
  return text;
}

} // namespace

plain_connection::plain_connection(const std::filesystem::path& file, const options& settings)
  : patience_(settings.patience) {
  if (sqlite3_open(file.c_str(), &handle_) != SQLITE_OK) {
    const std::string why = sqlite3_errmsg(handle_);
    sqlite3_close(handle_);
    throw std::runtime_error{file.string() + ": " + why};
  }
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, settings.checkpoints ? 0 : 1, nullptr);
  sqlite3_busy_timeout(handle_, static_cast<int>(patience_.count()));
}

plain_connection::~plain_connection() {
  sqlite3_close(handle_);
}

void plain_connection::give_up(const std::string& what) {
  throw std::runtime_error{what + ": " + sqlite3_errmsg(handle_)};
}

void plain_connection::execute(const std::string& sql) {
  if (!try_execute(sql)) {
    give_up(sql);
  }
}

bool plain_connection::try_execute(const std::string& sql) noexcept {
  return sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
}

bool plain_connection::finds_lock() {
  sqlite3_busy_timeout(handle_, 0);
  const auto code = sqlite3_exec(handle_, "BEGIN IMMEDIATE; ROLLBACK", nullptr, nullptr, nullptr);
  sqlite3_busy_timeout(handle_, static_cast<int>(patience_.count()));
  return code == SQLITE_BUSY;
}

std::vector<std::vector<std::string>> plain_connection::cells(const std::string& sql) {
  std::vector<std::vector<std::string>> all;
  for (const char* rest = sql.c_str(); *rest != '\0';) {
    sqlite3_stmt* made = nullptr;
    const int code = sqlite3_prepare_v2(handle_, rest, -1, &made, &rest);
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement{made, &sqlite3_finalize};
    if (code != SQLITE_OK) {
      give_up(sql);
    }
    int step = SQLITE_DONE;
    while (made != nullptr && (step = sqlite3_step(made)) == SQLITE_ROW) {
      auto& row = all.emplace_back();
      for (int column = 0; column < sqlite3_column_count(made); ++column) {
        row.push_back(cell(made, column));
      }
    }
    if (step != SQLITE_DONE) {
      give_up(sql);
    }
  }
  return all;
}

std::vector<std::string> plain_connection::lines(const std::string& sql, const std::string& between_cells) {
  std::vector<std::string> all;
  for (const auto& row : cells(sql)) {
    all.push_back(joined(row, between_cells));
  }
  return all;
}

std::string plain_connection::rows(const std::string& sql) {
  return joined(lines(sql), "\n");
}

void plain_connection::restore(const std::filesystem::path& copy) {
  const plain_connection from{copy};
  auto* const all = sqlite3_backup_init(handle_, "main", from.handle_, "main");
  const int code = all == nullptr ? SQLITE_OK : sqlite3_backup_step(all, -1);
  if (all == nullptr || code != SQLITE_DONE || sqlite3_backup_finish(all) != SQLITE_OK) {
    give_up("restoring " + copy.string());
  }
}

} // namespace millrace::test
