#include "baseline.hpp"

#include "group_commit.hpp"

#include <millrace/actors/base/histogram.hpp>
#include <millrace/tools/millrace/common/process.hpp>

#include <algorithm>
#include <memory>
#include <mutex>
#include <random>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include <sqlite3.h>

namespace millrace::tools {

namespace {

using clock = std::chrono::steady_clock;

constexpr int busy_timeout_ms = 30'000;
constexpr unsigned batch_operations = 1'000;

std::filesystem::path database_file(const baseline_task& task) {
  return task.folder / "baseline.sqlite3";
}

/// A baseline that fails ends as a whole; inside this file that is an exception, outside a sentence.
[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error{"A baseline cannot be measured: " + what + "."};
}

class connection {
public:
  connection(const baseline_task& task, const std::string& pragmas) {
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    sqlite3* opened = nullptr;
    const int code = sqlite3_open_v2(database_file(task).c_str(), &opened, flags, nullptr);
    handle_.reset(opened);
    if (code != SQLITE_OK) {
      fail(sqlite3_errmsg(opened));
    }
    sqlite3_busy_timeout(opened, busy_timeout_ms);
    run("PRAGMA journal_mode=WAL");
    run(pragmas);
  }

  void run(const std::string& sql) {
    if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
      fail(sqlite3_errmsg(handle_.get()));
    }
  }

  sqlite3* get() const { return handle_.get(); }

private:
  struct closer {
    void operator()(sqlite3* handle) const { sqlite3_close(handle); }
  };
  std::unique_ptr<sqlite3, closer> handle_;
};

class prepared {
public:
  prepared(const connection& database, const char* sql) : database_(database) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v3(database.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) {
      fail(sqlite3_errmsg(database.get()));
    }
    handle_.reset(statement);
  }

  prepared& bind(int position, std::uint64_t number) {
    sqlite3_bind_int64(handle_.get(), position, static_cast<sqlite3_int64>(number));
    return *this;
  }
  prepared& bind(int position, const std::string& text) {
    sqlite3_bind_text(handle_.get(), position, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
    return *this;
  }

  void run() {
    int code = SQLITE_ROW;
    while (code == SQLITE_ROW) {
      code = sqlite3_step(handle_.get());
    }
    sqlite3_reset(handle_.get());
    if (code != SQLITE_DONE) {
      fail(sqlite3_errmsg(database_.get()));
    }
  }

private:
  struct closer {
    void operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
  };
  const connection& database_;
  std::unique_ptr<sqlite3_stmt, closer> handle_;
};

/// One thread's share of the workload on a connection of its own.
class worker {
public:
  worker(const baseline_task& task, const std::string& pragmas, std::uint64_t seed)
    : task_(task), payload_(task.payload), database_(task, pragmas), random_(seed) {}

  /// One operation as a pool does it: each write a durable transaction of its own.
  void pool_operation() {
    if (reads()) {
      read();
    } else if (task_.kind == workload::append) {
      append_.bind(1, task_.payload).run();
    } else {
      begin_.run();
      upsert();
      commit_.run();
    }
  }

  /// A thousand operations in one transaction. Reads are on their own.
  void raw_operations() {
    if (task_.kind == workload::read) {
      read();
    } else {
      operations_together(batch_operations);
    }
  }

  /// So many operations in one transaction, each write in a savepoint.
  void operations_together(std::size_t count) {
    begin_.run();
    for (std::size_t i = 0; i < count; ++i) {
      raw_operation();
    }
    commit_.run();
  }

  std::uint64_t raw_count() const { return task_.kind == workload::read ? 1 : batch_operations; }

private:
  void raw_operation() {
    if (reads()) {
      read();
      return;
    }
    savepoint_.run();
    if (task_.kind == workload::append) {
      append_.bind(1, task_.payload).run();
    } else {
      upsert();
    }
    release_.run();
  }

  bool reads() {
    return task_.kind == workload::read
           || (task_.kind == workload::mixed && std::uniform_real_distribution{0.0, 1.0}(random_) < task_.reads);
  }
  std::uint64_t key() {
    return std::uniform_int_distribution<std::uint64_t>{1, std::max<std::uint64_t>(1, task_.rows)}(random_);
  }
  void read() { select_.bind(1, key()).run(); }
  void upsert() {
    renew(payload_, ++writes_);
    upsert_.bind(1, key()).bind(2, payload_).run();
  }

  const baseline_task& task_;
  std::string payload_;
  std::uint64_t writes_ = 0;
  connection database_;
  std::mt19937_64 random_;
  prepared begin_{database_, "BEGIN IMMEDIATE"};
  prepared commit_{database_, "COMMIT"};
  prepared savepoint_{database_, "SAVEPOINT one"};
  prepared release_{database_, "RELEASE one"};
  prepared select_{database_, "SELECT payload FROM bench WHERE id = ?1"};
  prepared append_{database_, "INSERT INTO bench(payload) VALUES (?1)"};
  prepared upsert_{database_,
                   "INSERT INTO bench(id, payload) VALUES (?1, ?2) "
                   "ON CONFLICT(id) DO UPDATE SET payload = excluded.payload"};
};

double per_second(std::uint64_t operations, clock::time_point since) {
  return static_cast<double>(operations) / std::chrono::duration<double>{clock::now() - since}.count();
}

/// Turns the exceptions of a measurement into its error.
template <class Measure>
auto measured(Measure measure) -> tl::expected<decltype(measure()), std::string> {
  try {
    return measure();
  } catch (const std::exception& problem) {
    return tl::unexpected{std::string{problem.what()}};
  }
}

/// What clients, a thread each, did within the time they had.
class client_threads {
public:
  explicit client_threads(const baseline_task& task) : task_(task), deadline_(clock::now() + task.duration) {}

