#include "model_history.hpp"

#include <millrace/tests/support/actors/endless.hpp>
#include <millrace/tests/support/actors/engine_fixture.hpp>
#include <millrace/tests/support/disks/pausing_file_system.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

constexpr auto schema =
  "CREATE TABLE entry(id INTEGER PRIMARY KEY, client INTEGER NOT NULL, number INTEGER NOT NULL,"
  " part INTEGER NOT NULL);";
constexpr auto insert_row = "INSERT INTO entry(client, number, part) VALUES (1, ?1, 1)";
constexpr std::chrono::seconds patience{20};

/// What ends, or is ended.
enum class blow : std::uint8_t {
  queue,
  writer,
  reader,
  monitor,
  close,      ///< The engine is closed, and has time to do what it accepted.
  escalation, ///< The queue, and restarting it is given up, so everything ends.
};
constexpr std::array blows{blow::queue, blow::writer, blow::reader, blow::monitor, blow::close, blow::escalation};

std::string_view name(blow what) {
  constexpr std::array<std::string_view, blows.size()> names{"queue",   "writer",  "reader-1",
                                                             "monitor", "closing", "escalation"};
  return names.at(static_cast<std::size_t>(what));
}

/// What an answer promises; `done` for a success.
enum class fate : std::uint8_t { done, rejected, retryable, unknown };
std::ostream& operator<<(std::ostream& out, fate what) {
  constexpr std::array<std::string_view, 4> names{"done", "rejected", "retryable", "unknown"};
  return out << names.at(static_cast<std::size_t>(what));
}

fate fate_of(errc code) {
  if (code == errc::none) {
    return fate::done;
  }
  switch (kind(code)) {
    case error_kind::rejected:
      return fate::rejected;
    case error_kind::retryable:
      return fate::retryable;
    case error_kind::unknown:
      return fate::unknown;
  }
  return fate::unknown;
}

/// One engine, one moment in the life of its requests, one blow.
class scene : engine_fixture {
public:
  explicit scene(blow planned) : planned_(planned) {
    settings.read.readers = 1;
    hooks.files = &files_;
    settings.restarts.restarts_max = planned == blow::escalation ? 0 : 1'000;
    engine_fixture::open(schema);
    other_ = std::make_unique<plain_connection>(database());
    // Recorded while nothing is in the way.
    write();
    require_answer(0);
  }
  ~scene() {
    files_.release();
    if (closing_.joinable()) {
      closing_.join();
    }
    tested.reset();
  }

  // What is sent. Each gives the number of its request.
  std::size_t write(ack acknowledgement = ack::applied, bool named = false) {
    return write_statement(acknowledgement, named, execute(insert_row, ++last_number_));
  }
  /// A named one with a deadline.
  std::size_t write_within(std::chrono::milliseconds deadline) {
    last_late_ = execute(insert_row, ++last_number_);
    last_late_.deadline = deadline;
    last_late_.name = {client_id_, static_cast<std::uint64_t>(last_number_)};
    last_late_sent_ = {.client = 1, .number = last_number_, .named = true, .may_be_late = true};
    return resend(ack::applied);
  }
  /// Sends that again.
  std::size_t resend(ack acknowledgement) {
    last_late_.acknowledgement = acknowledgement;
    last_late_sent_.durable = acknowledgement == ack::durable;
    last_late_sent_.exchange = recorder_.send(tested->front(), last_late_);
    seen_.writes.push_back(last_late_sent_);
    return last_late_sent_.exchange;
  }
  /// Keeps the writer busy for a moment.
  std::size_t write_slowly() {
    constexpr auto slow =
      "INSERT INTO entry(client, number, part) SELECT 1, ?1, 1 FROM (WITH RECURSIVE c(n) AS "
      "(SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 1000000) SELECT max(n) FROM c)";
    return write_statement(ack::applied, false, execute(slow, ++last_number_));
  }
  std::size_t ask(consistency wanted, std::uint64_t seq = 0) {
    auto question = select("SELECT id, client, number, part FROM entry ORDER BY id");
    question.consistency = wanted;
    question.at_least_seq = seq;
    const auto number = recorder_.send(tested->front(), std::move(question));
    seen_.queries.push_back({number, wanted, seq});
    return number;
  }
  std::size_t ask_endlessly(std::chrono::milliseconds deadline) {
    auto question = endless();
    question.deadline = deadline;
    return recorder_.send(tested->front(), std::move(question));
  }
  template <class Request>
  std::size_t send(Request request) {
    return recorder_.send(tested->front(), std::move(request));
  }
  template <class Request>
  std::size_t order(Request request) {
    return recorder_.send(tested->operations(), std::move(request));
  }

