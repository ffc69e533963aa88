#include "reader.hpp"

#include <millrace/actors/base/answer.hpp>
#include <millrace/actors/base/logger.hpp>

#include <algorithm>
#include <random>
#include <string>
#include <utility>

namespace millrace {

namespace {

/// How long queries that waited together share one snapshot, which the database's log must be kept for.
constexpr std::chrono::milliseconds shared_snapshot_max{50};

/// A reader hears what else it is sent at least so often, where no query takes longer.
constexpr std::chrono::milliseconds turn_max{50};
/// What a reader takes at once, so that short queries cost the waiting room's lock less often.
constexpr std::size_t taken_max = 16;
/// How often it is looked for what waits and could not be taken.
constexpr std::chrono::milliseconds look_interval{10};

/// How often within a lease it is looked for results past it.
constexpr int looks_per_lease = 5;
/// How long a result may be kept whose connection was lost.
constexpr std::chrono::milliseconds look_interval_max{500};

/// Failures of the machine, as against what a client did wrong. A full disk is in the way of those queries alone that
/// need room on it.
bool is_fault(errc code) noexcept {
  return code == errc::io_error || code == errc::corrupt || code == errc::database_gone || code == errc::out_of_memory
         || code == errc::reader_failed;
}

/// Whether a new connection may help where one failed so.
bool spoils_connection(errc code) noexcept {
  return code == errc::io_error || code == errc::corrupt || code == errc::database_gone;
}

monotonic_time recycling_time(monotonic_time now, std::chrono::milliseconds age_max) {
  std::uniform_int_distribution<std::chrono::milliseconds::rep> ages{age_max.count() * 4 / 5, age_max.count()};
  std::random_device random;
  return now + std::chrono::milliseconds{ages(random)};
}

/// What an answer takes on its way, beside its cells, and more than that.
constexpr std::size_t answer_overhead = 16 * 1024;

std::size_t bytes_of(const row_set& rows) {
  return rows.cells().size();
}

std::size_t bytes_of(const row_page& page) {
  return bytes_of(page.rows);
}

template <class T>
caf::result<T> answer_with(tl::expected<T, failure> value) {
  if (!value) {
    return to_error(std::move(value).error());
  }
  return std::move(*value);
}

} // namespace

reader_state::~reader_state() {
  if (running_) {
    taken_.push_front(std::move(*running_));
  }
  for (const auto& one : taken_) {
    judge(errc::reader_failed);
    answer(*one.message, to_error({errc::reader_failed, "the reader ended before it answered the query"}));
  }
  for (auto& promise : drains_) {
    promise.deliver(to_error({errc::reader_failed, "the reader ended"}));
  }
  if (settings_.slot) {
    settings_.slot->cursors = 0;
  }
}

reader_actor::behavior_type reader_state::make_behavior(reader_options settings) {
  settings_ = std::move(settings);
  if (!settings_.pause) {
    settings_.pause = std::make_shared<snapshot_pause>(settings_.lease);
  }
  reopen_delay_ = backoff{settings_.reopen_delay};
  pager_ = pager{{.open_database = settings_.open_for_pages ? settings_.open_for_pages : settings_.open_database,
                  .cursors_max = settings_.cursors_max,
                  .lease = settings_.lease,
                  .starving = settings_.starving,
                  .closing = settings_.closing,
                  .reader = settings_.index,
                  .node = self_->node()}};
  open();
  return {
    [this](atom::run) { take_turn(); },
    [this](const recorded_outcome_request& request) { return look_up(request); },
    [this](const quarantine_list& request) { return list(request); },
    [this](const quarantine_reasons_request& request) { return list_reasons(request); },
    [this](const schema_state_request& request) { return look_at_schema(request); },
    [this](atom::drain) { return drain(); },
    [this](atom::look) { look_again(); },
    [this](atom::retry) { open(); },
    [this](atom::tick) { tick(); },
    [this](atom::sample) { return take_sample(); },
  };
}

void reader_state::open() {
  auto opened = settings_.open_database();
  if (opened) {
    if (obstacle_) {
      logger()->info("{} could open the database again", id());
    }
    obstacle_.reset();
    reopen_delay_.reset();
    use(std::move(*opened));
    return;
  }
  if (!obstacle_) {
    logger()->error("{} cannot open the database and tries again: {}", id(), to_string(opened.error()));
    blocked_since_ = self_->clock().now();
  }
  obstacle_ = std::move(opened).error();
  self_->delayed_send(self_, reopen_delay_.next(), atom::retry::value);
}

void reader_state::use(std::unique_ptr<storage::database_reader> opened) {
  database_ = std::move(opened);
  keeps_old_ = false;
  recycle_at_ = recycling_time(self_->clock().now(), settings_.age_max);
}

/// The writer may have found another database in place of the one that this connection reads on from.
void reader_state::follow_writer() {
  const auto now = settings_.openings->load();
  if (std::exchange(opening_, now) != now && database_ && database_->superseded()) {
    database_.reset();
    open();
  }
}

/// Replaces a connection that failed.
void reader_state::notice(const failure& problem) {
  if (problem.code == errc::corrupt) {
    damage_ = problem;
  }
  if (database_ && spoils_connection(problem.code)) {
    logger()->warn("{} opens the database anew: {}", id(), to_string(problem));
    end_shared_snapshot();
    database_.reset();
    open();
  }
}

/// Pages have connections of their own: what is wrong with the database may show there and nowhere else. It is said
/// once until a page can be read again.
void reader_state::notice_page(const storage::result<row_page>& given) {
  if (given) {
    pages_fail_ = false;
  } else if (is_fault(given.error().code) && !std::exchange(pages_fail_, true)) {
    logger()->error("{} cannot read results page by page: {}", id(), to_string(given.error()));
  }
  if (!given && given.error().code == errc::corrupt) {
    damage_ = given.error();
  }
}

void reader_state::recycle_when_old() {
  const auto now = self_->clock().now();
  if (!database_ || now < recycle_at_) {
    return;
  }
  auto opened = settings_.open_database();
  if (!opened) {
    if (!std::exchange(keeps_old_, true)) {
      logger()->warn("{} keeps its old connection, a new one cannot be opened: {}", id(), to_string(opened.error()));
    }
    recycle_at_ = now + settings_.age_max / 10;
    return;
  }
  use(std::move(*opened));
  settings_.slot->recycled.fetch_add(1, std::memory_order_relaxed);
}

bool reader_state::holds_back() {
  const auto closing = settings_.closing && settings_.closing->load(std::memory_order_relaxed);
  const auto starving = settings_.starving && settings_.starving->load(std::memory_order_relaxed);
  return settings_.pause->holds(starving && !closing, self_->clock().now());
}

void reader_state::take_turn() {
  auto now = std::chrono::steady_clock::now();
  const auto until = now + turn_max;
  follow_writer();
  auto more = true;
  while (more && (now < until || !taken_.empty())) {
    more = take_one(now);
    now = std::chrono::steady_clock::now();
  }
  end_shared_snapshot();
  if (!more) {
    return rest();
  }
  settings_.waiting->pause(settings_.index, now);
  self_->send(self_, atom::run::value);
}

/// False where there is nothing to take; it is at rest then.
bool reader_state::take_one(monotonic_time now) {
  if (taken_.empty()) {
    replies_.send();
    settings_.waiting->look(now);
    taken_ = settings_.waiting->next(settings_.index, !holds_back(), taken_max, now);
  }
  if (taken_.empty()) {
    return false;
  }
  running_ = std::move(taken_.front());
  taken_.pop_front();
  serve(now);
  running_.reset();
  return true;
}

/// What waits all the same is held back, for other readers, or of one who does not read: nobody says when that is over.
void reader_state::rest() {
  recycle_when_old();
  if (settings_.waiting->waiting() == 0) {
    for (auto& promise : drains_) {
      promise.deliver(settings_.slot->answered.load());
    }
    drains_.clear();
  }
  if (settings_.waiting->unsettled() && !std::exchange(look_armed_, true)) {
    self_->delayed_send(self_, look_interval, atom::look::value);
  }
}

void reader_state::look_again() {
  look_armed_ = false;
  if (!settings_.waiting->is_awake(settings_.index)) {
    take_turn();
  }
}

void reader_state::serve(monotonic_time started) {
  const asker from{asker_of(*running_->message)};
  const watched_read read{from, *settings_.waiting, settings_.index, taken_, replies_, started};
  const auto page = [&] { return page_request{running_->deadline, self_->clock().now(), from, &read, !holds_back()}; };
  auto& asked = running_->message->content();
  if (asked.match_elements<admitted_query>()) {
    const auto& question = asked.get_as<admitted_query>(0);
    const auto waited = std::chrono::duration_cast<std::chrono::microseconds>(started - question.arrival);
    settings_.slot->wait_us.fetch_add(static_cast<std::uint64_t>(waited.count()), std::memory_order_relaxed);
    give(rows_for(question, read, started));
  } else if (asked.match_elements<admitted_page_query>()) {
    const auto& question = asked.get_as<admitted_page_query>(0).question;
    give(page_for([&] { return pager_.first(question, page()); }, started));
  } else {
    const auto& position = asked.get_as<admitted_page_cursor>(0).position;
    give(page_for([&] { return pager_.next(position, page()); }, started));
  }
}

template <class Rows>
void reader_state::give(storage::result<Rows> rows) {
  judge(rows ? errc::none : rows.error().code);
  settings_.slot->answered.fetch_add(1, std::memory_order_relaxed);
  if (!rows) {
    return replies_.add(std::move(running_->message), caf::make_message(to_error(std::move(rows).error())), 0);
  }
  const auto bytes = bytes_of(*rows);
  auto content = caf::make_message(std::move(*rows));
  if (const auto sent = answer_overhead + bytes; running_->peer && !running_->peer->is_small(sent)) {
    settings_.waiting->note_answer(asker_of(*running_->message), content, sent);
  }
  replies_.add(std::move(running_->message), std::move(content), bytes);
}

/// Nothing where it may be looked for; otherwise why it is not.
std::optional<failure> reader_state::in_the_way(monotonic_time started) const {
  if (is_gone(asker_of(*running_->message))) {
    return failure{errc::unavailable, "nobody waits for the answer any more"};
  }
  if (started > running_->deadline) {
    return failure{errc::deadline_exceeded, "the query waited too long for a reader"};
  }
  return std::nullopt;
}

storage::result<row_set> reader_state::rows_for(const admitted_query& asked, const watched_read& read,
                                                monotonic_time started) {
  if (auto problem = in_the_way(started)) {
    return tl::unexpected{std::move(*problem)};
  }
  if (!database_) {
    return tl::unexpected{*obstacle_};
  }
  share_snapshot(started);
  const auto began = shared_since_.value_or(started);
  auto rows = database_->run(asked.question, {.deadline = asked.deadline,
                                              .lease_end = began + settings_.lease,
                                              .starving = settings_.starving.get(),
                                              .closing = settings_.closing.get(),
                                              .asked_by = &read,
                                              .least_seq = asked.least_seq});
  query_latency_.record(std::chrono::steady_clock::now() - started);
  if (!rows) {
    notice(rows.error());
  }
  return rows;
}

/// What waits together shares one snapshot, taken after the last of them was sent: so each sees all that was applied
/// before it, and they pay for the database's read lock once.
void reader_state::share_snapshot(monotonic_time now) {
  const auto starving = settings_.starving && settings_.starving->load(std::memory_order_relaxed);
  if (shared_since_ && (starving || now - *shared_since_ > shared_snapshot_max || running_->since > *shared_since_)) {
    end_shared_snapshot();
  }
  const auto others_wait = !taken_.empty() || settings_.waiting->waiting() > 0;
  if (!shared_since_ && others_wait && !starving && database_->begin_snapshot()) {
    shared_since_ = now;
  }
}

void reader_state::end_shared_snapshot() {
  if (shared_since_) {
    database_->end_snapshot();
    shared_since_.reset();
  }
}

template <class Read>
storage::result<row_page> reader_state::page_for(Read read, monotonic_time started) {
  tidy();
  storage::result<row_page> page;
  if (auto problem = in_the_way(started)) {
    page = tl::unexpected{std::move(*problem)};
  } else {
    page = read();
    query_latency_.record(std::chrono::steady_clock::now() - started);
  }
  settings_.slot->cursors = pager_.size();
  arm_tick();
  notice_page(page);
  return page;
}

void reader_state::tick() {
  tick_armed_ = false;
  tidy();
  arm_tick();
}

void reader_state::arm_tick() {
  if (!tick_armed_ && pager_.size() > 0) {
    tick_armed_ = true;
    self_->delayed_send(self_, std::min(settings_.lease / looks_per_lease, look_interval_max), atom::tick::value);
  }
}

void reader_state::tidy() {
  const auto ended = pager_.tidy(self_->clock().now());
  settings_.slot->leases_ended.fetch_add(ended, std::memory_order_relaxed);
  settings_.slot->cursors = pager_.size();
}

caf::result<outcome> reader_state::look_up(const recorded_outcome_request& request) {
  auto recorded = ask([&](storage::database_reader& database) { return database.recorded_outcome(request.seq); });
  if (!recorded) {
    // The transaction is applied, so nothing may say that it had no effect.
    return to_error({errc::outcome_unknown, "its outcome cannot be read: " + to_string(recorded.error())});
  }
  if (!*recorded) {
    return to_error({errc::name_forgotten, "seq " + std::to_string(request.seq)});
  }
  return answer_with(std::move(**recorded));
}

caf::result<quarantine_listing> reader_state::list(const quarantine_list& request) {
  return answer_with(
    ask([&](storage::database_reader& database) { return database.quarantine(request.after, request.limit); }));
}

caf::result<quarantine_reasons> reader_state::list_reasons(const quarantine_reasons_request& request) {
  return answer_with(
    ask([&](storage::database_reader& database) { return database.quarantine_reasons(request.after, request.limit); }));
}

caf::result<schema_state> reader_state::look_at_schema(const schema_state_request& request) {
  return answer_with(
    ask([&](storage::database_reader& database) { return database.schema(request.after, request.limit); }));
}

/// Asks the database for what Millrace keeps there for itself.
template <class Question>
auto reader_state::ask(Question question) -> decltype(question(*std::declval<storage::database_reader*>())) {
  settings_.slot->room.give_back(1, 0);
  settings_.slot->answered.fetch_add(1, std::memory_order_relaxed);
  follow_writer();
  if (!database_) {
    return tl::unexpected{*obstacle_};
  }
  auto reply = question(*database_);
  if (!reply) {
    notice(reply.error());
  }
  return reply;
}

/// The engine ends: nobody asks for the next page any more, and the last checkpoint must not find a snapshot held.
caf::result<std::uint64_t> reader_state::drain() {
  pager_.clear();
  settings_.slot->cursors = 0;
  drains_.push_back(self_->make_response_promise<std::uint64_t>());
  auto promise = drains_.back();
  look_again();
  return promise;
}

/// Tells the breaker and the counters what became of a query or page. How long it took is its client's affair.
void reader_state::judge(errc code) {
  if (code == errc::lease_expired) {
    settings_.slot->leases_ended.fetch_add(1, std::memory_order_relaxed);
  }
  if (!settings_.breaker) {
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (is_fault(code)) {
    settings_.breaker->failed(now);
  } else {
    settings_.breaker->succeeded(now);
  }
}

sample reader_state::take_sample() const {
  sample result;
  result.latency = summary(query_latency_);
  if (obstacle_) {
    result.blocked = obstacle_;
    result.blocked_for = std::chrono::duration_cast<std::chrono::milliseconds>(self_->clock().now() - blocked_since_);
  } else {
    result.blocked = damage_;
  }
  return result;
}

reader_actor::behavior_type reader(reader_actor::stateful_pointer<reader_state> self, reader_options settings) {
  return self->state.make_behavior(std::move(settings));
}

} // namespace millrace
