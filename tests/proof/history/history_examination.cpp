#include "history_examination.hpp"

#include "schema_workload.hpp"
#include "undoable_disk.hpp"

#include <millrace/actors/engine/engine.hpp>
#include <millrace/actors/engine/testing.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/storage/queue/format.hpp>
#include <millrace/storage/queue/log.hpp>
#include <millrace/storage/sqlite/database.hpp>
#include <millrace/tests/support/storage/plain_connection.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <variant>

#include <spdlog/spdlog.h>
#include <caf/actor_system.hpp>

namespace millrace::test::histories {

namespace {

namespace fs = std::filesystem;

template <class T>
T require(storage::result<T> given, const std::string& what) {
  if (!given) {
    throw std::runtime_error{what + ": " + to_string(given.error())};
  }
  return std::move(*given);
}

/// The database as another program sees it, which leaves no files of SQLite's behind.
constexpr plain_connection::options tidy{.checkpoints = true};

/// All that is a function of the log.
std::vector<std::string> dump(const fs::path& file) {
  plain_connection database{file, tidy};
  std::vector<std::string> all;
  for (const auto* sql :
       {"SELECT type, name, sql FROM sqlite_schema ORDER BY type, name", "SELECT * FROM entry ORDER BY id",
        "SELECT * FROM account ORDER BY id", "SELECT * FROM refused", "SELECT * FROM filled",
        "SELECT * FROM millrace_schema ORDER BY name",
        "SELECT seq, accept_time_ms, step, set_name, version, name, sql, author FROM millrace_history ORDER BY seq",
        "SELECT * FROM millrace_objects",
        "SELECT set_name, version, quote(chain), reached, rows_done FROM millrace_backfills",
        "SELECT set_name, version, name, quote(chain) FROM millrace_migrations",
        "SELECT seq, deaths, quote(record) FROM millrace_quarantine ORDER BY seq",
        "SELECT applied_seq FROM millrace_meta"}) {
    std::ranges::move(database.lines(sql), std::back_inserter(all));
  }
  return all;
}

std::string difference(const std::vector<std::string>& left, const std::vector<std::string>& right) {
  const auto [first, second] = std::ranges::mismatch(left, right);
  return (first == left.end() ? "nothing" : *first) + " and " + (second == right.end() ? "nothing" : *second);
}

std::uint32_t number_in(const value& parameter) {
  return static_cast<std::uint32_t>(std::get<std::int64_t>(parameter.data()));
}

/// What this process holds of the machine.
struct footprint {
  std::ptrdiff_t descriptors = 0;
  std::ptrdiff_t threads = 0;

  static footprint now() {
    const auto count = [](const char* folder) {
      return std::distance(fs::directory_iterator{folder}, fs::directory_iterator{});
    };
    return {count("/proc/self/fd"), count("/proc/self/task")};
  }
  bool within(const footprint& other) const { return descriptors <= other.descriptors && threads <= other.threads; }
};

class examiner {
public:
  explicit examiner(const workload_folder& folder) : folder_(folder) {}

  examination run() {
    try {
      open_twice();
      look_for_leftovers();
      read_database();
      read_log();
      replay();
    } catch (const std::exception& problem) {
      find(problem.what());
    }
    return std::move(result_);
  }

private:
  void open_twice();
  std::uint64_t open_once();
  void look_for_leftovers();
  void read_database();
  void read_log();
  void note_log();
  void replay();
  void find(std::string what) { result_.findings.push_back(std::move(what)); }

