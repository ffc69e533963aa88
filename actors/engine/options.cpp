#include "options.hpp"

#include <millrace/actors/base/option_rule.hpp>

#include <utility>

namespace millrace {

std::optional<failure> check(const options& settings) {
  std::optional<failure> problem;
  const auto look = [&problem](std::optional<failure> found) {
    if (!problem) {
      problem = std::move(found);
    }
  };
  look(first_broken({{!settings.data.empty(), "`data`: name the data folder"},
                     {settings.replay_wait.count() >= 0, "`replay_wait`: it cannot be shorter than nothing"}}));
  look(check(settings.admission));
  look(check(settings.write));
  look(check(settings.read));
  look(check(settings.health));
  look(check(settings.transaction_breaker, "transaction_breaker"));
  look(check(settings.query_breaker, "query_breaker"));
  look(first_broken({
    {settings.database.outcomes.count > 0, "`outcome_window`: at least one outcome must be kept"},
    {settings.database.outcomes.age.count() > 0, "`outcome_window`: outcomes must be kept for longer than nothing"},
    {settings.database.transaction_time_max.count() > 0, "`transaction_time_max`: it must be longer than nothing"},
    {settings.database.transaction_pages_max > 0, "`transaction_pages_max`: a transaction must change one at least"},
  }));
  return problem;
}

} // namespace millrace
