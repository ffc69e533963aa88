#include "power_loss_workload.hpp"

#include "recording_file_system.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/actors/engine/testing.hpp>
#include <millrace/messages/wire/registry.hpp>

#include <algorithm>
#include <atomic>
#include <deque>
#include <exception>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>

#include <caf/scoped_actor.hpp>

namespace millrace::test {

namespace {

constexpr std::chrono::minutes workload_limit{2};
constexpr std::uint64_t sessions = 3;
/// The client that sends many at once.
constexpr std::uint32_t bursting_client = 6;
constexpr std::uint64_t burst = 8;

constexpr auto first_script = R"(
CREATE TABLE entry(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  client INTEGER NOT NULL,
  number INTEGER NOT NULL,
  payload TEXT NOT NULL,
  chance INTEGER NOT NULL,
  at TEXT NOT NULL
);
CREATE INDEX entry_by_client ON entry(client, number);
CREATE TABLE part(entry INTEGER NOT NULL, place INTEGER NOT NULL, PRIMARY KEY(entry, place)) WITHOUT ROWID;
CREATE TABLE account(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9) INSERT INTO account SELECT i, 1000 FROM n;
)";

constexpr auto second_script = R"(
ALTER TABLE entry ADD COLUMN note TEXT NOT NULL DEFAULT 'none';
CREATE INDEX entry_by_time ON entry(at);
)";

/// One of the engine's clients. What it sends next follows from how many it has sent.
class recorded_client {
public:
  recorded_client(caf::actor_system& system, engine_actor front, recording& notes, std::uint32_t number)
    : self_(system), front_(std::move(front)), notes_(notes), client_(number) {}

  void send(std::uint64_t first, std::uint64_t count) {
    std::deque<std::pair<std::uint64_t, pending>> requests;
    for (auto number = first; number < first + count; ++number) {
      notes_.noted({.what = client_note::kind::sent, .client = client_, .number = number});
      requests.emplace_back(number, self_->request(front_, workload_limit, power_loss_work(client_, number)));
    }
    for (auto& [number, request] : requests) {
      tl::expected<outcome, failure> answer;
      request.receive([&](outcome& done) { answer = std::move(done); },
                      [&](const caf::error& why) { answer = tl::unexpected{millrace::failure_of(why)}; });
      note(number, answer);
    }
  }

private:
  using pending = decltype(std::declval<caf::scoped_actor&>()->request(std::declval<engine_actor&>(), workload_limit,
                                                                       std::declval<transaction>()));

  void note(std::uint64_t number, const tl::expected<outcome, failure>& answer) {
    if (!answer && millrace::kind(answer.error().code) != error_kind::rejected) {
      throw std::runtime_error{"client " + std::to_string(client_) + ", number " + std::to_string(number) + ": "
                               + to_string(answer.error())};
    }
    const bool durable = answer && answer->results.empty();
    notes_.noted({.what = !answer   ? client_note::kind::rejected
                          : durable ? client_note::kind::durable
                                    : client_note::kind::applied,
                  .client = client_,
                  .number = number,
                  .seq = answer ? answer->seq : 0,
                  .answer = durable ? std::string{} : text_of(answer)});
  }

  caf::scoped_actor self_;
  engine_actor front_;
  recording& notes_;
  std::uint32_t client_;
};

/// Somebody who reads slowly: while the first of two pages is looked at, checkpoints cannot move all that was written.
class slow_reader {
public:
  /// `answered` counts what the clients are answered.
  slow_reader(caf::actor_system& system, engine_actor front, const std::atomic<std::uint64_t>& answered)
    : self_(system), front_(std::move(front)), answered_(answered) {}

  void read(const std::atomic<bool>& ended) {
    while (!ended) {
      auto next = ask(page_query{select("SELECT id FROM entry ORDER BY id LIMIT 2"), 1});
      wait(50, ended);
      if (next) {
        ask(*next);
      }
      wait(15, ended);
    }
  }

private:
  template <class Question>
  std::optional<page_cursor> ask(Question question) {
    std::optional<page_cursor> next;
    self_->request(front_, workload_limit, std::move(question))
      .receive([&](row_page& page) { next = std::move(page.next); }, [](const caf::error&) {});
    return next;
  }

  /// Until so many more are answered.
  void wait(std::uint64_t more, const std::atomic<bool>& ended) const {
    for (const auto until = answered_ + more; answered_ < until && !ended;) {
      std::this_thread::sleep_for(std::chrono::microseconds{200});
    }
  }

  caf::scoped_actor self_;
  engine_actor front_;
  const std::atomic<std::uint64_t>& answered_;
};

/// An order that the log holds and that is refused.
void order_something_impossible(caf::actor_system& system, engine& served) {
  caf::scoped_actor self{system};
  self->request(served.operations(), workload_limit, quarantine_discard{1})
    .receive([](const outcome&) { throw std::runtime_error{"something was in quarantine"}; }, [](const caf::error&) {});
}

/// All clients at work on one open engine.
class session {
public:
  session(caf::actor_system& system, const options& settings, storage::file_system& files, recording& notes)
    : system_(system), notes_(notes), served_(open_or_throw(system, settings, files)) {}

  /// Each client's transactions from number `first` on up to before `end`.
  void run(std::uint64_t first, std::uint64_t end) {
    std::thread reading{[this] { slow_reader{system_, served_.front(), answered_}.read(ended_); }};
    std::vector<std::thread> clients;
    for (std::uint32_t client = 0; client < power_loss_clients; ++client) {
      clients.emplace_back([this, client, first, end] { run_client(client, first, end); });
    }
    for (auto& client : clients) {
      client.join();
    }
    ended_ = true;
    reading.join();
    if (problem_) {
      std::rethrow_exception(problem_);
    }
    order_something_impossible(system_, served_);
  }

private:
  static engine open_or_throw(caf::actor_system& system, const options& settings, storage::file_system& files) {
    auto opened = millrace::open(system, settings, {.files = &files});
    if (!opened) {
      throw std::runtime_error{to_string(opened.error())};
    }
    return std::move(*opened);
  }

