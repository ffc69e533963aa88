#include "history_workload.hpp"

#include "history.hpp"
#include "schema_workload.hpp"
#include "undoable_disk.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/actors/engine/engine.hpp>
#include <millrace/actors/engine/testing.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tests/support/process/give_up.hpp>
#include <millrace/tests/support/storage/plain_connection.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <sstream>
#include <thread>
#include <unordered_set>
#include <utility>

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <spdlog/spdlog.h>
#include <boost/test/unit_test.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>

extern char** environ; // NOLINT(readability-redundant-declaration): POSIX leaves it to the program.

namespace millrace::test::histories {

namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr auto role_variable = "MILLRACE_HISTORY_LIFE";
constexpr std::uint32_t clients_at_once = 40;
constexpr std::uint32_t clients_per_life = 100'000;
constexpr int schema_clients = 2;
constexpr std::chrono::minutes time_limit{2};
constexpr milliseconds patience{30'000}; ///< With a process.

constexpr auto insert =
  "INSERT INTO entry(list, client, number, source, target, amount, filler) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) "
  "RETURNING client, number";

/// A client's name is the same in each life.
uuid name_of(std::uint32_t client) {
  uuid id{0x01, 0x90, 0, 0, 0, 0, 0x70, 0, 0x80};
  for (std::size_t i = 0; i < 4; ++i) {
    id[15 - i] = static_cast<std::uint8_t>(client >> (8 * i));
  }
  return id;
}

/// What all clients of a process share.
struct shared {
  const history_writer* history = nullptr;
  std::mutex recording; ///< Held for good where the process ends: what is seen then is seen by nobody.
  engine_actor front;
  std::uint64_t life = 1;
  std::atomic<std::uint32_t> next_client{0};
  std::atomic<std::int64_t> unanswered{0};
  std::atomic<bool> stopped{false};
  /// The newest `seq` acknowledged in a list, for reads that want it.
  std::array<std::atomic<std::uint64_t>, lists_per_life + 1> newest{};

  void note(const event& what) {
    const std::lock_guard lock{recording};
    history->add(what);
  }
};

/// What a client sends is a function of its operation alone, so that it can send the same again in another life.
struct plan {
  explicit plan(const operation_id& who) : random(who.client * 1'000'003ull + who.number) {
    dice = random() % 100;
    named = random() % 2 == 0;
    durable = random() % 2 == 0;
    grouped = random() % 6 == 0;
    hurried = random() % 6 == 0;
    list = random() % lists_per_life + 1;
    source = random() % accounts;
    target = (source + 1 + random() % (accounts - 1)) % accounts;
    amount = static_cast<std::int64_t>(random() % 100 + 1);
  }

  std::mt19937_64 random;
  std::uint64_t dice = 0;
  bool named = false;
  bool durable = false;
  bool grouped = false;
  bool hurried = false;
  std::uint64_t list = 0;
  std::uint64_t source = 0;
  std::uint64_t target = 0;
  std::int64_t amount = 0;

  action what() const {
    return dice < 50   ? action::append
           : dice < 60 ? action::transfer
           : dice < 66 ? action::refused
           : dice < 95 ? action::read
                       : action::sum;
  }
};

/// The lists of a life are its own, so that they stay short.
std::uint64_t list_of(std::uint64_t life, std::uint64_t list) {
  return life * 100 + list;
}

transaction work_of(const event& asked) {
  const plan drawn{asked.who};
  const bool transfer = asked.action == action::transfer;
  transaction work;
  work.acknowledgement = asked.acknowledgement;
  work.add(insert, asked.list, asked.who.client, asked.who.number, transfer ? value{drawn.source} : value{},
           transfer ? value{drawn.target} : value{}, transfer ? drawn.amount : 0, std::string(100 + drawn.amount, 'm'));
  if (transfer) {
    constexpr auto move = "UPDATE account SET balance = balance + ?2 WHERE id = ?1";
    work.add(move, drawn.source, -drawn.amount).expect_rows(1);
    work.add(move, drawn.target, drawn.amount).expect_rows(1);
  } else if (asked.action == action::refused) {
    work.add("INSERT INTO refused(client) VALUES (NULL)");
  } else if (drawn.grouped) {
    work.in_group(on_error::continue_after, [&](transaction& group) {
      group.add("INSERT INTO refused(client) VALUES (?1)", asked.who.client);
      group.add("INSERT INTO refused(client) VALUES (NULL)");
    });
  }
  const bool impostor = asked.action == action::impostor;
  if (asked.named) {
    work.name = {name_of(asked.who.client), asked.who.number - (impostor ? 1 : 0)};
  }
  if (drawn.hurried && asked.acknowledgement == ack::applied && !impostor) {
    work.deadline = milliseconds{3};
  }
  return work;
}

query question_of(const event& asked) {
  auto question = asked.action == action::sum
                    ? select("SELECT sum(balance), 0 FROM account")
                    : select("SELECT client, number FROM entry WHERE list = ?1 ORDER BY id", asked.list);
  question.consistency = asked.level;
  question.at_least_seq = asked.seq;
  return question;
}

std::vector<operation_id> values_in(const row_set& rows) {
  std::vector<operation_id> values;
  values.reserve(rows.size());
  for (const auto row : rows) {
    values.push_back(
      {static_cast<std::uint32_t>(row[0].as_integer()), static_cast<std::uint32_t>(row[1].as_integer())});
  }
  return values;
}

class history_client_state {
public:
  explicit history_client_state(caf::event_based_actor* self) : self_(self) {}

  /// Goes on with what an earlier life ended at, or begins as a new client.
  void start(shared* all, const std::optional<event>& unfinished) {
    all_ = all;
    if (unfinished) {
      asked_ = *unfinished;
      send();
    } else {
      begin_anew();
    }
  }

private:
  void begin_anew() {
    asked_ = {};
    asked_.who.client = all_->next_client++;
    next();
  }

  /// `after_name` tells whether the operation before it has a name and was acknowledged.
  void next(bool after_name = false) {
    const auto number = asked_.who.number + 1;
    asked_ = {.who = {asked_.who.client, number}};
    const plan drawn{asked_.who};
    asked_.action = drawn.what();
    asked_.list = asked_.action == action::transfer ? 0 : list_of(all_->life, drawn.list);
    if (asked_.action == action::read || asked_.action == action::sum) {
      choose_level(drawn);
    } else {
      asked_.acknowledgement = drawn.durable && asked_.action != action::refused ? ack::durable : ack::applied;
      asked_.named = drawn.named;
    }
    if (after_name && asked_.action == action::refused) {
      asked_.action = action::impostor;
      asked_.named = true;
    }
    send();
  }

  void choose_level(const plan& drawn) {
    const auto newest = all_->newest[drawn.list].load();
    asked_.level = drawn.amount % 3 == 0   ? consistency::any
                   : drawn.amount % 3 == 1 ? consistency::linearizable
                                           : consistency::at_least;
    if (asked_.action == action::sum || (asked_.level == consistency::at_least && newest == 0)) {
      asked_.level = consistency::any;
    }
    asked_.seq = asked_.level == consistency::at_least ? newest : 0;
  }

  void send() {
    if (all_->stopped) {
      return;
    }
    ++all_->unanswered;
    all_->note(asked_);
    if (asked_.action == action::read || asked_.action == action::sum) {
      self_->request(all_->front, time_limit, question_of(asked_))
        .then([this](const row_set& rows) { seen(rows); }, [this](const caf::error& why) { refused(why); });
    } else {
      self_->request(all_->front, time_limit, work_of(asked_))
        .then([this](const outcome& given) { done(given); }, [this](const caf::error& why) { refused(why); });
    }
  }

  void seen(const row_set& rows) {
    event answer{.kind = event_kind::ok, .who = asked_.who};
    if (asked_.action == action::sum) {
      answer.total = rows[0][0].as_integer();
    } else {
      answer.values = values_in(rows);
    }
    settle(answer);
    next();
  }

  void done(const outcome& given) {
    event answer{.kind = event_kind::ok, .who = asked_.who, .seq = given.seq};
    if (!given.results.empty()) {
      answer.values = values_in(given.results.front().rows);
    }
    settle(answer);
    if (asked_.action == action::append) {
      all_->newest[asked_.list % 100] = given.seq;
    }
    // A client that is in doubt without a reason: what it is told must be the same again.
    resent_ = !resent_ && asked_.named && asked_.who.number % 4 == 0;
    if (resent_) {
      send();
    } else {
      next(asked_.named);
    }
  }

  void refused(const caf::error& error) {
    const auto why = failure_of(error);
    const bool unknown = kind(why.code) == error_kind::unknown;
    settle({.kind = unknown ? event_kind::info : event_kind::fail, .who = asked_.who, .why = why.code});
    const bool reads = asked_.action == action::read || asked_.action == action::sum;
    if (kind(why.code) == error_kind::rejected || why.code == errc::name_forgotten) {
      resent_ = false;
      return next();
    }
    // Not at once: what is down needs a moment.
    self_->delayed_send(self_, milliseconds{5}, caf::atom_constant<caf::atom("again")>::value);
    self_->become([this, unknown, reads](caf::atom_constant<caf::atom("again")>) { go_on(unknown, reads); });
  }

  /// A named transaction is sent again; after an unnamed one that is unknown the client never continues.
  void go_on(bool unknown, bool reads) {
    if (asked_.named && ++attempts_ < 200) {
      return send();
    }
    attempts_ = 0;
    resent_ = false;
    if (unknown && !reads) {
      begin_anew();
    } else {
      next();
    }
  }

  void settle(const event& answer) {
    all_->note(answer);
    --all_->unanswered;
  }

  caf::event_based_actor* self_; ///< Not owned; outlives the state.
  shared* all_ = nullptr;        ///< Not owned; outlives all clients.
  event asked_;
  bool resent_ = false;
  int attempts_ = 0;
};

caf::behavior history_client(caf::stateful_actor<history_client_state>* self, shared* all,
                             const std::optional<event>& unfinished) {
  self->state.start(all, unfinished);
  return {[](caf::atom_constant<caf::atom("again")>) {}};
}

/// The newest operation of each client, where it may be sent again: it has a name and was not rejected. What became of
/// it may be known or not.
std::vector<event> unfinished_in(const std::vector<event>& history) {
  std::map<std::uint32_t, event> last;
  std::unordered_set<operation_id> rejected;
  for (const auto& one : history) {
    if (one.kind == event_kind::invoke) {
      last[one.who.client] = one;
    } else if (one.kind == event_kind::fail && kind(one.why) == error_kind::rejected) {
      rejected.insert(one.who);
    }
  }
  std::vector<event> left;
  for (const auto& [client, one] : last) {
    if (one.named && !rejected.contains(one.who)) {
      left.push_back(one);
    }
  }
  return left;
}

/// Another program's connection, which never waits for a lock.
constexpr plain_connection::options impatient{.patience = milliseconds{0}};

void hold(plain_connection& other, const char* sql, milliseconds time) {
  if (other.try_execute(sql)) {
    std::this_thread::sleep_for(time);
    other.try_execute("ROLLBACK");
  }
}

constexpr auto snapshot = "BEGIN; SELECT count(*) FROM account";

/// Makes trouble until the time is over.
void make_trouble(engine& served, const std::filesystem::path& database, std::mt19937_64& random, milliseconds time) {
  plain_connection other{database, impatient};
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
    const auto choice = random() % 10;
    if (choice < 3) {
      const char* const victims[] = {"writer", "queue", "reader-1"};
      if (const auto victim = served.child(victims[choice])) {
        caf::anon_send_exit(victim, caf::exit_reason::kill);
      }
    } else if (choice < 5) {
      hold(other, "BEGIN IMMEDIATE", milliseconds{20});
    } else if (choice < 7) {
      hold(other, snapshot, milliseconds{40});
    }
    std::this_thread::sleep_for(milliseconds{random() % 30});
  }
}

void close(engine& served, shared& all) {
  all.stopped = true;
  served.close();
  for (int i = 0; i < 5'000 && all.unanswered != 0; ++i) {
    std::this_thread::sleep_for(milliseconds{1});
  }
  if (all.unanswered != 0) {
    give_up(std::to_string(all.unanswered) + " requests were never answered");
  }
}

/// What the process does: lives one life.
void play(const workload_folder& folder, const life& one) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  spdlog::set_level(spdlog::level::off);
  std::mt19937_64 random{one.seed};
  undoable_disk disk{folder.archive(), folder.trash(), one.end == life_end::power};
  const vfs_shim shim{disk};
  const auto unfinished = unfinished_in(read_history(folder.history()));
  const history_writer history{folder.history()};
  system_config config;
  config.set("scheduler.max-threads", 4);
  caf::actor_system system{config};
  auto served = open(system, workload_options(folder), {.files = &disk});
  if (!served) {
    give_up("the folder cannot be opened: " + to_string(served.error()));
  }
  std::cout << "serving" << std::endl;
  shared all;
  all.history = &history;
  all.front = served->front();
  all.life = one.number;
  all.next_client = static_cast<std::uint32_t>(one.number) * clients_per_life;
  for (std::uint32_t i = 0; i < clients_at_once; ++i) {
    system.spawn(history_client, &all, i < unfinished.size() ? std::optional{unfinished[i]} : std::nullopt);
  }
  const line_file answers{folder.schema_answers()};
  const schema_surroundings around{.operations = served->operations(),
                                   .answers = answers,
                                   .recording = all.recording,
                                   .unanswered = all.unanswered,
                                   .stopped = all.stopped};
  for (int i = 0; i < schema_clients; ++i) {
    spawn_schema_client(system, around, random());
  }
  make_trouble(*served, folder.database(), random, milliseconds{one.milliseconds});
  if (one.end == life_end::power) {
    // Half of them after a while in which a snapshot kept every checkpoint from being complete.
    plain_connection other{folder.database(), impatient};
    hold(other, snapshot, milliseconds{random() % 2 * 150});
    disk.lose_power(one.seed, all.recording);
  }
  if (one.end == life_end::closed) {
    close(*served, all);
    std::_Exit(0);
  }
  for (;;) {
    make_trouble(*served, folder.database(), random, milliseconds{1'000});
  }
}

/// Where the environment asks for a life, the process lives it and runs no tests. A fixture of all tests, since by then
/// every static object of the program is ready.
struct life_player {
  life_player() {
    const char* wanted = std::getenv(role_variable);
    if (wanted == nullptr) {
      return;
    }
    std::istringstream words{wanted};
    life one;
    int end = 0;
    std::string path;
    words >> one.seed >> one.number >> end >> one.milliseconds >> path;
    one.end = static_cast<life_end>(end);
    play({path}, one);
  }
};

BOOST_TEST_GLOBAL_FIXTURE(life_player);

/// This program again, for one life.
class life_process {
public:
  life_process(const workload_folder& folder, const life& one)
    : out_(::memfd_create("out", MFD_CLOEXEC)), err_(::memfd_create("err", MFD_CLOEXEC)) {
    std::vector<std::string> settings;
    for (char** one_setting = environ; *one_setting != nullptr; ++one_setting) {
      settings.emplace_back(*one_setting);
    }
    settings.push_back(std::string{role_variable} + '=' + std::to_string(one.seed) + ' ' + std::to_string(one.number)
                       + ' ' + std::to_string(static_cast<int>(one.end)) + ' ' + std::to_string(one.milliseconds) + ' '
                       + folder.path.string());
    settings.push_back("MILLRACE_PLANTED=" + one.planted);
    std::vector<std::string> words{"/proc/self/exe", "--catch_system_errors=no"};
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_adddup2(&files, out_, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&files, err_, STDERR_FILENO);
    const int problem = ::posix_spawn(&id_, words.front().c_str(), &files, nullptr, pointers_to(words).data(),
                                      pointers_to(settings).data());
    ::posix_spawn_file_actions_destroy(&files);
    BOOST_REQUIRE_EQUAL(problem, 0);
  }
  life_process(const life_process&) = delete;
  life_process& operator=(const life_process&) = delete;
  ~life_process() {
    kill();
    while (!ended()) {
      std::this_thread::sleep_for(milliseconds{1});
    }
    ::close(out_);
    ::close(err_);
  }

  bool ended() {
    ended_ = ended_ || ::waitpid(id_, &status_, WNOHANG) == id_;
    return ended_;
  }
  void kill() {
    if (!ended()) {
      ::kill(id_, SIGKILL);
    }
  }
  /// Whether it came so far within the time.
  template <class Condition>
  bool wait(Condition condition, milliseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (!condition() && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(milliseconds{1});
    }
    return condition();
  }
  bool serves() const { return begin_of(out_).find("serving") != std::string::npos; } // Boost may say something, too.
  int status() const { return status_; }
  std::string complaint() const {
    const auto text = begin_of(err_);
    return text.substr(0, text.find('\n'));
  }

private:
  static std::string begin_of(int file) {
    std::string text(4'096, '\0');
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(::pread(file, text.data(), text.size(), 0), 0)));
    return text;
  }
  static std::vector<char*> pointers_to(std::vector<std::string>& words) {
    std::vector<char*> pointers;
    for (auto& word : words) {
      pointers.push_back(word.data());
    }
    pointers.push_back(nullptr);
    return pointers;
  }

  pid_t id_ = -1;
  int status_ = 0;
  bool ended_ = false;
  int out_;
  int err_;
};

/// Puts two databases in each other's places.
void exchange_databases(const workload_folder& one, const workload_folder& other) {
  const auto aside = one.path / "aside";
  for (const auto* part : {"", "-wal", "-shm"}) {
    const auto ours = one.database().string() + part;
    const auto theirs = other.database().string() + part;
    for (const auto& [from, to] : {std::pair{ours, aside.string()}, {theirs, ours}, {aside.string(), theirs}}) {
      if (fs::exists(from)) {
        fs::rename(from, to);
      }
    }
  }
}

/// What is wrong where the engine opens the folder, or refuses it without saying why.
std::vector<std::string> refused(const workload_folder& folder, const life& one) {
  life_process process{folder, one};
  process.wait([&] { return process.serves() || process.ended(); }, patience);
  if (process.ended() && process.complaint().find("cannot be opened") != std::string::npos) {
    return {};
  }
  return {"life " + std::to_string(one.number) + ": the engine opens a database that was written under another log "
          + process.complaint()};
}

} // namespace

