#pragma once

#include <millrace/messages/wire/requests.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

/// One value of every message, in which no field is at its default: what golden bytes and fuzzers' seeds are made of. A
/// value never changes once its golden bytes are there.
namespace millrace::test {

/// The name of a message without its namespaces, such as `query`.
template <class T>
std::string name_of() {
  const std::string whole{wire::content<T>};
  return whole.substr(whole.find_last_of(":@") + 1);
}

namespace detail {

template <std::size_t... At>
wire::types<typename caf::type_by_id<caf::id_block::millrace_first_type_id + At>::type...> registered(
  std::index_sequence<At...>);

} // namespace detail

/// All types of the registry, in its order.
using registered = decltype(detail::registered(
  std::make_index_sequence<caf::id_block::millrace_last_type_id - caf::id_block::millrace_first_type_id + 1>{}));

inline row_set sample_rows() {
  row_set rows{std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"a", "b", "c", "d", "e"})};
  rows.begin_row();
  rows.add_integer(-42);
  rows.add_text("text");
  rows.add_null();
  rows.add_real(1e300);
  rows.add_blob(std::string_view{"\0\xff", 2});
  rows.mark_truncated();
  rows.set_seq(9'876);
  return rows;
}

inline transaction sample_transaction() {
  transaction work;
  work.add("INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5)", nullptr, -5, 2.5, "text", blob{std::string{"\0\xff", 2}});
  work.in_group(on_error::continue_after, [](transaction& inner) { inner.add("DELETE FROM t").expect_rows(3); });
  work.add("UPDATE t SET a = :a", named{":a", 1});
  work.acknowledgement = ack::durable;
  work.deadline = std::chrono::milliseconds{1500};
  work.name = {{9, 9, 9, 9, 9, 9, 0x79, 9, 0x89, 9, 9, 9, 9, 9, 9, 9}, 12};
  work.priority = priority::operations;
  return work;
}

inline query sample_query() {
  auto question = select("SELECT ?1", 1);
  question.consistency = consistency::at_least;
  question.at_least_seq = 77;
  question.deadline = std::chrono::milliseconds{2500};
  question.max_rows = 3;
  return question;
}

inline page_cursor sample_cursor() {
  return {.question = sample_query(), .page_rows = 10, .seq = 5, .offset = 20, .reader = 1, .number = 8};
}

inline failure sample_failure() {
  return {errc::constraint, "NOT NULL", std::chrono::milliseconds{7}};
}

inline health_report sample_report() {
  return {.state = health_state::degraded,
          .reasons = {"the disk is full"},
          .durable_seq = 1,
          .applied_seq = 2,
          .checkpointed_seq = 3,
          .inflight_transactions = 4,
          .inflight_bytes = 5,
          .waiting_queries = 6,
          .log_bytes = 7,
          .wal_pages = 8,
          .foreign_commits = 9,
          .quarantined = 10,
          .scrubs = 11,
          .transactions = {breaker_state::half_open, 12, 13, 14, 15, 16},
          .queries = {breaker_state::open, 17, 18, 19, 20, 21},
          .pool = {22, 23, 24, 25, 26, 27, 28, 29, 30},
          .sync = {31, 32, 33, 34, 35},
          .apply = {36, 37, 38, 39, 40},
          .query = {41, 42, 43, 44, 45},
          .actors = {{"writer", true, 46}}};
}

inline sha256 sample_digest(std::uint8_t first) {
  sha256 digest{};
  for (auto& byte : digest) {
    byte = first++;
  }
  return digest;
}

inline applied_migration sample_migration() {
  return {.version = 7,
          .name = "add_lease",
          .checksum = sample_digest(1),
          .chain = sample_digest(101),
          .needs = {{"master", 3}}};
}