  void run_client(std::uint32_t client, std::uint64_t first, std::uint64_t end) {
    try {
      recorded_client sender{system_, served_.front(), notes_, client};
      const auto at_once = client == bursting_client ? burst : 1;
      for (auto number = first; number < end; number += at_once) {
        sender.send(number, std::min(at_once, end - number));
        answered_ += at_once;
      }
    } catch (...) {
      const std::lock_guard lock{mutex_};
      problem_ = std::current_exception();
    }
  }

  caf::actor_system& system_;
  recording& notes_;
  engine served_;
  std::atomic<std::uint64_t> answered_ = 0;
  std::atomic<bool> ended_ = false;
  std::mutex mutex_;
  std::exception_ptr problem_; ///< Guarded by `mutex_`.
};

uuid client_id(std::uint32_t client) {
  // Born at a time after all that could be forgotten.
  uuid id{0x01, 0x9a, 0xa0, 0x00, 0x00, 0x00, 0x70, 0x00, 0x80};
  id.back() = static_cast<std::uint8_t>(client + 1);
  return id;
}

} // namespace

options power_loss_settings(const std::filesystem::path& data) {
  options settings;
  settings.data = data;
  settings.create_if_missing = true;
  settings.scripts = {{"0001", first_script}, {"0002", second_script}};
  settings.read.readers = 1;
  settings.write.checkpoint_pages = 8;
  settings.write.wal_pages_max = 64;
  settings.health.interval = std::chrono::minutes{10};
  settings.log.segment_bytes = 16 * 1024;
  settings.sqlite.cache_kib = 1024;
  return settings;
}

bool power_loss_work_fails(std::uint64_t number) {
  return number % 7 == 0;
}

bool power_loss_work_has_parts(std::uint64_t number) {
  return number % 5 == 0 && !power_loss_work_fails(number);
}

bool power_loss_client_has_name(std::uint32_t client) {
  return client == 2 || client == 3;
}

std::string power_loss_payload(std::uint32_t client, std::uint64_t number) {
  const auto bytes = number % 11 == 0 ? 2000 + 700 * client : 10 + (number * 37 + client * 11) % 300;
  const auto start = std::to_string(client) + ':' + std::to_string(number) + ' ';
  return start + std::string(bytes, static_cast<char>('a' + number % 26));
}

money_transfer power_loss_transfer(std::uint32_t client, std::uint64_t number) {
  const auto from = static_cast<std::int64_t>(number % accounts);
  return {from, (from + 1 + client) % accounts, static_cast<std::int64_t>(number % 17) + 1};
}

transaction power_loss_work(std::uint32_t client, std::uint64_t number) {
  auto changes = execute(
    "INSERT INTO entry(client, number, payload, chance, at) "
    "VALUES (?1, ?2, ?3, random(), strftime('%Y-%m-%d %H:%M:%f', 'now')) RETURNING id, chance, at",
    client, number, power_loss_payload(client, number));
  if (power_loss_work_fails(number)) {
    changes.add("INSERT INTO part(entry, place) VALUES (?1, NULL)", number);
  }
  if (power_loss_work_has_parts(number)) {
    const auto moved = power_loss_transfer(client, number);
    changes.add(
      "INSERT INTO part(entry, place) SELECT id, 1 FROM entry WHERE client = ?1 AND number = ?2 "
      "UNION ALL SELECT id, 2 FROM entry WHERE client = ?1 AND number = ?2",
      client, number);
    changes.in_group(on_error::abort_transaction, [&](transaction& group) {
      group.add("UPDATE account SET balance = balance - ?1 WHERE id = ?2", moved.amount, moved.from).expect_rows(1);
      group.add("UPDATE account SET balance = balance + ?1 WHERE id = ?2", moved.amount, moved.to).expect_rows(1);
    });
  }
  if (power_loss_client_has_name(client)) {
    changes.name = {client_id(client), number};
  }
  if (client >= 5 || (client == 3 && number % 3 == 0)) {
    changes.acknowledgement = ack::durable;
  }
  if (client == 4 && number % 9 == 0) {
    changes.deadline = std::chrono::milliseconds{1};
  }
  return changes;
}

std::string text_of(const tl::expected<outcome, failure>& answer) {
  if (!answer) {
    return std::string{name(answer.error().code)};
  }
  std::string text;
  for (const auto& result : answer->results) {
    for (const auto line : result.rows) {
      for (std::size_t i = 0; i < line.size(); ++i) {
        text += (text.empty() ? "" : "|") + line[i].to_string();
      }
    }
  }
  return text;
}

void run_power_loss_work(const std::filesystem::path& data, recording& notes, std::uint64_t seed,
                         std::uint64_t transactions, missing_sync missing) {
  recording_file_system files{notes};
  std::mt19937_64 random{seed};
  system_config config;
  caf::actor_system system{config};
  const auto usual = transactions / power_loss_clients / sessions;
  std::uint64_t first = 1;
  for (std::uint64_t number = 1; number <= sessions; ++number) {
    auto settings = power_loss_settings(data);
    settings.scripts.resize(number == 1 ? 1 : 2);
    settings.write.checkpoint_pages = static_cast<std::uint32_t>(4 + random() % 24);
    const auto count = usual / 2 + random() % usual + 1;
    notes.leave_out(number == 1 ? missing_sync::none : missing);
    session{system, settings, files, notes}.run(first, first + count);
    first += count;
  }
}

} // namespace millrace::test
