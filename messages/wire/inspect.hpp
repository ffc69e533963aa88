#pragma once

#include "version.hpp"

#include <millrace/messages/health.hpp>
#include <millrace/messages/limits.hpp>
#include <millrace/messages/operations/quarantine.hpp>
#include <millrace/messages/operations/schema.hpp>
#include <millrace/messages/outcome.hpp>
#include <millrace/messages/paging.hpp>
#include <millrace/messages/query.hpp>
#include <millrace/messages/transaction.hpp>

#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <caf/error.hpp>
#include <caf/meta/load_callback.hpp>
#include <caf/meta/type_name.hpp>
#include <caf/sec.hpp>

/// How CAF 0.17 saves and loads the messages. Enumerations travel as their numbers, which CAF does not check: who acts
/// on one does. CAF 0.18 writes inspect bodies another way; a port changes this file.
namespace millrace {

/// CAF's inspectors are functions of references; those that only show a message return nothing instead of an error.
template <class Inspector>
concept loading_inspector = Inspector::writes_state;

namespace detail {

template <class Inspector>
caf::error inspect_value(Inspector& f, value& x) {
  auto tag = static_cast<std::uint8_t>(x.data().index());
  if (auto problem = f(tag)) {
    return problem;
  }
  auto walk = [&]<class T>(T payload, auto wrap) -> caf::error {
    if (auto problem = f(payload)) {
      return problem;
    }
    if constexpr (loading_inspector<Inspector>) {
      x = wrap(std::move(payload));
    }
    return caf::none;
  };
  auto stored = [&]<class T>(T) { return std::holds_alternative<T>(x.data()) ? std::get<T>(x.data()) : T{}; };
  auto as_is = [](auto payload) { return value{std::move(payload)}; };
  switch (tag) {
    case 0:
      x = nullptr;
      return caf::none;
    case 1:
      return walk(stored(std::int64_t{}), as_is);
    case 2: // As its bits: CAF 0.17 counts out a double's exponent, and never comes to the end of an infinity's.
      return walk(std::bit_cast<std::uint64_t>(stored(double{})),
                  [](std::uint64_t bits) { return value{std::bit_cast<double>(bits)}; });
    case 3:
      return walk(stored(std::string{}), as_is);
    case 4:
      return walk(stored(blob{}).bytes, [](std::string bytes) { return value{blob{std::move(bytes)}}; });
    default:
      return caf::sec::invalid_argument;
  }
}

/// A list with more entries than this is not read: beyond what the limits say, which are checked later and have a
/// sentence, there is room for mistakes and none for attacks.
constexpr std::size_t readable(std::size_t allowed) noexcept {
  return 2 * allowed;
}

/// As many as SQLite can be built for.
inline constexpr std::size_t columns_max = 32'767;

/// What the lists of one message may take when it is read. An entry that is empty takes one byte on its way and dozens
/// in memory, so the bytes that came bound nothing.
inline constexpr std::size_t loaded_bytes_max = 6 * limits::transaction_bytes_max;

/// Saves and loads as CAF does, but looks at the length before anything is allocated, and keeps what the entries take,
/// as `weight` says, within `loaded_bytes_max`.
template <class Inspector, class T, class Weight>
caf::error inspect_list(Inspector& f, std::vector<T>& xs, std::size_t at_most, Weight weight) {
  if constexpr (loading_inspector<Inspector>) {
    std::size_t count = 0;
    if (auto problem = f.begin_sequence(count)) {
      return problem;
    }
    if (count > at_most) {
      return caf::sec::invalid_argument;
    }
    xs.clear();
    for (std::size_t bytes = 0; count > 0; --count) {
      if (auto problem = f(xs.emplace_back())) {
        return problem;
      }
      bytes += weight(xs.back());
      if (bytes > loaded_bytes_max) {
        return caf::sec::invalid_argument;
      }
    }
    return f.end_sequence();
  } else {
    return f(xs);
  }
}

template <class Inspector, class T>
caf::error inspect_list(Inspector& f, std::vector<T>& xs, std::size_t at_most) {
  return inspect_list(f, xs, at_most, [](const T&) { return sizeof(T); });
}

template <class Inspector>
caf::error inspect_statement(Inspector& f, statement& x) {
  if (auto problem = f(x.sql)) {
    return problem;
  }
  if (auto problem = inspect_list(f, x.parameters, readable(limits::parameters_max))) {
    return problem;
  }
  if (auto problem = inspect_list(f, x.names, readable(limits::parameters_max))) {
    return problem;
  }
  return f(x.expected_rows);
}

template <class Inspector>
caf::error inspect_transaction(Inspector& f, transaction& x) {
  const auto weight = [](const statement& one) {
    return sizeof(statement) + one.parameters.size() * sizeof(value) + one.names.size() * sizeof(std::string);
  };
  if (auto problem = inspect_list(f, x.statements, readable(limits::statements_max), weight)) {
    return problem;
  }
  if (auto problem = inspect_list(f, x.groups, readable(limits::groups_max))) {
    return problem;
  }
  auto deadline_ms = static_cast<std::int64_t>(x.deadline.count());
  if (auto problem = f(x.acknowledgement, deadline_ms, x.name, x.priority)) {
    return problem;
  }
  x.deadline = std::chrono::milliseconds{deadline_ms};
  return caf::none;
}

template <class Inspector>
caf::error inspect_row_set(Inspector& f, row_set& x) {
  auto columns = x.columns();
  auto cells = x.cells();
  std::uint64_t count = x.size();
  auto truncated = x.truncated();
  auto seq = x.seq();
  if (auto problem = inspect_list(f, columns, columns_max)) {
    return problem;
  }
  if (auto problem = f(cells, count, truncated, seq)) {
    return problem;
  }
  if constexpr (loading_inspector<Inspector>) {
    auto loaded = row_set::from_parts(std::move(columns), std::move(cells), count, truncated, seq);
    if (!loaded) {
      return caf::sec::invalid_argument;
    }
    x = std::move(*loaded);
  }
  return caf::none;
}

template <class Inspector>
caf::error inspect_page(Inspector& f, row_page& x) {
  auto more = x.next.has_value();
  auto next = x.next.value_or(page_cursor{});
  if (auto problem = f(x.rows, more, next)) {
    return problem;
  }
  x.next = more ? std::optional{std::move(next)} : std::nullopt;
  return caf::none;
}

/// In one message about the schema.
inline constexpr std::size_t objects_max = 1'000'000;

template <class Inspector>
caf::error inspect_migration(Inspector& f, applied_migration& x) {
  if (auto problem = f(x.version, x.name, x.checksum, x.chain)) {
    return problem;
  }
  return inspect_list(f, x.needs, readable(limits::migrations_max));
}

inline std::size_t weight_of(const applied_migration& one) noexcept {
  return sizeof one + one.needs.size() * sizeof(migration_id);
}

template <class Inspector>
caf::error inspect_change(Inspector& f, schema_change& x) {
  if (auto problem = f(x.step, x.set, x.expected)) {
    return problem;
  }
  if (auto problem = inspect_list(f, x.migrations, readable(limits::migrations_max), weight_of)) {
    return problem;
  }
  if (auto problem = f(x.sql, x.author)) {
    return problem;
  }
  for (auto* const hooks : {&x.before, &x.after}) {
    if (auto problem = inspect_list(f, *hooks, readable(limits::hooks_max))) {
      return problem;
    }
  }
  auto timeout_ms = static_cast<std::int64_t>(x.timeout.count());
  if (auto problem = f(timeout_ms, x.backfill, x.rows_max, x.goes_on, x.after_run)) {
    return problem;
  }
  x.timeout = std::chrono::milliseconds{timeout_ms};
  return caf::none;
}

template <class Inspector>
caf::error inspect_set(Inspector& f, applied_set& x) {
  if (auto problem = f(x.name)) {
    return problem;
  }
  return inspect_list(f, x.migrations, readable(limits::migrations_max), weight_of);
}

template <class Inspector>
caf::error inspect_rehearsal(Inspector& f, schema_rehearsal& x) {
  return inspect_list(f, x.changes, readable(limits::migrations_max), [](const schema_change& one) {
    return sizeof one + one.migrations.size() * sizeof(applied_migration) + sql_bytes(one);
  });
}

template <class Inspector>
caf::error inspect_rehearsed(Inspector& f, rehearsed_change& x) {
  auto took_us = static_cast<std::int64_t>(x.took.count());
  if (auto problem = f(took_us, x.rows_changed)) {
    return problem;
  }
  x.took = std::chrono::microseconds{took_us};
  return inspect_list(f, x.differences, objects_max);
}

template <class Inspector>
caf::error inspect_schema(Inspector& f, schema_state& x) {
  if (auto problem = f(x.seq)) {
    return problem;
  }
  if (auto problem = inspect_list(f, x.sets, readable(limits::migrations_max))) {
    return problem;
  }
  if (auto problem = inspect_list(f, x.backfills, readable(limits::migrations_max))) {
    return problem;
  }
  if (auto problem = inspect_list(f, x.seeds, readable(limits::migrations_max))) {
    return problem;
  }
  if (auto problem = inspect_list(f, x.owed, readable(limits::migrations_max))) {
    return problem;
  }
  if (auto problem = inspect_list(f, x.drift, objects_max)) {
    return problem;
  }
  if (auto problem = inspect_list(f, x.history, readable(limits::migrations_max))) {
    return problem;
  }
  return f(x.more);
}

template <class Inspector>
caf::error inspect_failure(Inspector& f, failure& x) {
  auto retry_after_ms = static_cast<std::int64_t>(x.retry_after.count());
  if (auto problem = f(x.code, x.detail, retry_after_ms)) {
    return problem;
  }
  x.retry_after = std::chrono::milliseconds{retry_after_ms};
  return caf::none;
}

template <class Inspector>
caf::error inspect_result(Inspector& f, statement_result& x) {
  auto failed = x.error.has_value();
  auto error = x.error.value_or(failure{});
  if (auto problem = f(x.rows_changed, x.last_row_id, x.rows, failed, error)) {
    return problem;
  }
  x.error = failed ? std::optional{std::move(error)} : std::nullopt;
  return caf::none;
}

/// Deadlines travel as numbers: CAF shows a duration in nanoseconds, and not every one that arrives fits into those.
template <class Message>
auto deadline_loaded(Message& x, const std::int64_t& deadline_ms) {
  return caf::meta::load_callback([&]() -> caf::error {
    x.deadline = std::chrono::milliseconds{deadline_ms};
    return caf::none;
  });
}

} // namespace detail

/// A type that is walked by a function of its own: `walk` runs for inspectors that give errors, the others, which
/// only show a message to a person, show its name.
#define MILLRACE_INSPECT(type, walk)                                                                                   \
  template <class Inspector>                                                                                           \
  typename Inspector::result_type inspect(Inspector& f, type& x) {                                                     \
    if constexpr (std::is_same_v<typename Inspector::result_type, caf::error>) {                                       \
      return walk;                                                                                                     \
    } else {                                                                                                           \
      (void) x;                                                                                                        \
      return f(caf::meta::type_name(#type));                                                                           \
    }                                                                                                                  \
  }

MILLRACE_INSPECT(value, detail::inspect_value(f, x))
MILLRACE_INSPECT(row_set, detail::inspect_row_set(f, x))
MILLRACE_INSPECT(failure, detail::inspect_failure(f, x))
MILLRACE_INSPECT(statement_result, detail::inspect_result(f, x))
MILLRACE_INSPECT(row_page, detail::inspect_page(f, x))
MILLRACE_INSPECT(applied_migration, detail::inspect_migration(f, x))
MILLRACE_INSPECT(schema_change, detail::inspect_change(f, x))
MILLRACE_INSPECT(schema_rehearsal, detail::inspect_rehearsal(f, x))
MILLRACE_INSPECT(rehearsed_change, detail::inspect_rehearsed(f, x))
MILLRACE_INSPECT(schema_rehearsed, detail::inspect_list(f, x.changes, detail::readable(limits::migrations_max)))
MILLRACE_INSPECT(applied_set, detail::inspect_set(f, x))
MILLRACE_INSPECT(schema_state, detail::inspect_schema(f, x))

#undef MILLRACE_INSPECT

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, statement& x) {
  if constexpr (std::is_same_v<typename Inspector::result_type, caf::error>) {
    return detail::inspect_statement(f, x);
  } else {
    return f(caf::meta::type_name("statement"), x.sql, x.parameters, x.names, x.expected_rows);
  }
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, transaction& x) {
  if constexpr (std::is_same_v<typename Inspector::result_type, caf::error>) {
    return detail::inspect_transaction(f, x);
  } else {
    auto deadline_ms = static_cast<std::int64_t>(x.deadline.count());
    return f(caf::meta::type_name("transaction"), x.statements, x.groups, x.acknowledgement, deadline_ms, x.name,
             x.priority);
  }
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, group& x) {
  return f(caf::meta::type_name("group"), x.first, x.count, x.policy);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, transaction_name& x) {
  return f(caf::meta::type_name("transaction_name"), x.client, x.number);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, client_id_request&) {
  return f(caf::meta::type_name("client_id_request"));
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, client_id& x) {
  return f(caf::meta::type_name("client_id"), x.id);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, query& x) {
  auto deadline_ms = static_cast<std::int64_t>(x.deadline.count());
  return f(caf::meta::type_name("query"), x.statement, x.consistency, x.at_least_seq, deadline_ms, x.max_rows,
           detail::deadline_loaded(x, deadline_ms));
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, page_cursor& x) {
  return f(caf::meta::type_name("page_cursor"), x.question, x.page_rows, x.seq, x.offset, x.reader, x.number);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, page_query& x) {
  return f(caf::meta::type_name("page_query"), x.question, x.page_rows);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, quarantined_transaction& x) {
  return f(caf::meta::type_name("quarantined_transaction"), x.seq, x.accepted_ms, x.deaths, x.work);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, quarantine_list& x) {
  return f(caf::meta::type_name("quarantine_list"), x.after, x.limit);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, quarantine_listing& x) {
  return f(caf::meta::type_name("quarantine_listing"), x.entries, x.more);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, quarantine_reasons_request& x) {
  return f(caf::meta::type_name("quarantine_reasons_request"), x.after, x.limit);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, quarantine_reason& x) {
  return f(caf::meta::type_name("quarantine_reason"), x.seq, x.text);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, quarantine_reasons& x) {
  return f(caf::meta::type_name("quarantine_reasons"), x.entries);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, quarantine_resubmit& x) {
  return f(caf::meta::type_name("quarantine_resubmit"), x.seq);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, quarantine_set_aside& x) {
  return f(caf::meta::type_name("quarantine_set_aside"), x.seq);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, quarantine_discard& x) {
  return f(caf::meta::type_name("quarantine_discard"), x.seq);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, migration_id& x) {
  return f(caf::meta::type_name("migration_id"), x.set, x.version);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, backfill_state& x) {
  return f(caf::meta::type_name("backfill_state"), x.id, x.name, x.chain, x.table, x.rows_done, x.rows_left, x.took_us,
           x.paused);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, applied_seed& x) {
  return f(caf::meta::type_name("applied_seed"), x.environment, x.name, x.checksum, x.seq);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, schema_hook& x) {
  return f(caf::meta::type_name("schema_hook"), x.file, x.sql);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, schema_difference& x) {
  return f(caf::meta::type_name("schema_difference"), x.type, x.name, x.before, x.after);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, schema_state_request& x) {
  return f(caf::meta::type_name("schema_state_request"), x.after, x.limit);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, recorded_change& x) {
  return f(caf::meta::type_name("recorded_change"), x.seq, x.accepted_ms, x.step, x.set, x.version, x.name, x.sql,
           x.author, x.took_us);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, outcome& x) {
  return f(caf::meta::type_name("outcome"), x.seq, x.results);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, latency_summary& x) {
  return f(caf::meta::type_name("latency_summary"), x.count, x.p50_us, x.p99_us, x.p999_us, x.max_us);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, actor_health& x) {
  return f(caf::meta::type_name("actor_health"), x.id, x.responding, x.restarts);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, pool_health& x) {
  return f(caf::meta::type_name("pool_health"), x.open, x.in_use, x.idle, x.queries, x.wait_count, x.wait_us, x.cursors,
           x.recycled, x.leases_ended);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, breaker_health& x) {
  return f(caf::meta::type_name("breaker_health"), x.state, x.successes, x.failures, x.slow, x.opened, x.refused);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, breaker_changed& x) {
  return f(caf::meta::type_name("breaker_changed"), x.breaker, x.from, x.to);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, health_report& x) {
  return f(caf::meta::type_name("health_report"), x.state, x.reasons, x.durable_seq, x.applied_seq, x.checkpointed_seq,
           x.inflight_transactions, x.inflight_bytes, x.waiting_queries, x.log_bytes, x.wal_pages, x.foreign_commits,
           x.quarantined, x.scrubs, x.transactions, x.queries, x.pool, x.sync, x.apply, x.query, x.actors);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, health_request&) {
  return f(caf::meta::type_name("health_request"));
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, health_subscription&) {
  return f(caf::meta::type_name("health_subscription"));
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, health_changed& x) {
  return f(caf::meta::type_name("health_changed"), x.report);
}

namespace wire {

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, hello& x) {
  return f(caf::meta::type_name("hello"), x.speaks.oldest, x.speaks.newest);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, welcome& x) {
  return f(caf::meta::type_name("welcome"), x.version, x.granted);
}

} // namespace wire

} // namespace millrace