  const workload_folder& folder_;
  examination result_;
  std::vector<storage::batch> log_;
};

/// Recovers the folder. Gives how much it had to apply.
std::uint64_t examiner::open_once() {
  undoable_disk disk{folder_.archive(), folder_.trash(), false};
  system_config config;
  config.set("scheduler.max-threads", 2);
  caf::actor_system system{config};
  auto settings = workload_options(folder_);
  settings.replay_wait = std::chrono::milliseconds::max();
  auto served = open(system, settings, {.files = &disk});
  if (!served) {
    throw std::runtime_error{"the folder cannot be opened: " + to_string(served.error())};
  }
  return served->recovery().transactions;
}

void examiner::open_twice() {
  const auto before = footprint::now();
  open_once();
  const auto first = dump(folder_.database());
  const auto again = open_once();
  const auto second = dump(folder_.database());
  if (first != second || again != 0) {
    find("a second recovery applied " + std::to_string(again) + " and changed " + difference(first, second));
  }
  // A thread that has ended is there for a moment longer.
  for (int i = 0; i < 2'000 && !footprint::now().within(before); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  const auto after = footprint::now();
  if (!after.within(before)) {
    find("descriptors went from " + std::to_string(before.descriptors) + " to " + std::to_string(after.descriptors)
         + ", threads from " + std::to_string(before.threads) + " to " + std::to_string(after.threads));
  }
}

void examiner::look_for_leftovers() {
  static const std::set<std::string> known{"LOCK", "attempt", "database.sqlite3", "queue", "reserve"};
  for (const auto& entry : fs::directory_iterator{folder_.data()}) {
    if (const auto name = entry.path().filename().string(); !known.contains(name)) {
      find(name + " is left in the data folder");
    }
  }
  for (const auto& entry : fs::directory_iterator{folder_.queue()}) {
    const auto name = entry.path().filename().string();
    if (!storage::segment_of_name(name) && !storage::spare_of_name(name) && name.find(".torn-") == std::string::npos) {
      find(name + " is left in the queue's folder");
    }
  }
}

void examiner::read_database() {
  plain_connection database{folder_.database(), tidy};
  for (const auto& problem : database.lines("PRAGMA integrity_check")) {
    if (problem != "ok") {
      find("integrity_check: " + problem);
    }
  }
  for (const auto& problem : database.lines("PRAGMA foreign_key_check")) {
    find("foreign_key_check: " + problem);
  }
  auto& state = result_.state;
  for (const auto& line :
       database.lines("SELECT client, number, list, coalesce(source, 0), coalesce(target, 0), amount "
                      "FROM entry ORDER BY id",
                      " ")) {
    stored_row row;
    std::istringstream{line} >> row.who.client >> row.who.number >> row.list >> row.source >> row.target >> row.amount;
    state.rows.push_back(row);
  }
  for (const auto& balance : database.lines("SELECT balance FROM account ORDER BY id")) {
    state.balances.push_back(std::stoll(balance));
  }
  state.first_balance = first_balance;
  std::ranges::for_each(check_schema(folder_.database(), folder_.schema_answers()),
                        [this](const std::string& wrong) { find(wrong); });
  state.refused = database.lines("SELECT client FROM refused").size();
  state.applied_seq = std::stoull(database.rows("SELECT applied_seq FROM millrace_meta"));
}

/// Reads a copy of the log from the first segment on, as if nothing were applied.
void examiner::read_log() {
  const auto whole = folder_.path / "whole";
  fs::remove_all(whole);
  fs::create_directories(whole);
  for (const auto& source : {folder_.archive(), folder_.queue()}) {
    for (const auto& entry : fs::directory_iterator{source}) {
      if (storage::segment_of_name(entry.path().filename().string())) {
        fs::copy_file(entry, whole / entry.path().filename(), fs::copy_options::overwrite_existing);
      }
    }
  }
  const auto identity = require(storage::sqlite::make_database(folder_.database())->prepare(true), "the database");
  storage::recovery_report report;
  const auto log = require(
    storage::log::open(storage::posix_file_system(), whole, identity.id, 0, workload_options(folder_).log, report,
                       [this](const storage::batch& read) { log_.push_back(read); }),
    "the log from its beginning");
  note_log();
}

/// Notes what each `seq` stands for, and tells batches what in them is skipped.
void examiner::note_log() {
  auto& noted = result_.state.log;
  std::vector<storage::skipped_work> skipped;
  for (const auto& part : log_) {
    for (const auto& item : part.items) {
      logged_work work;
      if (const auto* changes = std::get_if<transaction>(&item)) {
        const auto& parameters = changes->statements.front().parameters;
        work.who = {number_in(parameters.at(1)), number_in(parameters.at(2))};
      } else if (const auto* order = std::get_if<storage::skip_order>(&item)) {
        for (const auto seq : order->seqs) {
          skipped.push_back({seq, order->why, order->deaths, order->reason});
        }
      }
      noted.push_back(work);
    }
  }
  std::ranges::sort(skipped, {}, &storage::skipped_work::seq);
  for (const auto& one : skipped) {
    noted.at(one.seq - 1).skipped = true;
    const auto holder = std::ranges::partition_point(
      log_, [&](const storage::batch& part) { return part.last_seq() < one.seq; });
    holder->skipped.push_back(one);
  }
}

/// Nobody counts deaths here.
class no_mark final : public storage::attempt_mark {
public:
  void begin(std::uint64_t, std::uint64_t) noexcept override {}
  void at(std::uint64_t) noexcept override {}
  void end() noexcept override {}
};

void examiner::replay() {
  const auto file = folder_.path / "replayed.sqlite3";
  fs::remove(file);
  require(storage::sqlite::make_database(file)->prepare(true), "a new database");
  std::vector<storage::batch_ptr> batches;
  for (const auto& part : log_) {
    batches.push_back(std::make_shared<const storage::batch>(part));
  }
  {
    const auto writer = require(storage::sqlite::make_database(file)->open_writer(), "a new database");
    constexpr std::size_t together = 40;
    no_mark nobody;
    for (std::size_t done = 0; done < batches.size();) {
      const auto count = std::min(together, batches.size() - done);
      require(writer->apply({batches.data() + done, count}, nobody, {}).map_error([](const storage::trouble& met) {
        return met.why;
      }),
              "replaying");
      while (done < batches.size() && batches[done]->last_seq() <= writer->applied_seq()) {
        ++done;
      }
    }
  }
  const auto here = dump(folder_.database());
  const auto again = dump(file);
  if (here != again) {
    find("the database and an independent replay of its log differ: " + difference(here, again));
  }
}

} // namespace

examination examine(const workload_folder& folder) {
  return examiner{folder}.run();
}

std::vector<std::string> run_history(std::uint64_t seed, std::uint64_t lives, const std::string& planted,
                                     std::uint64_t& operations) {
  const auto usual = spdlog::get_level();
  spdlog::set_level(spdlog::level::off);
  constexpr life_end ends[] = {life_end::power, life_end::power, life_end::power, life_end::kill, life_end::closed};
  // What must be lost with the power is undone by `undoable_disk`, so the folders may be in memory.
  const temporary_folder place{fast_place()};
  const workload_folder folder{place.path()};
  std::mt19937_64 random{seed};
  std::vector<std::string> found;
  auto next = [&, number = std::uint64_t{0}](std::optional<life_end> end = {}) mutable {
    return life{.seed = random(),
                .number = ++number,
                .end = end.value_or(ends[random() % std::size(ends)]),
                .milliseconds = 150 + random() % 250,
                .planted = planted};
  };
  // All that is in the log is applied then, so that what is applied after it is not the same in both.
  found = live(folder, next(life_end::closed));
  if (found.empty()) {
    found = live_apart(folder, next(life_end::closed));
  }
  for (std::uint64_t i = 0; i < lives && found.empty(); ++i) {
    found = live(folder, next());
  }
  const auto history = read_history(folder.history());
  operations += static_cast<std::uint64_t>(
    std::ranges::count_if(history, [](const event& one) { return one.kind != event_kind::invoke; }));
  if (found.empty()) {
    auto seen = examine(folder);
    found = std::move(seen.findings);
    if (seen.state.applied_seq != 0) { // Otherwise it did not get as far as the database.
      const auto more = check(history, seen.state);
      found.insert(found.end(), more.begin(), more.end());
    }
  }
  spdlog::set_level(usual);
  return found;
}

} // namespace millrace::test::histories
