#pragma once

#include <millrace/messages/interfaces.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace millrace::test {

/// Answers as an engine would that has nothing to do: transactions get the next `seq`, queries one row.
inline engine_actor spawn_fake_engine(caf::actor_system& system) {
  return system.spawn([](engine_actor::pointer) -> engine_actor::behavior_type {
    auto seq = std::make_shared<std::uint64_t>(0);
    return {
      [seq](const transaction&) { return outcome{.seq = ++*seq, .results = {}}; },
      [](const query& asked) {
        row_set rows{std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"sql"})};
        rows.begin_row();
        rows.add_text(asked.statement.sql);
        return rows;
      },
      [](const page_query&) { return row_page{}; },
      [](const page_cursor&) { return row_page{}; },
      [](health_request) { return health_report{}; },
      [](health_subscription) { return health_report{}; },
    };
  });
}

} // namespace millrace::test
