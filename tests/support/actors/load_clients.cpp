#include "load_clients.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/tests/support/storage/plain_connection.hpp>

#include <algorithm>

#include <boost/test/unit_test.hpp>
#include <caf/sec.hpp>
#include <caf/skip.hpp>

namespace millrace::test {

namespace {

using go_on = caf::atom_constant<caf::atom("goon")>;

/// Longer than any fault of the tests lasts.
constexpr std::chrono::minutes time_limit{2};
constexpr std::chrono::milliseconds retry_delay{20};

/// Sends one transaction after the other, every other one with `ack::durable`, and looks up each applied one.
class load_client_state {
public:
  explicit load_client_state(caf::event_based_actor* self) : self_(self) {}
  load_client_state(const load_client_state&) = delete;
  load_client_state& operator=(const load_client_state&) = delete;
  ~load_client_state() {
    if (run_ != nullptr) {
      run_->one_ended();
    }
  }

  caf::behavior make_behavior(load_run& run, std::size_t id) {
    run_ = &run;
    id_ = static_cast<std::int64_t>(id);
    self_->set_default_handler([this](caf::scheduled_actor*, caf::message_view&) -> caf::result<caf::message> {
      ++run_->extra;
      return caf::sec::unexpected_message;
    });
    next();
    return {[this](go_on) { send(); }};
  }

private:
  using fate = client_record::fate;

  void next() {
    ++number_;
    if (run_->wanted.pause.count() > 0) {
      self_->delayed_send(self_, run_->wanted.pause, go_on::value);
    } else {
      self_->send(self_, go_on::value);
    }
  }

  void send() {
    if (run_->stopping || number_ > run_->wanted.transactions_each) {
      self_->quit();
      return;
    }
    auto work = execute("INSERT INTO entry(client, number) VALUES (?1, ?2)", id_, number_);
    work.acknowledgement = waits() ? ack::applied : ack::durable;
    self_->request(run_->front, time_limit, std::move(work))
      .then([this](const outcome& done) { acknowledged(done); }, [this](const caf::error& why) { failed(why); });
  }

  bool waits() const { return run_->wanted.all_applied || number_ % 2 == 0; }

  void acknowledged(const outcome& done) {
    ++run_->acknowledged;
    note(fate::acknowledged);
    look_up(done.seq);
  }

  void look_up(std::uint64_t seq) {
    auto own = select("SELECT count(*) FROM entry WHERE client = ?1 AND number = ?2", id_, number_);
    // What is only durable is seen by who asks for its number; what is applied, by everybody.
    own.consistency = waits() ? consistency::any : consistency::at_least;
    own.at_least_seq = seq;
    own.deadline = time_limit;
    self_->request(run_->front, time_limit, std::move(own))
      .then(
        [this](const row_set& rows) {
          ++(rows.size() == 1 && rows[0][0].as_integer() == 1 ? run_->own_reads : run_->stale_reads);
          next();
        },
        [this](const caf::error& why) { // A reader or the queue was killed: reading has no effect to doubt.
          if (why == caf::sec::request_timeout) {
            ++run_->unanswered;
          } else if (const auto reason = failure_of(why); kind(reason.code) == error_kind::rejected) {
            refused(reason);
          }
          next();
        });
  }

  void failed(const caf::error& why) {
    const auto reason = failure_of(why);
    if (why == caf::sec::request_timeout) {
      ++run_->unanswered;
      note(fate::unknown);
      return next();
    }
    switch (kind(reason.code)) {
      case error_kind::retryable:
        ++(reason.code == errc::overloaded ? run_->overloaded : run_->refused);
        note(fate::without); // Unless it succeeds later.
        if (reason.code == errc::shutting_down) {
          self_->quit();
        } else {
          self_->delayed_send(self_, retry_delay, go_on::value);
        }
        return;
      case error_kind::unknown:
        ++run_->unknown;
        note(fate::unknown);
        return next();
      case error_kind::rejected:
        refused(reason);
        note(fate::without);
        return next();
    }
  }

  void refused(const failure& reason) {
    const auto& may = run_->wanted.may_refuse;
    ++(may && may(reason) ? run_->explained : run_->rejected);
  }

  void note(fate what) { run_->records[static_cast<std::size_t>(id_)].numbers[number_] = what; }

  caf::event_based_actor* self_; ///< Not owned; outlives the state.
  load_run* run_ = nullptr;
  std::int64_t id_ = 0;
  std::int64_t number_ = 0;
};

caf::behavior load_client(caf::stateful_actor<load_client_state>* self, load_run* run, std::size_t id) {
  return self->state.make_behavior(*run, id);
}

using counts = std::map<std::int64_t, std::size_t>;

/// How often each number of each client is in the table; counts what is out of order.
std::vector<counts> read_table(const load_run& run, caf::actor_system& system, const engine_actor& front,
                               std::size_t& out_of_order) {
  std::vector<counts> found(run.records.size());
  client db{system, front};
  constexpr std::uint32_t page = 100'000;
  for (std::int64_t last = 0;;) {
    auto question = select("SELECT id, client, number FROM entry WHERE id > ?1 AND client IS NOT NULL ORDER BY id",
                           last);
    question.max_rows = page;
    question.consistency = consistency::linearizable;
    const auto rows = db.query(question);
    BOOST_REQUIRE(rows);
    for (const auto row : *rows) {
      last = row[0].as_integer();
      auto& of_client = found.at(static_cast<std::size_t>(row[1].as_integer()));
      const auto number = row[2].as_integer();
      out_of_order += !of_client.empty() && number < of_client.rbegin()->first ? 1 : 0;
      ++of_client[number];
    }
    if (!rows->truncated()) {
      return found;
    }
  }
}

} // namespace

load_run::load_run(caf::actor_system& system, engine_actor to, settings with)
  : wanted(with), front(std::move(to)), records(with.clients), running_(with.clients) {
  for (std::size_t id = 0; id < wanted.clients; ++id) {
    system.spawn(load_client, this, id);
  }
}

void load_run::stop() {
  stopping = true;
  wait();
}

void load_run::wait() {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return running_ == 0; });
}

void load_run::one_ended() {
  const std::lock_guard lock{mutex_};
  --running_;
  changed_.notify_all();
}

void check_invariants(const load_run& run, caf::actor_system& system, const engine_actor& front) {
  std::size_t out_of_order = 0;
  const auto found = read_table(run, system, front, out_of_order);
  std::size_t lost = 0;
  std::size_t doubled = 0;
  std::size_t unwanted = 0;
  for (std::size_t id = 0; id < found.size(); ++id) {
    const auto& known = run.records[id].numbers;
    for (const auto& [number, what] : known) {
      lost += what == client_record::fate::acknowledged && !found[id].contains(number) ? 1 : 0;
    }
    for (const auto& [number, times] : found[id]) {
      doubled += times > 1 ? 1 : 0;
      const auto entry = known.find(number);
      unwanted += entry == known.end() || entry->second == client_record::fate::without ? 1 : 0;
    }
  }
  BOOST_TEST(lost == 0);
  BOOST_TEST(doubled == 0);
  BOOST_TEST(unwanted == 0);
  BOOST_TEST(out_of_order == 0);
  BOOST_TEST(run.rejected == 0);
  BOOST_TEST(run.unanswered == 0);
  BOOST_TEST(run.extra == 0);
  BOOST_TEST(run.stale_reads == 0);
}

} // namespace millrace::test