inline schema_change sample_change() {
  return {.step = schema_step::up,
          .set = "main",
          .expected = sample_digest(201),
          .migrations = {sample_migration()},
          .sql = "ALTER TABLE t ADD COLUMN lease",
          .author = "millrace 0.1.0",
          .before = {{"main/before_each.sql", "SELECT 1"}},
          .after = {{"main/after_each.sql", "SELECT 2"}},
          .timeout = std::chrono::milliseconds{30'000},
          .backfill = "t",
          .rows_max = 1'000,
          .goes_on = true,
          .after_run = true};
}

inline schema_difference sample_difference() {
  return {"table", "t", "CREATE TABLE t(a)", "CREATE TABLE t(a, lease)"};
}

/// A message without a sample does not compile.
template <class T>
T sample() {
  if constexpr (std::is_same_v<T, transaction>) {
    return sample_transaction();
  } else if constexpr (std::is_same_v<T, client_id>) {
    return {{0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0x8d, 0xef, 0x98, 1, 2, 3, 4, 5, 6, 7}};
  } else if constexpr (std::is_same_v<T, client_id_request>) {
    return {};
  } else if constexpr (std::is_same_v<T, outcome>) {
    return {.seq = 9,
            .results = {{.rows_changed = 1, .last_row_id = 42, .rows = sample_rows(), .error = {}},
                        {.rows_changed = 0, .last_row_id = 0, .rows = {}, .error = sample_failure()}}};
  } else if constexpr (std::is_same_v<T, query>) {
    return sample_query();
  } else if constexpr (std::is_same_v<T, row_set>) {
    return sample_rows();
  } else if constexpr (std::is_same_v<T, failure>) {
    return sample_failure();
  } else if constexpr (std::is_same_v<T, health_request> || std::is_same_v<T, health_subscription>) {
    return {};
  } else if constexpr (std::is_same_v<T, health_report>) {
    return sample_report();
  } else if constexpr (std::is_same_v<T, health_changed>) {
    return {sample_report()};
  } else if constexpr (std::is_same_v<T, page_query>) {
    return {sample_query(), 7};
  } else if constexpr (std::is_same_v<T, page_cursor>) {
    return sample_cursor();
  } else if constexpr (std::is_same_v<T, row_page>) {
    return {sample_rows(), sample_cursor()};
  } else if constexpr (std::is_same_v<T, breaker_changed>) {
    return {"queries", breaker_state::half_open, breaker_state::open};
  } else if constexpr (std::is_same_v<T, quarantine_list>) {
    return {.after = 4, .limit = 5};
  } else if constexpr (std::is_same_v<T, quarantine_listing>) {
    return {{{.seq = 4, .accepted_ms = 1'700'000'000'000, .deaths = 3, .work = sample_transaction()}}, true};
  } else if constexpr (std::is_same_v<T, quarantine_reasons_request>) {
    return {.after = 8, .limit = 9};
  } else if constexpr (std::is_same_v<T, quarantine_reasons>) {
    return {{{.seq = 4, .text = "no space left on device"}}};
  } else if constexpr (std::is_same_v<T, quarantine_resubmit>) {
    return {.seq = 4};
  } else if constexpr (std::is_same_v<T, quarantine_discard>) {
    return {.seq = 5};
  } else if constexpr (std::is_same_v<T, quarantine_set_aside>) {
    return {.seq = 6};
  } else if constexpr (std::is_same_v<T, schema_change>) {
    return sample_change();
  } else if constexpr (std::is_same_v<T, schema_rehearsal>) {
    return {{sample_change()}};
  } else if constexpr (std::is_same_v<T, schema_rehearsed>) {
    return {{{.took = std::chrono::microseconds{1'234}, .rows_changed = 17, .differences = {sample_difference()}}}};
  } else if constexpr (std::is_same_v<T, schema_state_request>) {
    return {.after = 6, .limit = 7};
  } else if constexpr (std::is_same_v<T, schema_state>) {
    return {.seq = 8,
            .sets = {{"main", {sample_migration()}}},
            .backfills = {{.id = {"main", 8},
                           .name = "fill",
                           .chain = sample_digest(203),
                           .table = "t",
                           .rows_done = 9,
                           .rows_left = 10,
                           .took_us = 11,
                           .paused = true}},
            .seeds = {{.environment = "dev", .name = "people", .checksum = sample_digest(51), .seq = 4}},
            .owed = {{"main", 6}},
            .drift = {sample_difference()},
            .history = {{.seq = 5,
                         .accepted_ms = 1'700'000'000'000,
                         .step = schema_step::down,
                         .set = "main",
                         .version = 7,
                         .name = "add_lease",
                         .sql = "ALTER TABLE t DROP COLUMN lease",
                         .author = "millrace 0.1.0",
                         .took_us = 4'321}},
            .more = true};
  } else if constexpr (std::is_same_v<T, wire::hello>) {
    return {{.oldest = 2, .newest = 3}};
  } else if constexpr (std::is_same_v<T, wire::welcome>) {
    return {.version = 2, .granted = wire::role::operations};
  } else {
    static_assert(std::is_same_v<T, caf::error>, "give the message a sample here");
    return to_error(sample_failure());
  }
}

} // namespace millrace::test
