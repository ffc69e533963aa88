#include "simulation.hpp"

#include <millrace/actors/write/opened_log.hpp>
#include <millrace/storage/sqlite/database.hpp>

#include <algorithm>
#include <array>
#include <fstream>
#include <stdexcept>
#include <utility>

#include <caf/send.hpp>

namespace millrace::test::simulated {

namespace {

using namespace std::chrono_literals;

constexpr auto schema =
  "CREATE TABLE entry(id INTEGER PRIMARY KEY, client INTEGER NOT NULL, number INTEGER NOT NULL,"
  " part INTEGER NOT NULL CHECK(part > 0));";
constexpr auto insert_row = "INSERT INTO entry(client, number, part) VALUES (?1, ?2, ?3) RETURNING id";
constexpr auto select_rows = "SELECT id, client, number, part FROM entry ORDER BY id";

/// In the engine's own thread nobody may wait for another's lock.
constexpr plain_connection::options impatient{.patience = 0ms};

constexpr std::uint64_t lives_max = 3;
/// Far more than any engine in order needs to answer everybody.
constexpr std::uint64_t steps_to_settle_max = 200'000;

transaction work_of(const write& one, ack when) {
  transaction work;
  for (std::int64_t part = 1; part <= one.parts; ++part) {
    work.add(insert_row, one.client, one.number, one.fails && part == one.parts ? 0 : part);
  }
  work.acknowledgement = when;
  return work;
}

class hash {
public:
  void add(std::uint64_t number) {
    value_ = (value_ ^ number) * 1'099'511'628'211u;
    value_ ^= value_ >> 29;
  }
  void add(std::string_view text) {
    add(text.size());
    std::ranges::for_each(text, [this](char one) { add(static_cast<std::uint64_t>(one)); });
  }
  std::uint64_t value() const noexcept { return value_; }

private:
  std::uint64_t value_ = 14'695'981'039'346'656'037u;
};

/// Whether nothing in SQLite's log was synced since it began anew: nobody synced the file, no page of it has been
/// checkpointed, nor may have been in an earlier life, which a connection that recovers the log takes for granted. The
/// first log holds the identity, which is synced at once; a database of more pages than one has a later log.
bool may_lose_log(const std::filesystem::path& database, const simulation_machine& machine) {
  constexpr std::uintmax_t fresh_bytes = 4'096;
  // SQLite: walformat.html §2.2.
  constexpr std::streamoff checkpointed_at = 96;
  constexpr std::streamoff attempted_at = 128;
  std::error_code none;
  const auto bytes = std::filesystem::file_size(database, none);
  std::ifstream index{database.string() + "-shm", std::ios::binary};
  const auto is_zero = [&index](std::streamoff at) {
    std::array<char, 4> number{1};
    index.seekg(at).read(number.data(), number.size());
    return number == std::array<char, 4>{};
  };
  std::string header(simulation_machine::log_header_bytes, '\0');
  std::ifstream{database.string() + "-wal", std::ios::binary}.read(header.data(),
                                                                   static_cast<std::streamsize>(header.size()));
  return !none && bytes > fresh_bytes && !machine.has_synced(header) && is_zero(checkpointed_at)
         && is_zero(attempted_at);
}

void add_answer(hash& to, const reply_content& content) {
  to.add(content.index());
  to.add(static_cast<std::uint64_t>(code_of(content)));
  if (const auto* done = std::get_if<outcome>(&content)) {
    to.add(done->seq);
    std::ranges::for_each(done->results, [&](const statement_result& one) { to.add(one.rows.cells()); });
  } else if (const auto* rows = std::get_if<row_set>(&content)) {
    to.add(rows->cells());
  } else if (const auto* page = std::get_if<row_page>(&content)) {
    to.add(page->rows.cells());
  }
}

} // namespace

run::run(std::uint64_t seed, std::filesystem::path folder) : folder_(std::move(folder)), machine_(seed), random_(seed) {
  std::ranges::generate(names_, [] { return new_client_id(0); });
  settings_ = settings();
  settings_.data = data();
}

run::~run() = default;

/// So small that their limits are met.
options run::settings() {
  options chosen;
  chosen.create_if_missing = true;
  chosen.scripts = {{"0001", schema}};
  chosen.admission.inflight_transactions_max = 12;
  chosen.admission.waiting_queries_max = 4;
  chosen.write.window_bytes_max = 512;
  chosen.write.checkpoint_pages = static_cast<std::uint32_t>(4u << draw(6));
  chosen.read.lease = std::chrono::milliseconds{50 << draw(4)};
  chosen.read.age_max = std::chrono::milliseconds{200 << draw(4)};
  chosen.read.cursors_max = 1 + draw(3);
  chosen.transaction_breaker.open_for = 20ms;
  chosen.query_breaker.open_for = 20ms;
  chosen.drain_deadline = std::chrono::milliseconds{1 << draw(10)};
  chosen.health.interval = std::chrono::milliseconds{20 << draw(5)};
  chosen.restarts.restarts_max = 1'000'000;
  chosen.log.segment_bytes = 8'192u << draw(3);
  chosen.log.spare_segments = 1 + draw(2);
  chosen.sqlite.cache_kib = 256;
  chosen.database.outcomes.count = chance(4) ? 5 : 1'000;
  chosen.on_escalation = [this](const std::string& why) { seen_.complaints.push_back("the engine gave up: " + why); };
  return chosen;
}

result run::play() {
  disk_ = std::make_unique<simulated_disk>(machine_, memory_file_system{});
  const auto lives = 1 + draw(lives_max);
  for (std::uint64_t i = 0; i < lives && seen_.complaints.empty(); ++i) {
    play_life(i + 1 == lives);
  }
  if (seen_.complaints.empty()) {
    finish();
  }
  now_.reset();
  counts_["requests"] = seen_.exchanges.size();
  for (const auto& one : seen_.exchanges) {
    const auto* content = one.replies.empty() ? nullptr : &one.replies.front().content;
    counts_["acknowledged"] += content != nullptr && std::holds_alternative<outcome>(*content) ? 1 : 0;
    counts_["answered reads"] += content != nullptr && std::holds_alternative<row_set>(*content) ? 1 : 0;
  }
  counts_["syncs"] += disk_->syncs();
  return {.trace = trace(), .complaints = check(seen_), .counts = counts_};
}

/// False where the machine stopped before the engine served.
bool run::begin() {
  crashed_ = false;
  now_ = std::make_unique<life>(machine_, random_, seen_);
  if (auto opened = now_->open(settings_, *disk_); !opened && !crashed_) {
    seen_.complaints.push_back("it did not open: " + to_string(opened.error()));
  }
  return !crashed_ && seen_.complaints.empty();
}

void run::play_life(bool last) {
  if (!last && chance(3)) {
    disk_->crash_before(1 + draw(150), [this] { crash(chance(2) ? ending::process_died : ending::power_lost); });
  }
  if (last) {
    settings_.drain_deadline = 1h;
  }
  auto serves = begin();
  for (auto deeds = 20 + draw(30); serves && deeds > 0 && !crashed_; --deeds) {
    act();
    for (auto steps = draw(chance(4) ? 60 : 8); steps > 0 && !crashed_; --steps) {
      now_->step();
    }
  }
  if (!crashed_ && seen_.complaints.empty() && !last && !chance(3)) {
    crash(chance(2) ? ending::process_died : ending::power_lost);
  }
  stranger_.reset();
  disk_->full = false;
  disk_->sync_time = 0ns;
  if (crashed_) {
    now_.reset();
    std::filesystem::remove_all(data());
    std::filesystem::rename(folder_ / "left", data());
    counts_["syncs"] += disk_->syncs();
    disk_ = std::make_unique<simulated_disk>(machine_, std::move(*left_));
  } else if (serves) {
    disk_->crash_before(0, {});
    if (last) {
      settle();
    }
    now_->close();
    now_.reset();
    count("clean ends");
  }
}

/// Keeps what a stopped machine leaves. Where the power was lost, that is of the queue whatever was synced and any of
/// the rest, and of the database either all or nothing of what SQLite has not synced.
void run::crash(ending how) {
  crashed_ = true;
  disk_->crash_before(0, {});
  now_->cut_off();
  const auto to = folder_ / "left";
  std::filesystem::create_directory(to);
  std::filesystem::create_directory(to / "queue");
  const auto keep = [&](const char* name) {
    if (std::filesystem::exists(data() / name)) {
      std::filesystem::copy_file(data() / name, to / name);
    }
  };
  keep("database.sqlite3");
  keep("attempt");
  if (how == ending::power_lost && may_lose_log(database(), machine_) && chance(2)) {
    count("database logs lost");
  } else {
    keep("database.sqlite3-wal");
  }
  left_ = how == ending::process_died ? disk_->files().copy() : disk_->files().after_power_loss(random_);
  count(how == ending::process_died ? "processes killed" : "power losses");
}

/// Until everybody is answered, and nobody is missing who has to apply the rest.
void run::settle() {
  const auto whole = [this] { return now_->served().child("queue") && now_->served().child("writer"); };
  // Some, at least: a kill may still be in a mailbox.
  for (std::uint64_t i = 0; i < steps_to_settle_max && (i < 1'000 || now_->unanswered() > 0 || !whole()); ++i) {
    now_->step();
  }
}

/// All that was accepted is applied; another recovery finds nothing to do; the database is in order.
void run::finish() {
  read_rows();
  const auto identity = storage::sqlite::make_database(database())->prepare(false);
  if (!identity) {
    return seen_.complaints.push_back("the database cannot be read: " + to_string(identity.error()));
  }
  storage::recovery_report report;
  auto files = disk_->files().copy();
  const auto log = open_log(files, data() / "queue", identity->id, identity->applied, settings_.log, report);
  if (!log || !report.findings.empty() || report.transactions != 0 || report.last_seq != identity->applied.seq) {
    seen_.complaints.push_back("another recovery finds " + std::to_string(report.transactions)
                               + " transactions that are not applied, up to seq " + std::to_string(report.last_seq)
                               + " where " + std::to_string(identity->applied.seq) + " is applied"
                               + (log ? "" : ": " + to_string(log.error())));
  }
}

void run::read_rows() {
  try {
    plain_connection last{database(), impatient};
    for (const auto& cells : last.cells(select_rows)) {
      seen_.rows.push_back({std::stoll(cells[0]), std::stoll(cells[1]), std::stoll(cells[2]), std::stoll(cells[3])});
    }
    if (const auto verdict = last.rows("PRAGMA integrity_check"); verdict != "ok") {
      seen_.complaints.push_back("the database is damaged: " + verdict);
    }
  } catch (const std::runtime_error& problem) {
    seen_.complaints.push_back(std::string{"the rows cannot be read: "} + problem.what());
  }
}

std::uint64_t run::trace() const {
  hash all;
  for (const auto& one : seen_.exchanges) {
    all.add(one.sent_at);
    for (const auto& reply : one.replies) {
      all.add(reply.at);
      add_answer(all, reply.content);
    }
  }
  for (const auto& one : seen_.rows) {
    all.add(static_cast<std::uint64_t>(one.id));
    all.add(static_cast<std::uint64_t>(one.client));
    all.add(static_cast<std::uint64_t>(one.number));
  }
  all.add(static_cast<std::uint64_t>(machine_.now().time_since_epoch().count()));
  return all.value();
}

// What happens
// ---------------------------------------------------------------------------------------------------------

void run::act() {
  const auto dice = draw(100);
  if (dice < 42) {
    write_something();
  } else if (dice < 54) {
    resend();
  } else if (dice < 70) {
    read_something();
  } else if (dice < 75) {
    read_on();
  } else if (dice < 78) {
    operate();
  } else if (dice < 84) {
    kill();
  } else if (dice < 88) {
    lock_or_unlock();
  } else if (dice < 89) {
    interfere();
  } else if (dice < 92) {
    set_clock();
  } else if (dice < 96) {
    change_disk();
  } else if (dice < 99) {
    now_->stall(draw(40));
    count("stalls");
  } else {
    machine_.pass(std::chrono::milliseconds{draw(7'000)});
    count("long pauses");
  }
}

void run::write_something() {
  const auto client = draw(clients);
  const auto bundle = chance(12) ? 10 : 1 + draw(3);
  for (std::uint64_t i = 0; i < bundle; ++i) {
    write wanted;
    wanted.client = static_cast<std::int64_t>(client);
    wanted.number = ++last_number_[client];
    wanted.parts = 1 + static_cast<std::int64_t>(draw(3));
    wanted.fails = chance(10);
    write_one(std::move(wanted), chance(6));
  }
}

/// The newest `seq` that anybody was told, which is durable.
std::uint64_t run::newest_told() const {
  std::uint64_t newest = 0;
  for (const auto& one : seen_.exchanges) {
    for (const auto& answer : one.replies) {
      if (const auto* done = std::get_if<outcome>(&answer.content)) {
        newest = std::max(newest, done->seq);
      }
    }
  }
  return newest;
}

void run::write_one(write wanted, bool to_courier) {
  auto work = work_of(wanted, chance(3) ? ack::durable : ack::applied);
  const auto client = static_cast<std::size_t>(wanted.client);
  const auto named = !to_courier && chance(3);
  if (named) {
    if (chance(8)) {
      names_[client] = new_client_id(newest_told());
    }
    work.name = {names_[client], static_cast<std::uint64_t>(wanted.number)};
  }
  if (chance(8)) {
    work.deadline = std::array{-1ms, 1ms, 5ms, 50ms, 500ms}[draw(5)];
    wanted.may_be_late = true;
  }
  if (chance(10)) {
    work.priority = priority::operations;
  }
  wanted.in_order = !to_courier && work.priority == priority::bulk;
  seen_.writes.push_back(std::move(wanted));
  send(seen_.writes.back(), work, to_courier);
  if (named) {
    named_.push_back({seen_.writes.size() - 1, std::move(work)});
  }
}

void run::send(write& one, const transaction& work, bool to_courier) {
  one.durable.push_back(work.acknowledgement == ack::durable);
  one.exchanges.push_back(to_courier ? now_->send(now_->courier(), work) : now_->send(now_->served().front(), work));
}

/// Whether its answer has come or not.
void run::resend() {
  if (named_.empty()) {
    return;
  }
  const auto newest = std::min<std::uint64_t>(named_.size(), chance(3) ? named_.size() : 4);
  auto again = named_[named_.size() - 1 - draw(newest)];
  again.work.acknowledgement = chance(3) ? ack::durable : ack::applied;
  send(seen_.writes[again.write], again.work, chance(4));
  count("resends");
}

void run::read_something() {
  read wanted{.client = static_cast<std::int64_t>(draw(clients))};
  query question = select(select_rows);
  question.consistency = static_cast<consistency>(draw(3));
  if (question.consistency == consistency::at_least) {
    for (const auto& one : seen_.exchanges) {
      const auto* done = one.replies.empty() ? nullptr : std::get_if<outcome>(&one.replies.front().content);
      wanted.at_least_seq = std::max(wanted.at_least_seq, done == nullptr || chance(3) ? 0 : done->seq);
    }
    question.at_least_seq = wanted.at_least_seq;
  }
  wanted.consistency = question.consistency;
  if (chance(8)) {
    question.deadline = std::array{-1ms, 1ms, 20ms}[draw(3)];
  }
  const auto paged = question.consistency != consistency::linearizable && chance(4);
  const auto to_courier = !paged && chance(6);
  wanted.exchanges.push_back(
    paged ? now_->send(now_->served().front(), page_query{question, static_cast<std::uint32_t>(1 + draw(8))})
          : (to_courier ? now_->send(now_->courier(), question) : now_->send(now_->served().front(), question)));
  seen_.reads.push_back(std::move(wanted));
}

/// Asks for the next page of some result.
void run::read_on() {
  for (auto& one : seen_.reads) {
    const auto& replies = seen_.exchanges[one.exchanges.back()].replies;
    const auto* page = replies.empty() ? nullptr : std::get_if<row_page>(&replies.front().content);
    if (page != nullptr && page->next && chance(2)) {
      one.exchanges.push_back(now_->send(now_->served().front(), *page->next));
      count("next pages");
    }
  }
}

void run::operate() {
  if (chance(2)) {
    now_->send(now_->served().front(), health_request{});
  } else if (chance(2)) {
    now_->send(now_->served().operations(), quarantine_list{});
  } else {
    now_->send(now_->served().operations(), quarantine_resubmit{1 + draw(20)});
  }
}

void run::kill() {
  static constexpr std::array ids{"queue", "writer", "writer", "reader-1", "reader-2", "monitor", "courier"};
  const std::string_view id = ids[draw(ids.size())];
  count("kills");
  if (id == "courier") {
    return now_->kill_courier();
  }
  if (const auto child = now_->served().child(id)) {
    caf::anon_send_exit(child, chance(2) ? caf::exit_reason::kill : caf::exit_reason::user_shutdown);
  }
}

void run::lock_or_unlock() {
  if (stranger_) {
    return stranger_.reset();
  }
  stranger_ = std::make_unique<plain_connection>(database(), impatient);
  if (stranger_->try_execute("BEGIN IMMEDIATE")) {
    count("foreign locks");
  }
}

/// Somebody else commits.
void run::interfere() {
  if (!stranger_) {
    plain_connection{database(), impatient}.try_execute(
      "CREATE TABLE IF NOT EXISTS foreign_note(x); INSERT INTO foreign_note VALUES (1)");
    count("foreign commits");
  }
}

/// By seconds or by days; a client's id tells when it was made.
void run::set_clock() {
  const auto jump = std::chrono::milliseconds{draw(chance(2) ? 20'000 : 180'000'000)};
  const auto back = chance(2);
  machine_.set_wall_clock_by(back ? -jump : jump);
  seen_.clock_was_set_back = seen_.clock_was_set_back || back;
  count(back ? "clocks set back" : "clocks set forward");
}

void run::change_disk() {
  if (chance(2)) {
    disk_->full = !disk_->full;
    count("disk full or not");
  } else {
    disk_->sync_time = std::chrono::microseconds{draw(chance(4) ? 100'000 : 2'000)};
    count("slow disks");
  }
}

} // namespace millrace::test::simulated
