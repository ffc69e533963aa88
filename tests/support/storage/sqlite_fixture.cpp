#include "sqlite_fixture.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <thread>

namespace millrace::storage::testing {

namespace {

constexpr int locked_max = 1'000;

} // namespace

std::string dump(const std::filesystem::path& file) {
  plain_connection database{file};
  auto text = database.rows("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name, type");
  for (const auto& table : database.lines("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")) {
    if (table == "millrace_outcomes") {
      continue;
    }
    const auto* const columns = table == "millrace_meta" ? "id, format_version, applied_seq"
                                : table == "millrace_history"
                                  ? "seq, accept_time_ms, step, set_name, version, name, sql, author"
                                  : "*";
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
    auto answers = writer->apply(batches, mark, {});
    // A reader that comes upon SQLite's log while its header is being written takes the write lock for a moment.
    for (int tries = 0; !answers && answers.error().why.code == errc::locked && tries < locked_max; ++tries) {
      std::this_thread::yield();
      answers = writer->apply(batches, mark, {});
    }
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
  return plain_connection{file}.rows(sql);
}

errc code_of(const answer& reply) {
  return reply ? errc::none : reply.error().code;
}

std::string detail_of(const answer& reply) {
  return reply ? std::string{} : reply.error().detail;
}

} // namespace millrace::storage::testing
