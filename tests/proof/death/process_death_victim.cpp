#include "process_death_victim.hpp"

#include "process_death_tearing.hpp"

#include <millrace/actors/base/atoms.hpp>
#include <millrace/actors/engine/engine.hpp>
#include <millrace/actors/engine/testing.hpp>
#include <millrace/actors/schema/plan.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tests/proof/schema_steps.hpp>
#include <millrace/tests/support/hex.hpp>
#include <millrace/tests/support/line_file.hpp>
#include <millrace/tests/support/process/give_up.hpp>
#include <millrace/tests/support/process/program.hpp>
#include <millrace/tests/support/storage/plain_connection.hpp>

#include <algorithm>
#include <iostream>
#include <map>
#include <sstream>
#include <thread>

#include <sys/resource.h>
#include <unistd.h>

#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/stateful_actor.hpp>

namespace millrace::test {

namespace {

constexpr std::chrono::minutes victim_patience{2};
constexpr std::uint64_t named_window = 4;
constexpr std::uint64_t burst = 40;
constexpr int bursts = 3;
constexpr std::uint64_t unnamed_clients = 3;
constexpr std::uint64_t impatient_client = 50; ///< Among those without a name.
constexpr std::uint64_t poison_client = 60;

template <class T>
T or_give_up(tl::expected<T, failure> given) {
  if (!given) {
    give_up(to_string(given.error()));
  }
  return std::move(*given);
}

/// The journal; what is written to it outlives the process.
class journal {
public:
  explicit journal(const std::filesystem::path& file) : lines_(file) {}

  void add(const note& line) const {
    std::ostringstream text;
    text << static_cast<char>(line.what) << ' ' << line.client << ' ' << line.number << ' ' << line.seq << ' '
         << line.id << '\n';
    lines_.add(text.str());
  }

  void answer(std::uint64_t client, std::uint64_t number, const outcome& done) const {
    const bool applied = !done.results.empty();
    add({applied ? noted::applied : noted::durable, client, number, done.seq,
         applied ? done.results.at(0).rows[0][std::size_t{0}].as_integer() : 0});
  }

  /// Only what was promised to have had no effect is a rejection.
  void answer(std::uint64_t client, std::uint64_t number, const failure& why) const {
    if (kind(why.code) == error_kind::rejected) {
      add({noted::rejected, client, number});
    } else if (why.code != errc::name_forgotten) {
      give_up("client " + std::to_string(client) + ", number " + std::to_string(number) + ": " + to_string(why));
    }
  }

private:
  line_file lines_;
};

struct client_plan {
  engine_actor front;
  const journal* notes = nullptr; ///< Not owned; outlives the client.
  std::uint64_t client = 0;
  uuid id{};                    ///< Of a client with a name.
  std::uint64_t again_from = 1; ///< What is sent again, up to before `from`.
  std::uint64_t from = 1;
  std::uint64_t to = 0; ///< The last number.
};

/// Sends its numbers in order, several at once where they have names. Answers an atom when all are answered.
class client_state {
public:
  explicit client_state(caf::event_based_actor* self) : self_(self) {}

  caf::behavior make_behavior(client_plan plan) {
    plan_ = std::move(plan);
    for (auto number = plan_.again_from; number < plan_.from; ++number) {
      send(number);
    }
    next_ = plan_.from;
    return {[this](atom::flush) {
      done_ = self_->make_response_promise<bool>();
      go_on();
      return done_;
    }};
  }

private:
  bool named() const { return plan_.client < unnamed_from; }

  void go_on() {
    const auto window = named() ? named_window : 1;
    while (waiting_ < window && next_ <= plan_.to) {
      send(next_);
      if (named() && next_ % 5 == 0) {
        send(next_);
      }
      ++next_;
    }
    if (waiting_ == 0 && done_.pending()) {
      done_.deliver(true);
    }
  }

  void send(std::uint64_t number) {
    ++waiting_;
    auto work = victim_work(plan_.client, number);
    if (named()) {
      work.name = {plan_.id, number};
    }
    plan_.notes->add({noted::sent, plan_.client, number});
    self_->request(plan_.front, victim_patience, std::move(work))
      .then([this, number](const outcome& done) { answered(number, done); },
            [this, number](const caf::error& why) { answered(number, failure_of(why)); });
  }

  template <class Answer>
  void answered(std::uint64_t number, const Answer& answer) {
    plan_.notes->answer(plan_.client, number, answer);
    --waiting_;
    go_on();
  }

  caf::event_based_actor* self_; ///< Not owned; outlives the state.
  client_plan plan_;
  caf::typed_response_promise<bool> done_;
  std::uint64_t next_ = 1;
  std::uint64_t waiting_ = 0;
};

caf::behavior victim_client(caf::stateful_actor<client_state>* self, client_plan plan) {
  return self->state.make_behavior(std::move(plan));
}

/// Everything that the process does.
class player {
public:
  player(caf::actor_system& system, engine& served, victim self)
    : system_(system), served_(served), self_(std::move(self)), notes_(self_.journal) {}

