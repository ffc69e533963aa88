#include "failing_workload.hpp"

#include <millrace/actors/engine/engine.hpp>
#include <millrace/actors/engine/testing.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tests/support/storage/plain_connection.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

constexpr auto schema =
  "CREATE TABLE entry(id INTEGER PRIMARY KEY, client INTEGER, number INTEGER, note TEXT);"
  "CREATE INDEX entry_by_client ON entry(client, number);";

/// An answer that takes longer does not come.
constexpr auto answer_patience = 30s;
/// After the fault is over, everything works again before this.
constexpr auto recovery_patience = 30s;
/// How long a fault that lasts does so once it has struck.
constexpr auto fault_time = 60ms;
constexpr auto pause = 5ms;
constexpr std::int64_t clients = 3;
constexpr std::int64_t transactions_each = 8;
/// So large that a few transactions fill a segment, and a few more are worth a checkpoint.
constexpr std::size_t note_bytes = 1'500;

enum class fate { acknowledged, unknown, without };

/// What all threads of one workload share.
class workload {
public:
  workload(caf::actor_system& system, const std::filesystem::path& folder, const file_fault& fault)
    : system_(system), folder_(folder), plan_(fault), healer_([this] { heal_in_time(); }) {}
  workload(const workload&) = delete;
  workload& operator=(const workload&) = delete;
  ~workload() {
    plan_.heal();
    healer_.join();
  }

  workload_result run();

private:
  options settings();
  void heal_in_time();
  void broke(const std::string& sentence);
  std::optional<engine> open();
  void clients_write(engine& served);
  void write(const engine_actor& front, std::int64_t client);
  void read(const engine_actor& front);
  void expect_service(const engine_actor& front);
  void check_entries(engine& served);
  void check_file();

  template <class Answer, class Request>
  tl::expected<Answer, failure> ask(const engine_actor& front, Request request);

  caf::actor_system& system_;
  const std::filesystem::path folder_;
  fault_plan plan_;
  failing_file_system files_{plan_};
  failing_database database_{plan_};
  vfs_shim shim_{database_};
  std::mutex mutex_; ///< Guards the two below.
  workload_result result_;
  std::map<std::pair<std::int64_t, std::int64_t>, fate> fates_; ///< By client and number.
  std::atomic<bool> writing_{false};
  std::thread healer_;
};

options workload::settings() {
  options wanted;
  wanted.data = folder_ / "data";
  wanted.create_if_missing = true;
  wanted.scripts = {{"0001", schema}};
  wanted.log.segment_bytes = 16 * 1024;
  wanted.write.checkpoint_pages = 12;
  wanted.health.interval = 20ms;
  wanted.drain_deadline = 500ms;
  wanted.restarts.restarts_max = 10'000;
  wanted.transaction_breaker.open_for = 20ms;
  wanted.query_breaker.open_for = 20ms;
  wanted.on_escalation = [this](const std::string&) {
    plan_.die();
    const std::lock_guard lock{mutex_};
    ++result_.escalations;
  };
  return wanted;
}

void workload::heal_in_time() {
  plan_.wait_until_struck();
  std::this_thread::sleep_for(fault_time);
  plan_.heal();
}

void workload::broke(const std::string& sentence) {
  const std::lock_guard lock{mutex_};
  result_.broken.push_back(sentence);
}

/// Opens until it succeeds. A fault must be told as what it is: nothing is damaged, foreign or newer.
std::optional<engine> workload::open() {
  const auto began = std::chrono::steady_clock::now();
  for (;;) {
    plan_.revive();
    auto opened = millrace::open(system_, settings(), {.files = &files_});
    if (opened) {
      return std::move(*opened);
    }
    if (kind(opened.error().code) == error_kind::rejected) {
      broke("opening was refused for good: " + to_string(opened.error()));
    }
    if (std::chrono::steady_clock::now() - began > recovery_patience) {
      broke("it could not be opened again: " + to_string(opened.error()));
      return std::nullopt;
    }
    ++result_.refused_opens;
    std::this_thread::sleep_for(pause);
  }
}

/// One request, one answer.
template <class Answer, class Request>
tl::expected<Answer, failure> workload::ask(const engine_actor& front, Request request) {
  caf::scoped_actor self{system_};
  tl::expected<Answer, failure> result;
  self->request(front, answer_patience, std::move(request))
    .receive([&](Answer& answer) { result = std::move(answer); },
             [&](const caf::error& reason) {
               if (reason == caf::sec::request_timeout) {
                 broke("a request was not answered");
               }
               result = tl::unexpected<failure>{failure_of(reason)};
             });
  if (!result && kind(result.error().code) == error_kind::rejected) {
    broke("a fault of the disk became the request's own: " + to_string(result.error()));
  }
  return result;
}

/// Client 0 gives no names, so it goes on to the next transaction where it does not know; the others send again.
void workload::write(const engine_actor& front, std::int64_t client) {
  const auto id = new_client_id(0);
  for (std::int64_t number = 1; number <= transactions_each; ++number) {
    auto work = execute("INSERT INTO entry(client, number, note) VALUES (?1, ?2, ?3)", client, number,
                        std::string(note_bytes, 'n'));
    work.acknowledgement = number % 2 == 0 ? ack::durable : ack::applied;
    if (client != 0) {
      work.name = {id, static_cast<std::uint64_t>(number)};
    }
    auto becomes = fate::without;
    for (;;) {
      const auto answer = ask<outcome>(front, work);
      const auto doubtful = !answer && kind(answer.error().code) == error_kind::unknown;
      becomes = answer ? fate::acknowledged : doubtful || becomes == fate::unknown ? fate::unknown : fate::without;
      if (answer || plan_.dead() || (client == 0 && doubtful)) {
        break;
      }
      std::this_thread::sleep_for(pause);
    }
    const std::lock_guard lock{mutex_};
    fates_[{client, number}] = becomes;
    result_.acknowledged += becomes == fate::acknowledged ? 1 : 0;
    result_.unknown += becomes == fate::unknown ? 1 : 0;
  }
}