  /// Whether there is time left. Any thread, as all below.
  bool going_on() const { return clock::now() < deadline_ && !interrupted(); }

  /// `client(number, latencies)` is run by each of so many threads; returns when all have ended.
  template <class Client>
  void run(std::size_t count, const Client& client) {
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < count; ++i) {
      threads.emplace_back([this, &client, i] { run_one(client, i + 1); });
    }
    for (auto& one : threads) {
      one.join();
    }
  }

  /// Counts an operation that began then. What ends after the deadline, or waits for the lock beyond it, does not
  /// count.
  void count(histogram& latencies, clock::time_point began) const {
    if (const auto now = clock::now(); now <= deadline_) {
      latencies.record(now - began);
    }
  }

  /// Throws where a client failed.
  baseline_rate rate() const {
    if (!problem_.empty()) {
      throw std::runtime_error{problem_};
    }
    const auto seconds = std::chrono::duration<double>{task_.duration}.count();
    return {static_cast<double>(latencies_.count()) / seconds, latencies_.percentile(99)};
  }

private:
  template <class Client>
  void run_one(const Client& client, std::size_t number) {
    histogram latencies;
    std::string problem;
    try {
      client(number, latencies);
    } catch (const std::exception& error) {
      problem = error.what();
    }
    const std::lock_guard lock{mutex_};
    latencies_.merge(latencies);
    problem_ = problem.empty() ? problem_ : problem;
  }

  const baseline_task& task_;
  clock::time_point deadline_;
  std::mutex mutex_; ///< Guards all below.
  histogram latencies_;
  std::string problem_;
};

baseline_rate run_pool(const baseline_task& task, unsigned threads) {
  client_threads clients{task};
  clients.run(threads, [&](std::size_t number, histogram& latencies) {
    worker one{task, "PRAGMA synchronous=FULL", number};
    while (clients.going_on()) {
      const auto began = clock::now();
      one.pool_operation();
      clients.count(latencies, began);
    }
  });
  return clients.rate();
}

baseline_rate run_group(const baseline_task& task) {
  worker committer{task, "PRAGMA synchronous=FULL", 1};
  group_commit group{task.clients};
  client_threads clients{task};
  std::thread client_side{[&] {
    clients.run(task.clients, [&](std::size_t, histogram& latencies) {
      for (bool good = true; good && clients.going_on();) {
        const auto began = clock::now();
        good = group.submit();
        clients.count(latencies, began);
      }
      group.leave();
    });
  }};
  std::string problem;
  try {
    group.serve([&committer](std::size_t count) { committer.operations_together(count); });
  } catch (const std::exception& error) {
    problem = error.what();
  }
  client_side.join();
  if (!problem.empty()) {
    throw std::runtime_error{problem};
  }
  return clients.rate();
}

} // namespace

void renew(std::string& payload, std::uint64_t mark) {
  const auto bytes = std::min(payload.size(), sizeof mark);
  for (std::size_t i = 0; i < bytes; ++i, mark >>= 6U) {
    payload[i] = static_cast<char>('0' + (mark & 63U));
  }
}

tl::expected<void, std::string> prepare_baseline(const baseline_task& task) {
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::error_code ignored;
    std::filesystem::remove(database_file(task).string() + suffix, ignored);
  }
  auto done = measured([&task] {
    connection database{task, "PRAGMA synchronous=OFF"};
    database.run("CREATE TABLE bench(id INTEGER PRIMARY KEY, payload TEXT)");
    prepared fill{database,
                  "INSERT INTO bench(id, payload) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
                  "FROM n WHERE i < ?1) SELECT i, ?2 FROM n WHERE ?1 > 0"};
    fill.bind(1, task.rows).bind(2, task.payload).run();
    database.run("PRAGMA wal_checkpoint(TRUNCATE)");
    return true;
  });
  if (!done) {
    return tl::unexpected{done.error()};
  }
  return {};
}

rate_result pool_rate(const baseline_task& task, unsigned threads) {
  return measured([&] { return run_pool(task, threads); });
}

rate_result group_rate(const baseline_task& task) {
  return measured([&task] { return run_group(task); });
}

rate_result raw_rate(const baseline_task& task) {
  return measured([&task] {
    worker one{task, "PRAGMA synchronous=OFF; PRAGMA cache_size=-65536", 1};
    std::uint64_t operations = 0;
    const auto start = clock::now();
    while (clock::now() < start + task.duration && !interrupted()) {
      one.raw_operations();
      operations += one.raw_count();
    }
    return baseline_rate{per_second(operations, start), {}};
  });
}

} // namespace millrace::tools