  void play() {
    if (self_.task == victim_task::impatient) {
      wait_too_long();
    } else if (self_.task == victim_task::poison) {
      take_poison();
    } else if (self_.task == victim_task::migrate) {
      migrate();
    }
    for (int i = 0; i < bursts; ++i) {
      run_clients(static_cast<std::uint64_t>(i) * burst);
      std::this_thread::sleep_for(std::chrono::milliseconds{50}); // Idle, the queue writes its witness.
    }
  }

private:
  std::uint64_t unnamed(std::uint64_t place) const { return unnamed_from * self_.life + place; }

  /// The numbers that each client with a name sent in earlier bursts and lives.
  std::map<std::uint64_t, std::uint64_t> sent_before() const {
    std::map<std::uint64_t, std::uint64_t> last;
    for (const auto& one : read_journal(self_.journal)) {
      last[one.client] = std::max(last[one.client], one.number);
    }
    return last;
  }

  void run_clients(std::uint64_t unnamed_before) {
    const auto last = sent_before();
    std::vector<caf::actor> clients;
    for (std::size_t i = 0; i < self_.ids.size(); ++i) {
      const auto known = last.find(i);
      const auto before = known == last.end() ? 0 : known->second;
      clients.push_back(system_.spawn(victim_client, client_plan{.front = served_.front(),
                                                                 .notes = &notes_,
                                                                 .client = i,
                                                                 .id = self_.ids[i],
                                                                 .again_from = before > 8 ? before - 8 : 1,
                                                                 .from = before + 1,
                                                                 .to = before + burst}));
    }
    for (std::uint64_t i = 0; i < unnamed_clients; ++i) {
      clients.push_back(system_.spawn(victim_client, client_plan{.front = served_.front(),
                                                                 .notes = &notes_,
                                                                 .client = unnamed(i),
                                                                 .again_from = unnamed_before + 1,
                                                                 .from = unnamed_before + 1,
                                                                 .to = unnamed_before + burst}));
    }
    caf::scoped_actor self{system_};
    for (const auto& one : clients) {
      self->request(one, victim_patience, atom::flush::value)
        .receive([](bool) {}, [](const caf::error& why) { give_up(to_string(failure_of(why))); });
      self->send_exit(one, caf::exit_reason::user_shutdown);
    }
  }

  /// Sends one transaction and notes what it is answered.
  void ask(caf::scoped_actor& self, std::uint64_t client, std::uint64_t number, transaction work) {
    notes_.add({noted::sent, client, number});
    self->request(served_.front(), victim_patience, std::move(work))
      .receive([&](const outcome& done) { notes_.answer(client, number, done); },
               [&](const caf::error& why) { notes_.answer(client, number, failure_of(why)); });
  }

  /// While a stranger holds the database's lock, the writer is given all it takes; what comes after that waits in the
  /// queue until its deadline has passed.
  void wait_too_long() {
    plain_connection stranger{self_.data / "database.sqlite3"};
    if (!stranger.try_execute("BEGIN IMMEDIATE")) {
      give_up("the database is locked already");
    }
    caf::scoped_actor self{system_};
    const auto client = unnamed(impatient_client);
    std::uint64_t number = 1;
    for (; number <= 12; ++number) {
      auto work = victim_work(client, number);
      work.acknowledgement = ack::durable;
      ask(self, client, number, std::move(work));
    }
    std::thread lets_go{[&stranger] {
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
      stranger.try_execute("ROLLBACK");
    }};
    auto work = victim_work(client, ++number);
    work.acknowledgement = ack::applied;
    work.deadline = std::chrono::milliseconds{1};
    ask(self, client, number, std::move(work));
    lets_go.join();
  }

  void take_poison() {
    caf::scoped_actor self{system_};
    const auto client = unnamed(poison_client);
    // Each row is a part of the index, which takes only so many, and SQLite says that the disk is full.
    ask(
      self, client, 1,
      execute("INSERT INTO used(rowid, body) WITH RECURSIVE c(i) AS (SELECT 5000 UNION ALL SELECT i - 1 FROM c WHERE i "
              "> 1) SELECT i, 'word' FROM c"));
    std::vector<quarantined_transaction> found;
    self->request(served_.operations(), victim_patience, quarantine_list{})
      .receive([&](quarantine_listing& listing) { found = std::move(listing.entries); },
               [](const caf::error& why) { give_up(to_string(failure_of(why))); });
    for (const auto& one : found) {
      self->request(served_.operations(), victim_patience, quarantine_discard{one.seq})
        .receive([](const outcome&) {}, [](const caf::error& why) { give_up(to_string(failure_of(why))); });
    }
  }

