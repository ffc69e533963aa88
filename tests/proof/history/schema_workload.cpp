#include "schema_workload.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/actors/schema/plan.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tests/proof/schema_steps.hpp>
#include <millrace/tests/support/storage/plain_connection.hpp>

#include <chrono>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

namespace millrace::test::histories {

namespace {

constexpr std::chrono::minutes change_limit{2};

class schema_client_state {
public:
  explicit schema_client_state(caf::event_based_actor* self) : self_(self) {}

  void start(const schema_surroundings& around, std::uint64_t seed) {
    around_ = &around;
    random_.seed(seed);
    look();
  }

  void look() {
    ask<schema_state>(schema_state_request{.after = INT64_MAX, .limit = 1},
                      [this](const schema_state& now) { change(now); });
  }

private:
  template <class Answer, class Request, class Take>
  void ask(Request request, Take take) {
    if (around_->stopped) {
      return;
    }
    ++around_->unanswered;
    self_->request(around_->operations, change_limit, std::move(request))
      .then(
        [this, take](const Answer& answer) {
          --around_->unanswered;
          take(answer);
        },
        [this](const caf::error&) {
          --around_->unanswered;
          again();
        });
  }

  /// Not at once: what is down needs a moment.
  void again() {
    self_->delayed_send(self_, std::chrono::milliseconds{5}, caf::atom_constant<caf::atom("again")>::value);
  }

  void change(const schema_state& now) {
    const auto wanted = next(now);
    ask<outcome>(wanted, [this, wanted](const outcome& done) {
      {
        const std::lock_guard lock{around_->recording};
        around_->answers.add(std::to_string(done.seq) + ' ' + to_text(wanted.step) + ' ' + wanted.set + ' '
                             + std::to_string(wanted.migrations.back().version)
                             + (done.results.empty() ? " all\n" : " part\n"));
      }
      again();
    });
  }

  schema_change next(const schema_state& now) {
    const auto dice = random_() % 10;
    const auto* const begun = backfill_of(now, "fill");
    if (dice < 5) {
      const auto filled = newest_of(now, "fill");
      auto part = backfill_part(filled + 1, filled, "filled", 1 + random_() % 6);
      const bool rests = begun != nullptr && (begun->paused || dice == 0);
      if (rests) {
        part.step = begun->paused ? schema_step::resume : schema_step::pause;
        part.backfill.clear();
        part.rows_max = 0;
      }
      return part;
    }
    const auto newest = newest_of(now, "main");
    const bool up = newest == 0 || dice < 8;
    return migration_step(up ? newest + 1 : newest, up ? schema_step::up : schema_step::down);
  }

  caf::event_based_actor* self_;                ///< Not owned; outlives the state.
  const schema_surroundings* around_ = nullptr; ///< Not owned; outlives all clients.
  std::mt19937_64 random_;
};

caf::behavior schema_client(caf::stateful_actor<schema_client_state>* self, const schema_surroundings* around,
                            std::uint64_t seed) {
  self->state.start(*around, seed);
  return {[self](caf::atom_constant<caf::atom("again")>) { self->state.look(); }};
}

struct recorded_step {
  std::uint64_t seq = 0;
  schema_step step = schema_step::up;
  std::string set;
  std::uint64_t version = 0;
};

std::vector<recorded_step> read_history_of(plain_connection& database) {
  std::vector<recorded_step> all;
  for (const auto& line :
       database.lines("SELECT seq, step, set_name, version FROM millrace_history WHERE set_name <> '' "
                      "ORDER BY seq",
                      " ")) {
    recorded_step one;
    int step = 0;
    std::istringstream{line} >> one.seq >> step >> one.set >> one.version;
    one.step = static_cast<schema_step>(step);
    all.push_back(one);
  }
  return all;
}

/// Which versions of `main` are applied after each change of it, by its `seq`.
using states = std::map<std::uint64_t, std::set<std::uint64_t>>;

states fold(const std::vector<recorded_step>& history, std::vector<std::string>& wrong) {
  states after{{0, {}}};
  for (const auto& one : history) {
    if (one.set != "main") {
      continue;
    }
    auto now = after.rbegin()->second;
    const auto newest = now.empty() ? 0 : *now.rbegin();
    const bool up = one.step == schema_step::up;
    if (one.version != (up ? newest + 1 : newest)) {
      wrong.push_back("seq " + std::to_string(one.seq) + ": migration " + std::to_string(one.version) + " went "
                      + to_text(one.step) + " after " + std::to_string(newest));
    }
    if (up) {
      now.insert(one.version);
    } else {
      now.erase(one.version);
    }
    after[one.seq] = std::move(now);
  }
  return after;
}

void check_answers(const std::filesystem::path& answers, const states& after, std::vector<std::string>& wrong) {
  for (const auto& line : complete_lines(answers)) {
    std::uint64_t seq = 0;
    std::string step;
    std::string set;
    std::uint64_t version = 0;
    std::istringstream{line} >> seq >> step >> set >> version;
    // One that is applied already is answered as done.
    const auto& then = std::prev(after.upper_bound(seq))->second;
    if (set == "main" && then.contains(version) != (step == "up")) {
      wrong.push_back("\"" + line + "\" was answered, but then it was not so");
    }
  }
}

void check_tables(plain_connection& database, const std::set<std::uint64_t>& applied, std::vector<std::string>& wrong) {
  std::set<std::uint64_t> there;
  for (const auto& name :
       database.lines("SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'm[0-9]*'")) {
    there.insert(std::stoull(name.substr(1)));
    if (database.rows("SELECT group_concat(a) FROM " + name) != "1,2") {
      wrong.push_back("table " + name + " has not its rows");
    }
  }
  if (there != applied) {
    wrong.push_back("the tables of migrations are not those of the " + std::to_string(applied.size()) + " applied");
  }
}

void check_backfills(plain_connection& database, std::vector<std::string>& wrong) {
  for (const auto& row :
       database.lines("SELECT rowid || ': ' || a FROM filled WHERE a <> 10 * (SELECT count(*) FROM millrace_history "
                      "WHERE set_name = 'fill' AND step = 2) + CASE WHEN rowid <= coalesce((SELECT reached FROM "
                      "millrace_backfills), 0) "
                      "THEN 10 ELSE 0 END")) {
    wrong.push_back("a row was not filled as often as its backfills were applied: " + row);
  }
}

} // namespace

void spawn_schema_client(caf::actor_system& system, const schema_surroundings& around, std::uint64_t seed) {
  system.spawn(schema_client, &around, seed);
}

std::vector<std::string> check_schema(const std::filesystem::path& database, const std::filesystem::path& answers) {
  plain_connection connection{database, {.checkpoints = true}};
  std::vector<std::string> wrong;
  const auto after = fold(read_history_of(connection), wrong);
  check_answers(answers, after, wrong);
  check_tables(connection, after.rbegin()->second, wrong);
  check_backfills(connection, wrong);
  return wrong;
}

} // namespace millrace::test::histories
