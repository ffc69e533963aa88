#include "sqlite_fixture.hpp"

#include <algorithm>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace millrace::storage::test {

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

} // namespace

stranger::stranger(const std::filesystem::path& file) {
  if (sqlite3_open(file.c_str(), &handle_) != SQLITE_OK) {
    throw std::runtime_error{sqlite3_errmsg(handle_)};
  }
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

stranger::~stranger() {
  sqlite3_close(handle_);
}

void stranger::execute(const std::string& sql) {
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw std::runtime_error{sqlite3_errmsg(handle_)};
  }
}

std::string stranger::rows(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
    throw std::runtime_error{sqlite3_errmsg(handle_)};
  }
  std::string text;
  while (sqlite3_step(statement) == SQLITE_ROW) {
    text += text.empty() ? "" : "\n";
    for (int column = 0; column < sqlite3_column_count(statement); ++column) {
      text += (column == 0 ? "" : "|") + cell(statement, column);
    }
  }
  sqlite3_finalize(statement);
  return text;
}

std::string dump(const std::filesystem::path& file) {
  stranger database{file};
  auto text = database.rows("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name, type");
  std::istringstream tables{database.rows("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")};
  for (std::string table; std::getline(tables, table);) {
    if (table == "millrace_outcomes") {
      continue;
    }
    const auto* const columns = table == "millrace_meta" ? "id, format_version, applied_seq" : "*";
    text += "\n-- " + table + "\n" + database.rows("SELECT " + std::string{columns} + " FROM \"" + table + "\"");
  }
  return text;
}

database_fixture::database_fixture() {
  open();
}

void database_fixture::open(const database_options& options) {
  close();
  const auto database = sqlite::make_database(file, options);
  if (auto identity = database->prepare(true); !identity) {
    throw std::runtime_error{to_string(identity.error())};
  }
  auto opened = database->open_writer();
  if (!opened) {
    throw std::runtime_error{to_string(opened.error())};
  }
  writer = std::move(*opened);
}

std::shared_ptr<batch> database_fixture::next_batch(std::vector<work> items) const {
  auto made = std::make_shared<batch>();
  made->first_seq = writer->applied_seq() + 1;
  made->accept_time_ms = time_ms;
  made->items = std::move(items);
  return made;
}

std::vector<answer> database_fixture::apply_all(std::span<const batch_ptr> batches) {
  std::vector<answer> all;
  while (writer->applied_seq() < batches.back()->last_seq()) {
    auto answers = writer->apply(batches, mark, no_deadline);
    if (!answers) {
      throw std::runtime_error{to_string(answers.error().why)};
    }
    if (answers->empty()) {
      throw std::runtime_error{"a call came to nothing"};
    }
    std::ranges::move(*answers, std::back_inserter(all));
  }
  return all;
}

std::vector<answer> database_fixture::apply(std::vector<work> items) {
  const batch_ptr next = next_batch(std::move(items));
  return apply_all(std::span{&next, 1});
}

answer database_fixture::apply_one(work item) {
  std::vector<work> items;
  items.push_back(std::move(item));
  return apply(std::move(items)).at(0);
}

void database_fixture::schema(const std::string& sql) {
  if (auto done = apply_one(schema_script{"script-" + std::to_string(++scripts_), sql}); !done) {
    throw std::runtime_error{to_string(done.error())};
  }
}

std::string database_fixture::rows(const std::string& sql) {
  return stranger{file}.rows(sql);
}

errc code_of(const answer& reply) {
  return reply ? errc::none : reply.error().code;
}

std::string detail_of(const answer& reply) {
  return reply ? std::string{} : reply.error().detail;
}

} // namespace millrace::storage::test