  template <class Answer, class Request>
  Answer operate(Request request) {
    caf::scoped_actor self{system_};
    Answer given;
    self->request(served_.operations(), victim_patience, std::move(request))
      .receive([&](Answer& answer) { given = std::move(answer); },
               [](const caf::error& why) { give_up(to_string(failure_of(why))); });
    return given;
  }

  void migrate() {
    const line_file told{migrations_journal(self_)};
    const auto state = operate<schema_state>(schema_state_request{});
    const auto next = newest_of(state, "main") + 1;
    operate<schema_rehearsed>(schema_rehearsal{{migration_step(next, schema_step::up)}});
    for (const auto version : {next, next + 1}) {
      operate<outcome>(migration_step(version, schema_step::up));
      told.add("up " + std::to_string(version) + '\n');
    }
    told.add("down " + std::to_string(next + 1) + '\n');
    operate<outcome>(migration_step(next + 1, schema_step::down));
    backfill(next);
  }

  /// Ends what an earlier life left under way, or all of a new one.
  void backfill(std::uint64_t table) {
    const auto state = operate<schema_state>(schema_state_request{});
    const auto* const begun = backfill_of(state, "fill");
    const auto version = begun == nullptr ? table : begun->id.version;
    const auto part = backfill_part(version, newest_of(state, "fill"), "m" + std::to_string(version), 1);
    while (operate<outcome>(part).results.at(0).rows_changed > 0) {}
  }

  caf::actor_system& system_; ///< Not owned.
  engine& served_;            ///< Not owned.
  victim self_;
  journal notes_;
};

int play(const std::vector<std::string>& arguments) {
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  victim self{.data = arguments.at(0),
              .journal = arguments.at(1),
              .task = static_cast<victim_task>(std::stoi(arguments.at(2))),
              .life = static_cast<unsigned>(std::stoul(arguments.at(3))),
              .ids = {}};
  std::transform(arguments.begin() + 4, arguments.end(), std::back_inserter(self.ids), from_hex);
  tearing_file_system files;
  const auto settings = settings_for(self.data, self.task);
  system_config config;
  caf::actor_system system{config};
  auto served = or_give_up(open(system, settings, {.files = &files}));
  player{system, served, self}.play();
  return 0;
}

const role playing{victim_role, play};

} // namespace

std::vector<std::string> victim::arguments() const {
  std::vector<std::string> all{data.string(), journal.string(), std::to_string(static_cast<int>(task)),
                               std::to_string(life)};
  std::ranges::transform(ids, std::back_inserter(all), to_hex);
  return all;
}

options settings_for(const std::filesystem::path& data, victim_task task) {
  options settings;
  settings.data = data;
  settings.create_if_missing = true;
  settings.scripts = {{"0001",
                       "CREATE TABLE entry(id INTEGER PRIMARY KEY, client INTEGER NOT NULL, number INTEGER NOT NULL);"
                       "CREATE INDEX entry_by_client ON entry(client, number)"},
                      {"0002", "ALTER TABLE entry ADD COLUMN note TEXT"}};
  settings.read.readers = 1;
  settings.write.checkpoint_pages = 8;
  settings.write.deaths_max = 100;
  settings.log.segment_bytes = 8 * 1024;
  settings.sqlite.cache_kib = 1024;
  settings.database.outcomes.count = outcomes_kept;
  if (task == victim_task::poison) {
    settings.write.deaths_max = 2;
    settings.scripts.push_back({"0003",
                                "CREATE VIRTUAL TABLE used USING fts5(body);"
                                "INSERT INTO used(used, rank) VALUES ('automerge', 0), ('crisismerge', 2000)"});
  }
  return settings;
}

transaction victim_work(std::uint64_t client, std::uint64_t number) {
  auto work = execute("INSERT INTO entry(client, number, note) VALUES (?1, ?2, ?3) RETURNING id", client, number,
                      std::string(number % 60, 'n'));
  if (victim_work_fails(number)) {
    work.add("INSERT INTO entry(client, number) VALUES (NULL, 0)");
  } else {
    work.acknowledgement = number % 3 == 0 ? ack::durable : ack::applied;
  }
  return work;
}

bool victim_work_fails(std::uint64_t number) {
  return number % 13 == 0;
}

std::filesystem::path migrations_journal(const victim& self) {
  return self.journal.string() + ".migrations";
}

std::vector<note> read_journal(const std::filesystem::path& file) {
  std::vector<note> notes;
  for (const auto& line : complete_lines(file)) {
    std::istringstream fields{line};
    note one;
    char what = 0;
    fields >> what >> one.client >> one.number >> one.seq >> one.id;
    one.what = static_cast<noted>(what);
    notes.push_back(one);
  }
  return notes;
}

} // namespace millrace::test
