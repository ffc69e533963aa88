#include "process_death_check.hpp"

#include <millrace/tests/proof/report.hpp>
#include <millrace/tests/support/environment.hpp>
#include <millrace/tests/support/process/program.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <random>
#include <set>
#include <thread>

using namespace millrace;
using namespace millrace::test;

namespace {

namespace fs = std::filesystem;

/// A failpoint, and how it is reached.
struct place {
  const char* name;
  unsigned often = 1; ///< How often a process passes it, at least.
  victim_task task = victim_task::work;
  bool torn = false; ///< Whether it is only reached where a process before died in the middle of a write.
};

constexpr place places[]{
  {"answer.after_durable", 60},
  {"answer.before_applied", 30},
  {"answer.before_durable", 60},
  {"apply.after_commit", 30},
  {"apply.before_commit", 30},
  {"apply.before_report", 30},
  {"apply.begun", 30},
  {"apply.between_items", 200},
  {"apply.item_marked", 200},
  {"apply.outcomes_stored", 30},
  {"attempt.accused", 2, victim_task::poison},
  {"attempt.before_mark"},
  {"attempt.file_made"},
  {"attempt.half_accused", 2, victim_task::poison},
  {"attempt.half_begun", 30},
  {"backfill.recorded", 3, victim_task::migrate},
  {"checkpoint.after", 2},
  {"checkpoint.before", 2},
  {"database.file_made"},
  {"database.in_wal_mode"},
  {"database.tables_made"},
  {"file.half_written", 60},
  {"folder.locked"},
  {"folder.made", 2},
  {"folder.signed"},
  {"open.children_started"},
  {"open.database_prepared"},
  {"open.log_recovered"},
  {"open.replayed"},
  {"outcomes.forgotten", 5},
  {"probe.committed", 2, victim_task::poison},
  {"quarantine.put", 1, victim_task::poison},
  {"quarantine.taken", 1, victim_task::poison},
  {"queue.after_sync", 60},
  {"queue.after_write", 60},
  {"queue.before_write", 60},
  {"recovery.read"},
  {"recovery.settled", 1, victim_task::work, true},
  {"recovery.synced", 1, victim_task::work, true},
  {"rehearse.before_rollback", 1, victim_task::migrate},
  {"release.begin", 2},
  {"release.renamed", 2},
  {"release.synced", 2},
  {"reserve.made"},
  {"reserve.renamed"},
  {"roll.begin", 3},
  {"roll.done", 4},
  {"script.recorded", 7, victim_task::migrate},
  {"script.statement", 15, victim_task::migrate},
  {"segment.before_header", 4},
  {"segment.file_made", 2},
  {"segment.header_written", 4},
  {"segment.renamed", 4},
  {"segment.synced", 4},
  {"shrink.begin"},
  {"skip.after_order", 1, victim_task::impatient},
  {"skip.before_order", 1, victim_task::impatient},
  {"spare.before_rename", 2},
  {"spare.taken", 2},
  {"torn.copy_kept", 1, victim_task::work, true},
  {"torn.copy_made", 1, victim_task::work, true},
  {"torn.copy_written", 1, victim_task::work, true},
  {"torn.cut", 1, victim_task::work, true},
  {"torn.synced", 1, victim_task::work, true},
  {"witness.begin", 2},
};

/// Where a process may die over a folder that is there already, before it serves.
constexpr const char* while_opening[]{
  "recovery.settled",       "recovery.synced", "open.log_recovered",     "folder.locked",       "open.children_started",
  "segment.header_written", "segment.renamed", "open.database_prepared", "apply.between_items", "apply.after_commit"};

/// The names that are passed to `failpoint` in the engine's sources.
std::set<std::string> failpoints_in(const fs::path& folder) {
  constexpr std::string_view call{"failpoint(\""};
  std::set<std::string> names;
  for (const auto& one : fs::recursive_directory_iterator{folder}) {
    if (one.path().extension() != ".cpp") {
      continue;
    }
    std::ifstream stream{one.path()};
    const std::string text{std::istreambuf_iterator<char>{stream}, {}};
    for (auto at = text.find(call); at != std::string::npos; at = text.find(call, at + 1)) {
      const auto begin = at + call.size();
      names.insert(text.substr(begin, text.find('"', begin) - begin));
    }
  }
  return names;
}

/// A folder over which processes die.
class deaths {
public:
  explicit deaths(victim_task task) {
    left_.data = folder_.path() / "data";
    left_.journal = folder_.path() / "journal";
    left_.task = task;
    left_.life = 0;
    left_.ids.resize(3);
    std::ranges::generate(left_.ids, [] { return new_client_id(0); });
  }

  program start(const std::string& failpoint) {
    ++left_.life;
    if (failpoint.empty()) {
      ::unsetenv("MILLRACE_FAILPOINT");
    } else {
      ::setenv("MILLRACE_FAILPOINT", failpoint.c_str(), 1);
    }
    auto started = role::start(victim_role, left_.arguments());
    ::unsetenv("MILLRACE_FAILPOINT");
    return started;
  }

  /// Lets a process die at a failpoint. False where it did not come there.
  bool die_at(const std::string& failpoint) {
    const auto started = std::chrono::steady_clock::now();
    const auto how = start(failpoint).wait();
    if (std::chrono::steady_clock::now() - started > std::chrono::minutes{1}) {
      throw std::runtime_error{"the process hung"};
    }
    if (how.code > 0) {
      throw std::runtime_error{"the process gave up: " + how.err + how.out};
    }
    return how.signal == (failpoint.ends_with(":abort") ? SIGABRT : SIGKILL);
  }