  // What is in the way.
  void lock() { other_->execute("BEGIN IMMEDIATE"); }
  void unlock() { other_->execute("ROLLBACK"); }
  void hold_sync() { files_.hold(); }
  void require_held_sync() { BOOST_REQUIRE(files_.holds_one(patience)); }
  void release_sync() { files_.release(); }

  /// The answer that must have come before the scene goes on.
  reply_content require_answer(std::size_t number) {
    BOOST_REQUIRE(recorder_.wait_for(number, patience));
    return recorder_.look(number).replies.front().content;
  }
  /// As the health monitor saw it last.
  std::uint64_t durable_seq() {
    const auto report = connect().health();
    return report ? report->durable_seq : 0;
  }
  std::uint64_t first_seq() { return seq_of(0); }
  bool answered_within(std::size_t number, std::chrono::milliseconds time) { return recorder_.wait_for(number, time); }
  std::uint64_t seq_of(std::size_t number) { return std::get<outcome>(require_answer(number)).seq; }
  /// Whether the writer is inside a transaction.
  bool writer_runs() { return other_->finds_lock(); }
  bool row_is_there(std::int64_t number) {
    return rows("SELECT count(*) FROM entry WHERE number = " + std::to_string(number)) == "1";
  }
  std::int64_t last_number() const { return last_number_; }

  /// Deals the blow; what it leads to goes on beside the test.
  void strike() {
    if (planned_ == blow::close) {
      closing_ = std::thread{[this] { tested->close(); }};
      auto db = connect();
      BOOST_REQUIRE(eventually([&] { return code_of_query(db) == errc::shutting_down; }));
      return;
    }
    const auto victim = tested->child(planned_ == blow::escalation ? "queue" : name(planned_));
    BOOST_REQUIRE(victim);
    caf::anon_send_exit(victim, caf::exit_reason::kill);
  }

  /// Waits until the engine is closed.
  void finish_closing() { closing_.join(); }

  void strike_if_there() {
    if (const auto victim = tested->child(name(planned_))) {
      caf::anon_send_exit(victim, caf::exit_reason::kill);
    }
  }

  fate fate_of_request(std::size_t number) { return fate_of(test::code_of(require_answer(number))); }

  /// After all is out of the way: everybody has one answer, and it is true.
  void check() {
    BOOST_TEST(recorder_.wait_for_all(patience));
    if (closing_.joinable()) {
      closing_.join();
    }
    if (planned_ == blow::close || planned_ == blow::escalation) {
      settings.restarts.restarts_max = 1'000;
      engine_fixture::open();
    }
    auto db = connect();
    BOOST_REQUIRE(eventually([&] { return db.execute("INSERT INTO entry(client, number, part) VALUES (9, 1, 1)"); }));
    read_rows();
    const auto complaints = contradictions(seen_);
    for (const auto& complaint : complaints) {
      BOOST_TEST_INFO(complaint);
    }
    BOOST_TEST(complaints.empty(), story(seen_));
  }

private:
  static errc code_of_query(client& db) {
    const auto rows = db.query("SELECT 1");
    return rows ? errc::none : rows.error().code;
  }

  std::size_t write_statement(ack acknowledgement, bool named, transaction work) {
    work.acknowledgement = acknowledgement;
    if (named) {
      work.name = {client_id_, static_cast<std::uint64_t>(last_number_)};
    }
    const auto number = recorder_.send(tested->front(), std::move(work));
    seen_.writes.push_back({.exchange = number,
                            .client = 1,
                            .number = last_number_,
                            .named = named,
                            .durable = acknowledgement == ack::durable});
    return number;
  }

  void read_rows() {
    seen_.exchanges = recorder_.all();
    seen_.strays = recorder_.strays();
    std::istringstream text{rows("SELECT id, client, number, part FROM entry WHERE client = 1 ORDER BY id")};
    char bar = 0;
    for (entry_row row; text >> row.id >> bar >> row.client >> bar >> row.number >> bar >> row.part;) {
      seen_.rows.push_back(row);
    }
  }

  blow planned_;
  pausing_file_system files_;
  answer_recorder recorder_{system};
  history seen_;
  std::unique_ptr<plain_connection> other_;
  uuid client_id_ = new_client_id(0);
  std::int64_t last_number_ = 0;
  transaction last_late_;
  sent_write last_late_sent_;
  std::thread closing_;
};

/// Plays a scene with every blow.
void with_every_blow(const std::function<void(scene&, blow)>& play) {
  for (const auto planned : blows) {
    BOOST_TEST_CONTEXT(name(planned)) {
      scene one{planned};
      play(one, planned);
      one.check();
    }
  }
}

