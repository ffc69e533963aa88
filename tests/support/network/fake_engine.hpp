#pragma once

#include <millrace/messages/wire/interfaces.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace millrace::test {

inline row_set echo(const query& asked) {
  row_set rows{std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"sql", "deadline"})};
  rows.begin_row();
  rows.add_text(asked.statement.sql);
  rows.add_integer(asked.deadline.count());
  return rows;
}

/// Answers as an engine would that has nothing to do: transactions get the next `seq`, queries one row, which says what
/// was asked and how many milliseconds it may take. A transaction that is to be "never answered" is not, and nothing is
/// while it is `silent`; one of `operations` priority has a result.
inline engine_actor spawn_fake_engine(caf::actor_system& system, std::shared_ptr<std::atomic<bool>> silent = {}) {
  return system.spawn([silent](engine_actor::pointer self) -> engine_actor::behavior_type {
    auto seq = std::make_shared<std::uint64_t>(0);
    auto never = std::make_shared<std::vector<caf::response_promise>>();
    return {
      [=](const transaction& work) {
        auto promise = self->make_response_promise<outcome>();
        if (!work.statements.empty() && work.statements[0].sql == "never answered") {
          never->push_back(promise);
        } else {
          const auto urgent = work.priority == priority::operations;
          promise.deliver(outcome{.seq = ++*seq, .results = std::vector<statement_result>(urgent ? 1 : 0)});
        }
        return promise;
      },
      [=](client_id_request) { return client_id{new_client_id(*seq)}; },
      [](const query& asked) { return echo(asked); },
      [](const page_query& asked) { return row_page{.rows = echo(asked.question)}; },
      [](const page_cursor& asked) { return row_page{.rows = echo(asked.question)}; },
      [=](health_request) {
        auto promise = self->make_response_promise<health_report>();
        if (silent && *silent) {
          never->push_back(promise);
        } else {
          promise.deliver(health_report{});
        }
        return promise;
      },
      [](health_subscription) { return health_report{}; },
    };
  });
}

/// Has one transaction in quarantine, whatever is decided about it.
inline operations_actor spawn_fake_operations(caf::actor_system& system) {
  return system.spawn([](operations_actor::pointer) -> operations_actor::behavior_type {
    return {
      [](quarantine_list) {
        return quarantine_listing{{{.seq = 7, .deaths = 3, .work = execute("DELETE FROM t")}}, false};
      },
      [](quarantine_reasons_request) {
        return quarantine_reasons{{{7, "out of memory"}}};
      },
      [](quarantine_resubmit asked) { return outcome{.seq = asked.seq + 1, .results = {}}; },
      [](quarantine_discard asked) { return outcome{.seq = asked.seq + 1, .results = {}}; },
      [](quarantine_set_aside asked) { return outcome{.seq = asked.seq, .results = {}}; },
      [](const schema_change&) { return outcome{.seq = 1, .results = {}}; },
      [](const schema_rehearsal& asked) {
        return schema_rehearsed{std::vector<rehearsed_change>(asked.changes.size())};
      },
      [](schema_state_request) { return schema_state{}; },
    };
  });
}

} // namespace millrace::test