/// What is read is right or refused.
void workload::read(const engine_actor& front) {
  std::int64_t before = 0;
  while (writing_ && !plan_.dead()) {
    auto question = select("SELECT count(*), count(DISTINCT client || ':' || number) FROM entry");
    question.consistency = consistency::linearizable;
    if (const auto rows = ask<row_set>(front, question)) {
      const auto count = (*rows)[0][std::size_t{0}].as_integer();
      if (count < before || count != (*rows)[0][std::size_t{1}].as_integer()) {
        broke("a query saw " + std::to_string(count) + " entries after " + std::to_string(before));
      }
      before = count;
    }
    std::this_thread::sleep_for(pause);
  }
}

void workload::clients_write(engine& served) {
  writing_ = true;
  std::thread reads{[&] { read(served.front()); }};
  std::array<std::thread, clients> writes;
  for (std::int64_t client = 0; client < clients; ++client) {
    writes[static_cast<std::size_t>(client)] = std::thread{[&, client] { write(served.front(), client); }};
  }
  for (auto& one : writes) {
    one.join();
  }
  writing_ = false;
  reads.join();
}

/// Once the fault is over the engine resumes by itself.
void workload::expect_service(const engine_actor& front) {
  if (!plan_.struck().empty()) {
    std::this_thread::sleep_for(plan_.fault().lasts ? fault_time : 0ms);
    plan_.heal();
  }
  const auto began = std::chrono::steady_clock::now();
  std::optional<failure> trouble;
  do {
    auto question = select("SELECT count(*) FROM entry");
    question.consistency = consistency::linearizable;
    const auto done = ask<outcome>(front, execute("UPDATE entry SET note = '' WHERE id = 0"));
    const auto rows = ask<row_set>(front, question);
    if (plan_.dead() || (done && rows)) {
      return;
    }
    trouble = done ? rows.error() : done.error();
    std::this_thread::sleep_for(pause);
  } while (std::chrono::steady_clock::now() - began < recovery_patience);
  broke("the engine did not resume: " + to_string(*trouble));
}

/// Every acknowledged entry is there once, an unknown one at most once, nothing else, in each client's order.
void workload::check_entries(engine& served) {
  auto question = select("SELECT client, number FROM entry ORDER BY id");
  question.consistency = consistency::linearizable;
  auto rows = ask<row_set>(served.front(), question);
  for (const auto began = std::chrono::steady_clock::now();
       !rows && !plan_.dead() && std::chrono::steady_clock::now() - began < recovery_patience;) {
    std::this_thread::sleep_for(pause);
    rows = ask<row_set>(served.front(), question);
  }
  if (!rows) {
    if (!plan_.dead()) {
      broke("the entries could not be read: " + to_string(rows.error()));
    }
    return;
  }
  std::map<std::pair<std::int64_t, std::int64_t>, int> found;
  std::map<std::int64_t, std::int64_t> last;
  for (const auto row : *rows) {
    const auto client = row[std::size_t{0}].as_integer();
    const auto number = row[std::size_t{1}].as_integer();
    const auto name = "entry " + std::to_string(client) + ":" + std::to_string(number);
    if (++found[{client, number}] > 1) {
      broke(name + " is there twice");
    }
    if (number < std::exchange(last[client], number)) {
      broke(name + " is out of order");
    }
    const auto known = fates_.find({client, number});
    if (known == fates_.end() || known->second == fate::without) {
      broke(name + " is there, but was refused or never sent");
    }
  }
  for (const auto& [name, what] : fates_) {
    if (what == fate::acknowledged && !found.contains(name)) {
      broke("entry " + std::to_string(name.first) + ":" + std::to_string(name.second)
            + " was acknowledged and is lost");
    }
  }
}

void workload::check_file() {
  plain_connection database{folder_ / "data" / "database.sqlite3"};
  if (const auto found = database.rows("PRAGMA integrity_check"); found != "ok") {
    broke("integrity_check: " + found);
  }
}

workload_result workload::run() {
  if (auto served = open()) {
    clients_write(*served);
    if (!plan_.dead()) {
      expect_service(served->front());
    }
    served->close();
  }
  // What is checked was read by an engine that was not asked to end.
  for (bool checked = false; !checked && result_.broken.empty();) {
    if (auto again = open()) {
      check_entries(*again);
      again->close();
      checked = !plan_.dead();
    }
  }
  plan_.revive();
  plan_.heal();
  if (result_.broken.empty()) {
    check_file();
  }
  if (plan_.retried_syncs() > 0) {
    broke("a failed sync was tried again");
  }
  const auto& fault = plan_.fault();
  result_.struck = plan_.struck();
  result_.operations = plan_.operations(fault.owner);
  if (fault.full && fault.lasts && result_.escalations > 0) {
    broke("a full disk ended the process");
  }
  return std::move(result_);
}

} // namespace

workload_result run_workload(caf::actor_system& system, const std::filesystem::path& folder, const file_fault& fault) {
  return workload{system, folder, fault}.run();
}

} // namespace millrace::test