/// Whether the queue ends with the blow, and with it all that it promised.
bool ends_queue(blow what) {
  return what == blow::queue || what == blow::escalation;
}

bool ends_reader(blow what) {
  return what == blow::reader || what == blow::escalation;
}

} // namespace

/// At every stage of a request's life something ends. Each time all requests have one answer, and of the right kind
/// (actors/DESIGN.md §5).
BOOST_AUTO_TEST_SUITE(answer_paths_suite)

BOOST_AUTO_TEST_CASE(what_is_sent_to_somebody_who_is_down_is_refused_at_once) {
  for (const auto planned : {blow::queue, blow::reader, blow::monitor}) {
    BOOST_TEST_CONTEXT(name(planned)) {
      scene one{planned};
      // Each restart is delayed for longer than the last, so at last the request finds nobody.
      BOOST_TEST(eventually([&] {
        one.strike_if_there();
        const auto request = planned == blow::queue    ? one.write()
                             : planned == blow::reader ? one.ask(consistency::any)
                                                       : one.send(health_request{});
        return one.fate_of_request(request) == fate::retryable;
      }));
      one.check();
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_sent_after_closing_is_refused) {
  scene one{blow::close};
  one.strike();
  one.finish_closing();
  const std::array requests{one.write(),
                            one.write(ack::durable),
                            one.ask(consistency::any),
                            one.ask(consistency::linearizable),
                            one.send(page_query{select("SELECT * FROM entry"), 1}),
                            one.send(health_request{}),
                            one.order(quarantine_list{}),
                            one.order(quarantine_discard{1})};
  for (const auto request : requests) {
    BOOST_TEST(code_of(one.require_answer(request)) == errc::shutting_down);
  }
  one.check();
}

BOOST_AUTO_TEST_CASE(a_write_in_the_open_batch_or_in_the_queues_mailbox_is_answered) {
  with_every_blow([](scene& one, blow planned) {
    one.hold_sync();
    const auto in_batch = one.write();
    one.require_held_sync();
    const auto in_mailbox = one.write();
    const auto durable = one.write(ack::durable);
    const auto named = one.write(ack::applied, true);
    one.strike();
    one.release_sync();
    const auto expected = ends_queue(planned) ? fate::unknown : fate::done;
    for (const auto request : {in_mailbox, durable, named}) {
      BOOST_TEST(one.fate_of_request(request) == expected);
    }
    // The writer may have been quicker than the blow.
    BOOST_TEST((one.fate_of_request(in_batch) == expected || one.fate_of_request(in_batch) == fate::done));
  });
}

BOOST_AUTO_TEST_CASE(an_operators_order_is_answered) {
  with_every_blow([](scene& one, blow planned) {
    one.lock();
    const auto resubmit = one.order(quarantine_resubmit{1});
    const auto discard = one.order(quarantine_discard{1});
    BOOST_REQUIRE(eventually([&] { return one.durable_seq() >= one.first_seq() + 2; }));
    one.strike();
    one.unlock();
    for (const auto request : {resubmit, discard}) {
      const auto expected = ends_queue(planned) ? errc::outcome_unknown : errc::not_found;
      BOOST_TEST(code_of(one.require_answer(request)) == expected);
    }
  });
}

BOOST_AUTO_TEST_CASE(a_write_that_waits_for_the_lock_or_was_not_sent_to_the_writer_is_answered) {
  with_every_blow([](scene& one, blow planned) {
    one.lock();
    const auto with_writer = one.write();
    for (int i = 0; i < 12; ++i) { // More batches than the writer is given at once.
      BOOST_TEST(one.fate_of_request(one.write(ack::durable)) == fate::done);
    }
    const auto not_sent = one.write();
    const auto named = one.write(ack::applied, true);
    BOOST_TEST(one.fate_of_request(one.write(ack::durable)) == fate::done);
    one.strike();
    if (ends_queue(planned)) { // Nothing but the lock could let them succeed.
      BOOST_TEST(one.fate_of_request(with_writer) == fate::unknown);
    }
    one.unlock();
    const auto expected = ends_queue(planned) ? fate::unknown : fate::done;
    for (const auto request : {with_writer, not_sent, named}) {
      BOOST_TEST(one.fate_of_request(request) == expected);
    }
  });
}

BOOST_AUTO_TEST_CASE(a_write_that_is_being_applied_is_answered) {
  with_every_blow([](scene& one, blow planned) {
    const auto running = one.write_slowly();
    BOOST_REQUIRE(eventually([&] { return one.writer_runs() || one.answered_within(running, 0ms); }));
    one.strike();
    const auto what = one.fate_of_request(running);
    // The writer may end before or after it has reported.
    BOOST_TEST((what == fate::done || (what == fate::unknown && (ends_queue(planned) || planned == blow::writer))));
  });
}

BOOST_AUTO_TEST_CASE(a_write_that_is_applied_and_not_answered_is_answered) {
  with_every_blow([](scene& one, blow planned) {
    one.lock();
    const auto applied = one.write();
    const auto named = one.write(ack::applied, true);
    one.require_answer(one.write(ack::durable));
    one.hold_sync();
    one.write();
    one.require_held_sync(); // The queue cannot hear the writer.
    one.unlock();
    BOOST_REQUIRE(eventually([&] { return one.row_is_there(one.last_number() - 1); }));
    one.strike();
    one.release_sync();
    const auto what = one.fate_of_request(applied);
    BOOST_TEST((what == fate::done || (what == fate::unknown && ends_queue(planned))));
    BOOST_TEST((one.fate_of_request(named) == fate::done || ends_queue(planned)));
  });
}

BOOST_AUTO_TEST_CASE(a_named_write_that_was_too_late_stays_so_when_it_is_sent_again) {
  scene one{blow::writer};
  for (const auto acknowledgement : {ack::applied, ack::durable}) {
    one.lock();
    const auto late = one.write_within(200ms); // Enough to be accepted, however busy the machine is.
    one.require_answer(one.write(ack::durable));
    BOOST_TEST(!one.answered_within(late, 250ms));
    one.strike(); // The next writer is given what has not expired.
    one.unlock();
    BOOST_TEST(code_of(one.require_answer(late)) == errc::deadline_exceeded);
    BOOST_TEST(code_of(one.require_answer(one.resend(acknowledgement))) == errc::deadline_exceeded);
  }
  one.check();
}

BOOST_AUTO_TEST_CASE(a_query_that_waits_for_a_state_is_answered) {
  with_every_blow([](scene& one, blow planned) {
    one.lock();
    const auto seq = one.seq_of(one.write(ack::durable));
    const auto own = one.ask(consistency::at_least, seq);
    const auto all = one.ask(consistency::linearizable);
    one.require_answer(one.write(ack::durable)); // By now the queue has both.
    one.strike();
    if (!ends_queue(planned)) {
      one.unlock();
    }
    const auto refused = ends_queue(planned) || planned == blow::close;
    for (const auto query : {own, all}) {
      const auto what = one.fate_of_request(query);
      BOOST_TEST((what == (refused ? fate::retryable : fate::done) || planned == blow::reader));
    }
    if (ends_queue(planned)) {
      one.unlock();
    }
  });
}

BOOST_AUTO_TEST_CASE(what_runs_in_a_reader_or_waits_in_its_mailbox_is_answered) {
  with_every_blow([](scene& one, blow planned) {
    const auto running = one.ask_endlessly(200ms);
    one.answered_within(running, 20ms); // It will not be: so the reader has begun it.
    const auto next = one.ask(consistency::any);
    const auto all = one.ask(consistency::linearizable);
    const auto page = one.send(page_query{select("SELECT * FROM entry"), 1});
    const auto list = one.order(quarantine_list{});
    one.strike();
    BOOST_TEST((one.fate_of_request(running) == fate::rejected || ends_reader(planned)));
    BOOST_TEST(((one.fate_of_request(next) == fate::done) != ends_reader(planned)));
    for (const auto request : {all, page, list}) {
      BOOST_TEST(one.fate_of_request(request) != fate::rejected);
    }
  });
}

BOOST_AUTO_TEST_CASE(the_next_page_is_found_again_or_refused) {
  with_every_blow([](scene& one, blow planned) {
    one.require_answer(one.write());
    one.require_answer(one.write());
    auto numbers = select("SELECT number FROM entry ORDER BY number");
    const auto first = std::get<row_page>(one.require_answer(one.send(page_query{numbers, 1})));
    BOOST_REQUIRE(first.next.has_value());
    one.strike();
    const auto next = one.require_answer(one.send(*first.next));
    if (const auto* page = std::get_if<row_page>(&next)) {
      BOOST_TEST(page->rows.size() == 1);
      BOOST_TEST(page->rows[0][0].as_integer() == 2);
    } else {
      BOOST_TEST((ends_reader(planned) || planned == blow::close));
      BOOST_TEST(fate_of(code_of(next)) != fate::rejected);
    }
  });
}

BOOST_AUTO_TEST_SUITE_END()
