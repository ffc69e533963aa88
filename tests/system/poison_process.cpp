#include "poison_process.hpp"

#include <millrace/tests/support/process/give_up.hpp>
#include <millrace/tests/support/process/opened.hpp>
#include <millrace/tests/support/process/program.hpp>

#include <cstdlib>
#include <iostream>

#include <sqlite3.h>
#include <sys/resource.h>

namespace millrace::test {

namespace {

bool deadly = true;

void poison(sqlite3_context* context, int, sqlite3_value**) {
  if (deadly) {
    std::abort();
  }
  sqlite3_result_int(context, 7);
}

int add_poison(sqlite3* database, char**, const sqlite3_api_routines*) {
  return sqlite3_create_function_v2(database, "regexp", 0, SQLITE_UTF8 | SQLITE_INNOCUOUS, nullptr, poison, nullptr,
                                    nullptr, nullptr);
}

transaction ordinary(int number, ack acknowledgement) {
  auto work = execute("INSERT INTO entry(number) VALUES (?1)", number);
  work.acknowledgement = acknowledgement;
  return work;
}

void require(const tl::expected<outcome, failure>& done) {
  if (!done) {
    give_up(to_string(done.error()));
  }
}

/// The database's lock is held until all is in the log, so that the process cannot die before.
void fill(client db, const std::filesystem::path& database) {
  constexpr int middle = ordinary_transactions / 2;
  for (int number = 1; number <= middle / 2; ++number) {
    require(db.execute(ordinary(number, ack::applied)));
  }
  plain_connection other{database};
  other.execute("BEGIN IMMEDIATE");
  for (int number = middle / 2 + 1; number <= ordinary_transactions; ++number) {
    require(db.execute(ordinary(number, ack::durable)));
    if (number == middle) {
      auto work = execute("INSERT INTO entry(number) SELECT 1000 + regexp()");
      work.acknowledgement = ack::durable;
      require(db.execute(std::move(work)));
    }
  }
  other.execute("ROLLBACK");
  require(db.execute("DELETE FROM entry WHERE number = 0")); // Waits for all before it.
}

void resubmit(caf::actor_system& system, engine& served) {
  caf::scoped_actor self{system};
  std::vector<quarantined_transaction> entries;
  self->request(served.operations(), std::chrono::minutes{1}, quarantine_list{})
    .receive([&](quarantine_listing& found) { entries = std::move(found.entries); },
             [](const caf::error& why) { give_up(to_string(failure_of(why))); });
  for (const auto& one : entries) {
    self->request(served.operations(), std::chrono::minutes{1}, quarantine_resubmit{one.seq})
      .receive([](const outcome&) {}, [](const caf::error& why) { give_up(to_string(failure_of(why))); });
  }
}

int play_poisoned(const std::vector<std::string>& arguments) {
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  deadly = arguments.at(2) == "deadly";
  // For all connections of this process; SQLite calls it with other arguments than its type says.
  sqlite3_auto_extension(reinterpret_cast<void (*)()>(add_poison));
  options settings;
  settings.data = arguments.at(0);
  settings.create_if_missing = true;
  settings.scripts = {{"0001", "CREATE TABLE entry(number INTEGER)"}};
  system_config config;
  caf::actor_system system{config};
  auto served = open(system, settings);
  if (!served) {
    give_up(to_string(served.error()));
  }
  if (arguments.at(1) == "fill") {
    fill(client{system, served->front()}, settings.data / "database.sqlite3");
  } else if (arguments.at(1) == "resubmit") {
    resubmit(system, *served);
  }
  return 0;
}

const role poisoned{poison_role, play_poisoned};

} // namespace

std::vector<std::string> poison_process::arguments() const {
  const auto* what = task == poison_task::fill ? "fill" : task == poison_task::serve ? "serve" : "resubmit";
  return {data.string(), what, deadly ? "deadly" : "harmless"};
}

} // namespace millrace::test
