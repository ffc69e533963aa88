#pragma once

#include "migration_hooks.hpp"
#include "plan.hpp"

#include <millrace/messages/wire/interfaces.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <caf/fwd.hpp>

namespace millrace {

struct migrator_options {
  /// Who is named in the history.
  std::string author{};
  /// What the program does itself.
  migration_hooks hooks{};
  /// Told once a second while a backfill goes on. Called in the thread of the call.
  std::function<void(const planned_change&, const backfill_state&)> on_progress{};
  /// Asked between two steps, and two parts of a backfill, whether to stop there.
  std::function<bool()> stop{};
  /// Asked while an answer is waited for why to wait no more, if so. What becomes of that step is not known then.
  std::function<std::optional<failure>()> abandon{};
};

/// Migrates a database through its engine's operations, in this process or elsewhere. Any number may do so at once:
/// what another one applied meanwhile is found applied, and each migration takes effect once. Blocks; one thread at a
/// time.
class migrator {
public:
  /// The actor system outlives it.
  migrator(caf::actor_system& system, operations_actor target, migrator_options settings = {});

  /// What is recorded, without the history.
  [[nodiscard]] expected<schema_state> state();
  /// Of the history what is above `after`.
  [[nodiscard]] expected<schema_state> history(std::uint64_t after, std::uint32_t limit);

  /// A plan from a state, made anew where another one changed it.
  using planner = std::function<expected<migration_plan>(const schema_state&)>;

  /// Carries out a plan, each step a transaction, and a backfill one for each of its parts, between which others have
  /// their turn, with the hooks around it. What was done by then stands where one fails, and the next run goes on
  /// there. Gives how many steps it took itself.
  [[nodiscard]] expected<std::size_t> run(const planner& plan);
  /// Runs it and takes all of it back.
  [[nodiscard]] expected<schema_rehearsed> rehearse(const migration_plan& plan);
  /// Applies SQL of one's own, and records it.
  [[nodiscard]] expected<outcome> apply_ad_hoc(std::string sql);
  /// Takes the schema that is there for right, whoever made it.
  [[nodiscard]] expected<outcome> adopt();

private:
  /// Of a run.
  struct progress {
    migration_plan wanted{}; ///< What was planned first.
    std::size_t taken = 0;
    std::optional<sha256> refused_at{}; ///< After which state of its set a step was refused.
    std::set<std::string> hooks_run{};
  };

  expected<bool> take(migration_plan& steps, progress& so_far);
  template <class Answer, class Request>
  expected<Answer> ask(Request request);
  expected<outcome> carry_out(planned_change& step);
  expected<outcome> run_parts(planned_change& step);

  caf::actor_system& system_; ///< Not owned.
  operations_actor target_;
  migrator_options settings_;
};

} // namespace millrace