options workload_options(const workload_folder& folder) {
  options settings;
  settings.data = folder.data();
  settings.create_if_missing = true;
  settings.write.checkpoint_pages = 60;
  settings.log.segment_bytes = 32 * 1024;
  settings.restarts.restarts_max = 100'000;
  settings.read.age_max = milliseconds{100};
  settings.transaction_breaker.enabled = false;
  settings.query_breaker.enabled = false;
  std::string sql = R"(
CREATE TABLE entry(id INTEGER PRIMARY KEY, list INTEGER, client INTEGER, number INTEGER,
                   source INTEGER REFERENCES account(id), target INTEGER REFERENCES account(id), amount INTEGER,
                   filler TEXT, at TEXT DEFAULT CURRENT_TIMESTAMP, dice INTEGER DEFAULT (random()));
CREATE INDEX entry_by_list ON entry(list);
CREATE TABLE account(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);
CREATE TABLE refused(client INTEGER NOT NULL);
)";
  for (std::size_t i = 0; i < accounts; ++i) {
    sql += "INSERT INTO account VALUES (" + std::to_string(i) + ", " + std::to_string(first_balance) + ");";
  }
  settings.scripts = {{"0001", sql + schema_workload_script}};
  return settings;
}

std::vector<std::string> live(const workload_folder& folder, const life& one) {
  life_process process{folder, one};
  std::vector<std::string> found;
  const auto complain = [&](const std::string& what) {
    found.push_back("life " + std::to_string(one.number) + ": " + what + " " + process.complaint());
  };
  if (!process.wait([&] { return process.serves() || process.ended(); }, patience)) {
    complain("the engine does not open");
    return found;
  }
  if (one.end == life_end::kill) {
    process.wait([&] { return process.ended(); }, milliseconds{one.milliseconds});
    if (process.ended()) {
      complain("the process ended by itself:");
    }
  } else if (!process.wait([&] { return process.ended(); }, patience)) {
    complain("the process does not end");
  } else if (process.status() != 0) {
    complain("the process ended by itself:");
  }
  return found;
}

std::vector<std::string> live_apart(const workload_folder& folder, const life& one) {
  const workload_folder copy{folder.path / "copy"};
  fs::create_directory(copy.path);
  fs::copy(folder.data(), copy.data(), fs::copy_options::recursive);
  std::vector<std::string> found;
  for (const auto& place : {copy, folder}) {
    found = found.empty() ? live(place, one) : found;
    exchange_databases(folder, copy);
    found = found.empty() ? refused(folder, one) : found;
    exchange_databases(folder, copy);
  }
  fs::remove_all(copy.path);
  return found;
}

} // namespace millrace::test::histories
