#include "model_engine.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

constexpr auto schema =
  "CREATE TABLE entry(id INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, client INTEGER NOT NULL,"
  " number INTEGER NOT NULL, part INTEGER NOT NULL);"
  "CREATE INDEX entry_by_sequence ON entry(sequence);";
constexpr auto insert_row =
  "INSERT INTO entry(sequence, client, number, part) VALUES (?1, ?2, ?3, ?4) RETURNING id, part";

/// Each restart of a child is delayed for longer than the last.
constexpr std::uint64_t kills_until_opened_anew = 5;
/// Who makes sure that the engine still works after each sequence.
constexpr std::int64_t last_client = 99;

std::string_view name(deed what) {
  static constexpr std::array<std::string_view, 13> names{
    "write", "durable_write", "named_write", "resend", "hurried_write", "failing_write", "burst",
    "query", "kill",          "lock",        "unlock", "pause",         "close_and_open"};
  return names.at(static_cast<std::size_t>(what));
}

} // namespace

std::ostream& operator<<(std::ostream& out, const step& one) {
  return out << name(one.what) << '{' << int{one.client} << ", " << int{one.choice} << '}';
}

model_engine::model_engine(wrapper wrap, std::chrono::milliseconds patience)
  : wrap_(std::move(wrap)), patience_(patience) {
  auto& settings = fixture_.settings;
  settings.scripts = {{"0001", schema}};
  settings.drain_deadline = 20ms;
  settings.restarts.restarts_max = 1'000'000;
  // So small that their limits are met.
  settings.admission.inflight_transactions_max = 12;
  settings.admission.waiting_queries_max = 4;
  settings.write.window_bytes_max = 512;
  settings.write.checkpoint_pages = 40;
  settings.log.segment_bytes = 64 * 1024;
  settings.transaction_breaker.open_for = 20ms;
  settings.query_breaker.open_for = 20ms;
  open();
}

void model_engine::open() {
  fixture_.open();
  front_ = wrap_ ? wrap_(fixture_.system, fixture_.tested->front()) : fixture_.tested->front();
  kills_since_open_ = 0;
}

history model_engine::play(const std::vector<step>& steps) {
  begin();
  for (const auto& next : steps) {
    take(next);
  }
  return finish();
}

void model_engine::begin() {
  if (kills_since_open_ >= kills_until_opened_anew) {
    open();
  }
  ++sequence_;
  recorder_.emplace(fixture_.system);
  seen_ = {};
  last_number_ = {};
  std::ranges::generate(names_, [] { return new_client_id(0); });
  named_.clear();
}

void model_engine::take(const step& next) {
  auto wanted = fresh_write(next.client % clients);
  wanted.parts = 1 + next.choice % 3;
  switch (next.what) {
    case deed::write:
      return write(wanted);
    case deed::durable_write:
      wanted.durable = true;
      return write(wanted);
    case deed::named_write:
      wanted.named = true;
      wanted.durable = next.choice % 2 == 0;
      wanted.fails = next.choice % 8 == 7;
      return write(wanted);
    case deed::resend:
      return resend(next);
    case deed::hurried_write:
      return hurried_write(next);
    case deed::failing_write:
      wanted.fails = true;
      wanted.durable = next.choice % 4 == 0;
      return write(wanted);
    case deed::burst:
      for (int i = 0; i < 1 + next.choice % 16; ++i) {
        write(fresh_write((next.client + i / 4) % std::int64_t{clients}));
      }
      return;
    case deed::query:
      return ask(next);
    case deed::kill:
      return kill(next);
    case deed::lock:
      return lock();
    case deed::unlock:
      return unlock();
    case deed::pause:
      if (next.choice % 8 == 7 && !lock_) {
        wait_for_all();
      } else {
        recorder_->wait_for_all(std::chrono::milliseconds{next.choice % 8});
      }
      return;
    case deed::close_and_open:
      return close_and_open(next);
  }
}

sent_write model_engine::fresh_write(std::int64_t client) {
  return {.client = client, .number = last_number_[static_cast<std::size_t>(client)] + 1};
}

void model_engine::write(sent_write wanted, std::chrono::milliseconds deadline) {
  last_number_[static_cast<std::size_t>(wanted.client)] = wanted.number;
  transaction work;
  for (std::int64_t part = 1; part <= wanted.parts; ++part) {
    work.add(insert_row, sequence_, wanted.client, wanted.number, part);
  }
  if (wanted.fails) {
    work.add("INSERT INTO entry(sequence) VALUES (NULL)");
  }
  work.acknowledgement = wanted.durable ? ack::durable : ack::applied;
  work.deadline = deadline;
  if (wanted.named) {
    work.name = {names_[static_cast<std::size_t>(wanted.client)], static_cast<std::uint64_t>(wanted.number)};
    named_.push_back({wanted, work});
  }
  send(wanted, std::move(work));
}

