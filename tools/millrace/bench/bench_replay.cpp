#include "bench_context.hpp"

#include <millrace/messages/wire/registry.hpp>
#include <millrace/storage/base/folder.hpp>
#include <millrace/storage/queue/log.hpp>
#include <millrace/storage/sqlite/database.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/common/process.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <caf/actor_system.hpp>

namespace millrace::tools {

namespace {

using clock = std::chrono::steady_clock;

/// As many as share a sync when a thousand clients write.
constexpr std::uint64_t frame_transactions = 300;

double seconds_since(clock::time_point start) {
  return std::chrono::duration<double>{clock::now() - start}.count();
}

/// Makes the folder and the table, as an engine that then ends.
tl::expected<void, failure> prepare(const bench_context& context) {
  system_config config;
  caf::actor_system system{config};
  return open(system, engine_options(context)).map([](const engine&) {});
}

storage::result<storage::log> open_log(const bench_context& context, std::uint64_t& transactions) {
  return storage::folder::open(context.data, storage::folder_mode::existing).and_then([&](const storage::folder& data) {
    return storage::sqlite::make_database(data.database_file())
      ->prepare(true)
      .and_then([&](const storage::database_identity& identity) {
        storage::recovery_report report;
        return storage::log::open(storage::posix_file_system(), data.queue_folder(), identity.id, identity.applied,
                                  engine_options(context).log, report,
                                  [&](const storage::batch& one) { transactions += one.items.size(); });
      });
  });
}

/// Writes transactions into the log that no writer applies.
tl::expected<void, failure> write_log(const bench_context& context) {
  std::uint64_t unapplied = 0;
  auto log = open_log(context, unapplied);
  if (!log) {
    return tl::unexpected{log.error()};
  }
  const auto payload = profile_of(context.settings).payload;
  const auto wanted = context.settings.transactions;
  storage::batch frame;
  for (std::uint64_t written = 0; written < wanted && !interrupted(); written += frame.items.size()) {
    frame.first_seq = log->last_seq() + 1;
    frame.accept_time_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                             std::chrono::system_clock::now().time_since_epoch())
                             .count();
    frame.items.assign(std::min(frame_transactions, wanted - written),
                       execute("INSERT INTO bench(payload) VALUES (?1)", payload));
    if (const auto appended = log->append(frame); !appended) {
      return tl::unexpected{appended.error()};
    }
    context.progress.update("writing the log  " + grouped(written) + " transactions",
                            static_cast<double>(written) / static_cast<double>(wanted));
  }
  return {};
}

/// The time that an engine takes from opening the folder until all of the log is applied.
tl::expected<double, failure> recover(const bench_context& context) {
  system_config config;
  caf::actor_system system{config};
  const auto start = clock::now();
  auto target = open(system, engine_options(context));
  if (!target) {
    return tl::unexpected{target.error()};
  }
  client database{system, target->front(), std::chrono::minutes{10}};
  auto question = select("SELECT 1");
  question.consistency = consistency::at_least;
  question.at_least_seq = target->recovery().last_seq;
  question.deadline = std::chrono::minutes{10};
  const auto applied = database.query(std::move(question));
  const auto took = seconds_since(start);
  context.result.rss_mib = rss_mib();
  if (!applied) {
    return tl::unexpected{applied.error()};
  }
  const auto rows = database.query("SELECT count(*) FROM bench");
  if (!rows) {
    return tl::unexpected{rows.error()};
  }
  const auto there = static_cast<std::uint64_t>((*rows)[0][std::size_t{0}].as_integer());
  context.result.sound = there >= context.settings.transactions;
  return took;
}

int give_up(const failure& reason) {
  return complain("The replay cannot be measured: " + to_string(reason), exit_code::engine);
}

} // namespace

int run_replay(const bench_context& context) {
  for (const auto step : {prepare, write_log}) {
    if (const auto done = step(context); !done) {
      return give_up(done.error());
    }
  }
  if (interrupted()) {
    return exit_code::interrupted;
  }
  context.progress.message("replaying");
  // The log alone first, which is the first half of what opening the engine does.
  std::uint64_t transactions = 0;
  const auto start = clock::now();
  if (const auto log = open_log(context, transactions); !log) {
    return give_up(log.error());
  }
  const auto reading = seconds_since(start);
  const auto whole = recover(context);
  if (!whole) {
    return give_up(whole.error());
  }
  auto& result = context.result;
  const auto applying = std::max(0.0, *whole - reading);
  const auto count = static_cast<double>(transactions);
  result.seconds = *whole;
  result.figures = {{"transactions", "transactions", count, grouped(transactions)},
                    {"per_second", "replayed", count / *whole, rate_text(count / *whole) + "/s"},
                    {"read_seconds", "reading the log", reading, fmt::format("{:.3f} s", reading)},
                    {"apply_seconds", "applying it", applying, fmt::format("{:.3f} s", applying)}};
  return exit_code::ok;
}

} // namespace millrace::tools