  /// A copy is looked into, so that the next process finds the folder as the last one left it.
  void check() const {
    const auto copy = folder_.path() / "copy";
    fs::remove_all(copy);
    if (fs::exists(left_.data)) {
      fs::copy(left_.data, copy, fs::copy_options::recursive);
    }
    check_what_is_left(left_, copy);
  }

private:
  temporary_folder folder_{fast_place()};
  victim left_;
};

struct process_death_fixture {
  std::uint64_t seed = from_environment("MILLRACE_TEST_SEED", std::random_device{}());
  std::mt19937_64 random{seed};
  std::uint64_t died = 0;
  std::uint64_t failures = 0;

  /// Runs one round, and says how to repeat it where it fails.
  template <class Round>
  void attempt(const std::string& what, Round round) {
    try {
      round();
    } catch (const std::exception& problem) {
      ++failures;
      BOOST_ERROR(what << ": " << problem.what() << "; repeat with MILLRACE_TEST_SEED=" << seed
                       << " test_proof --run_test=process_death_suite");
      BOOST_REQUIRE_MESSAGE(failures < 10, "too many failures");
    }
  }

  /// Some places are reached at the right moment only, which a busy machine may miss: a process that came through is
  /// followed by another.
  void die_for_sure(deaths& folder, const std::string& failpoint) {
    constexpr int processes_max = 8;
    for (int i = 0; i < processes_max; ++i) {
      if (folder.die_at(failpoint)) {
        ++died;
        return;
      }
    }
    throw std::runtime_error{"no process came to " + failpoint};
  }

  void die_at(const place& where, unsigned nth, const char* how) {
    deaths folder{where.task};
    if (where.torn) {
      const auto first = "file.half_written:" + std::to_string(20 + random() % 40);
      die_for_sure(folder, first);
    }
    const auto failpoint = std::string{where.name} + ":" + std::to_string(nth) + ":" + how;
    die_for_sure(folder, failpoint);
    folder.check();
    if (where.task == victim_task::work && random() % 3 == 0) {
      // Another one dies over what that one left, perhaps before it serves.
      died += folder.die_at(while_opening[random() % std::size(while_opening)]) ? 1 : 0;
      folder.check();
    }
  }

  void die_everywhere() {
    for (const auto& where : places) {
      for (const auto* how : {"kill", "abort"}) {
        attempt(where.name, [&] { die_at(where, 1, how); });
        if (where.often > 1) {
          const auto nth = static_cast<unsigned>(2 + random() % (where.often - 1));
          attempt(std::string{where.name} + ":" + std::to_string(nth), [&] { die_at(where, nth, how); });
        }
      }
    }
  }

  /// Kills a process at any moment from its beginning to its end, and a second one over what it left.
  void die_at_random() {
    deaths folder{random() % 8 == 0 ? victim_task::impatient : victim_task::work};
    for (int life = 0; life < 2; ++life) {
      auto process = folder.start("");
      const std::chrono::duration<double, std::milli> moment{
        std::exp2(std::uniform_real_distribution{3.0, 7.0}(random))};
      std::this_thread::sleep_for(moment);
      process.send(SIGKILL);
      const auto how = process.wait();
      died += how.signal == SIGKILL ? 1 : 0;
      if (how.code > 0) {
        throw std::runtime_error{"the process gave up: " + how.err + how.out};
      }
      folder.check();
    }
  }
};

} // namespace

/// Processes that die while they work, while they recover, and while they recover from that.
BOOST_FIXTURE_TEST_SUITE(process_death_suite, process_death_fixture)

BOOST_AUTO_TEST_CASE(every_failpoint_of_the_engine_is_known_here) {
  const auto sources = fs::path{__FILE__}.parent_path().parent_path().parent_path().parent_path();
  auto names = failpoints_in(sources / "storage");
  names.merge(failpoints_in(sources / "actors"));
  names.insert("file.half_written");
  std::set<std::string> known;
  for (const auto& one : places) {
    BOOST_TEST(known.insert(one.name).second, one.name << " stands here twice");
    BOOST_TEST(names.count(one.name) == 1u, one.name << " is nowhere in the sources");
  }
  for (const auto& one : names) {
    BOOST_TEST(known.count(one) == 1u, one << " is in the sources, but not here");
  }
}

BOOST_AUTO_TEST_CASE(a_process_that_dies_anywhere_loses_nothing_acknowledged_and_applies_nothing_twice) {
  const auto wanted = from_environment("MILLRACE_PROOF_DEATHS", 500);
  std::uint64_t at_failpoints = 0;
  do {
    const auto before = died;
    die_everywhere();
    const auto added = died - before;
    at_failpoints += added;
    while (died < wanted && died - before < 3 * added && failures == 0) {
      attempt("a random moment", [&] { die_at_random(); });
    }
  } while (died < wanted && failures == 0);
  report({"process death", "deaths", died, failures,
          std::to_string(at_failpoints) + " at or after one of " + std::to_string(std::size(places))
            + " failpoints, by SIGKILL and abort, the others at random moments; seed " + std::to_string(seed)});
}

BOOST_AUTO_TEST_SUITE_END()