void model_engine::send(sent_write wanted, transaction work) {
  wanted.exchange = recorder_->send(front_, std::move(work));
  seen_.writes.push_back(wanted);
}

void model_engine::resend(const step& next) {
  if (named_.empty()) {
    return;
  }
  auto again = named_[named_.size() - 1 - next.client % std::min(named_.size(), std::size_t{4})];
  again.sent.durable = next.choice % 3 == 0;
  again.work.acknowledgement = again.sent.durable ? ack::durable : ack::applied;
  ++resends_;
  send(again.sent, std::move(again.work));
}

void model_engine::hurried_write(const step& next) {
  constexpr std::array deadlines{-1ms, 1ms, 3ms, 100'000ms};
  const auto deadline = deadlines[next.choice % deadlines.size()];
  auto wanted = fresh_write(next.client % clients);
  wanted.named = next.choice % 3 == 0;
  wanted.durable = next.choice % 5 == 0;
  wanted.is_late = deadline < 0ms;
  wanted.may_be_late = deadline < 1s;
  write(wanted, deadline);
}

void model_engine::ask(const step& next) {
  sent_query asked{.consistency = static_cast<consistency>(next.choice % 3), .at_least_seq = newest_seq()};
  auto question = select("SELECT id, client, number, part FROM entry WHERE sequence = ?1 ORDER BY id", sequence_);
  question.consistency = asked.consistency;
  question.at_least_seq = asked.at_least_seq;
  asked.exchange = recorder_->send(front_, std::move(question));
  seen_.queries.push_back(asked);
}

/// Of what this sequence was told.
std::uint64_t model_engine::newest_seq() const {
  std::uint64_t newest = 0;
  for (const auto& one : recorder_->all()) {
    const auto* success = one.replies.empty() ? nullptr : std::get_if<outcome>(&one.replies.front().content);
    newest = std::max(newest, success == nullptr ? 0 : success->seq);
  }
  return newest;
}

void model_engine::kill(const step& next) {
  static constexpr std::array ids{"queue", "writer", "reader-1", "reader-2", "monitor"};
  if (const auto victim = fixture_.tested->child(ids[next.client % ids.size()])) {
    caf::anon_send_exit(victim, next.choice % 2 == 0 ? caf::exit_reason::kill : caf::exit_reason::unhandled_exception);
    ++kills_since_open_;
    ++kills_in_all_;
  }
}

void model_engine::lock() {
  if (!lock_) {
    lock_ = std::make_unique<plain_connection>(fixture_.database());
    lock_->execute("BEGIN IMMEDIATE");
  }
}

/// What was not applied in time is applied when it opens.
void model_engine::close_and_open(const step& next) {
  fixture_.tested->close();
  write(fresh_write(next.client % clients));
  unlock();
  open();
}

history model_engine::finish() {
  unlock();
  settle();
  seen_.exchanges = recorder_->all();
  seen_.strays = recorder_->strays();
  plain_connection reader{fixture_.database()};
  std::istringstream text{
    reader.rows("SELECT id, client, number, part FROM entry WHERE sequence = " + std::to_string(sequence_)
                + " AND client <> " + std::to_string(last_client) + " ORDER BY id")};
  char bar = 0;
  for (entry_row row; text >> row.id >> bar >> row.client >> bar >> row.number >> bar >> row.part;) {
    seen_.rows.push_back(row);
  }
  for (const auto& one : seen_.exchanges) {
    for (const auto& reply : one.replies) {
      ++answers_[code_of(reply.content)];
    }
  }
  return std::move(seen_);
}

/// What does not come the first time is not waited for again.
void model_engine::wait_for_all() {
  lost_answer_ = lost_answer_ || !recorder_->wait_for_all(patience_);
}

/// Waits until all is answered, and until a write succeeds, before which all others that ever will are applied.
void model_engine::settle() {
  wait_for_all();
  auto db = fixture_.connect();
  BOOST_REQUIRE_MESSAGE(eventually([&] {
                          const auto done = db.execute(insert_row, sequence_, last_client, 1, 1);
                          BOOST_REQUIRE((done || kind(done.error().code) != error_kind::rejected));
                          return done.has_value();
                        }),
                        "the engine does not work any more");
}

} // namespace millrace::test
