#include <millrace/storage/sqlite/database.hpp>
#include <millrace/tests/support/actors/endless.hpp>
#include <millrace/tests/support/actors/engine_fixture.hpp>
#include <millrace/tests/support/first_cell.hpp>

#include <algorithm>
#include <filesystem>

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

constexpr auto ideas = "CREATE TABLE idea(id INTEGER PRIMARY KEY, title TEXT NOT NULL UNIQUE, score REAL NOT NULL)";

/// What a request fails with, by name.
template <class Answer, class Pending>
std::string_view name_of(Pending asked) {
  auto code = errc::none;
  asked.receive([](Answer&) {}, [&code](const caf::error& why) { code = failure_of(why).code; });
  return name(code);
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(engine_suite, engine_fixture)

BOOST_AUTO_TEST_CASE(a_program_writes_and_reads_through_a_blocking_client) {
  open(ideas);
  auto db = connect();
  const auto done = db.execute("INSERT INTO idea(title, score) VALUES (?1, ?2)", "Solar kettle", 8.5);
  BOOST_REQUIRE(done);
  BOOST_TEST(done->seq == 2); // The schema was the first.
  BOOST_REQUIRE_EQUAL(done->results.size(), 1);
  BOOST_TEST(done->results[0].rows_changed == 1);
  BOOST_TEST(done->results[0].last_row_id == 1);
  const auto rows = db.query("SELECT title, score FROM idea WHERE score > ?1", 7.0);
  BOOST_REQUIRE(rows);
  BOOST_REQUIRE_EQUAL(rows->size(), 1);
  BOOST_TEST((*rows)[0]["title"].as_text() == "Solar kettle");
  BOOST_TEST((*rows)[0]["score"].as_real() == 8.5);
}

BOOST_AUTO_TEST_CASE(parameters_may_have_names) {
  open(ideas);
  auto db = connect();
  BOOST_TEST(db.execute("INSERT INTO idea(title, score) VALUES (:title, :score)", named{":score", 6.0},
                        named{":title", "Wind bell"})
               .has_value());
  const auto rows = db.query("SELECT score FROM idea WHERE title = :title", named{":title", "Wind bell"});
  BOOST_REQUIRE(rows);
  BOOST_REQUIRE_EQUAL(rows->size(), 1);
  BOOST_TEST((*rows)[0][0].as_real() == 6.0);
}

BOOST_AUTO_TEST_CASE(returning_brings_rows_back) {
  open(ideas);
  auto db = connect();
  const auto done = db.execute(
    "INSERT INTO idea(title, score) VALUES ('a', 1), ('b', 2) RETURNING id, upper(title) AS up");
  BOOST_REQUIRE(done);
  const auto& rows = done->results.at(0).rows;
  BOOST_REQUIRE_EQUAL(rows.size(), 2);
  BOOST_TEST(rows[1]["id"].as_integer() == 2);
  BOOST_TEST(rows[1]["up"].as_text() == "B");
}

BOOST_AUTO_TEST_CASE(groups_nest_and_only_what_may_fail_alone_does) {
  open(ideas);
  auto db = connect();
  transaction work;
  work.add("INSERT INTO idea(title, score) VALUES ('kept', 1)");
  work.in_group(on_error::continue_after, [](transaction& outer) {
    outer.add("INSERT INTO idea(title, score) VALUES ('outer', 2)");
    outer.in_group(on_error::continue_after, [](transaction& inner) {
      inner.add("INSERT INTO idea(title, score) VALUES ('inner', 3)");
      inner.add("INSERT INTO idea(title, score) VALUES ('kept', 4)"); // Breaks UNIQUE.
    });
  });
  work.add("INSERT INTO idea(title, score) VALUES ('last', 5)");
  const auto done = db.execute(std::move(work));
  BOOST_REQUIRE(done);
  BOOST_REQUIRE_EQUAL(done->results.size(), 5);
  BOOST_TEST((done->results[3].error.has_value() && done->results[3].error->code == errc::constraint));
  BOOST_TEST(rows("SELECT title FROM idea ORDER BY score") == "kept\nouter\nlast");

  transaction strict;
  strict.add("INSERT INTO idea(title, score) VALUES ('never', 6)");
  strict.in_group(on_error::abort_transaction,
                  [](transaction& inner) { inner.add("INSERT INTO idea(title, score) VALUES ('kept', 7)"); });
  BOOST_TEST(code_of(db.execute(std::move(strict))) == errc::constraint);
  BOOST_TEST(rows("SELECT count(*) FROM idea") == "3");
}

BOOST_AUTO_TEST_CASE(a_durable_write_is_seen_by_whoever_asks_for_everything) {
  open(ideas);
  auto db = connect();
  for (int i = 0; i < 50; ++i) {
    auto work = execute("INSERT INTO idea(title, score) VALUES (?1, 0)", std::to_string(i));
    work.acknowledgement = ack::durable;
    const auto done = db.execute(std::move(work));
    BOOST_REQUIRE(done);
    BOOST_TEST(done->results.empty());
    auto everything = select("SELECT count(*) FROM idea");
    everything.consistency = i % 2 == 0 ? consistency::linearizable : consistency::at_least;
    everything.at_least_seq = done->seq;
    const auto rows = db.query(everything);
    BOOST_REQUIRE(rows);
    BOOST_TEST((*rows)[0][0].as_integer() == i + 1);
  }
}

BOOST_AUTO_TEST_CASE(what_was_written_is_there_after_opening_again) {
  open(ideas);
  BOOST_REQUIRE(connect().execute("INSERT INTO idea(title, score) VALUES ('a', 1)"));
  open();
  BOOST_TEST(tested->recovery().transactions == 0); // All was applied when it closed.
  auto db = connect();
  BOOST_TEST((*db.execute("INSERT INTO idea(title, score) VALUES ('b', 2)")).seq == 3);
  BOOST_TEST(first_cell(*db.query("SELECT count(*) FROM idea")).as_integer() == 2);
}

BOOST_AUTO_TEST_CASE(the_number_of_rows_is_bounded_and_the_cut_is_told) {
  open(ideas);
  auto db = connect();
  auto question = select("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 10) SELECT n FROM c");
  question.max_rows = 10;
  BOOST_TEST(!(*db.query(question)).truncated());
  question.max_rows = 9;
  const auto rows = db.query(question);
  BOOST_TEST(rows->size() == 9);
  BOOST_TEST(rows->truncated());
}

BOOST_AUTO_TEST_CASE(a_closed_engine_refuses_and_can_be_closed_twice) {
  open(ideas);
  auto db = connect();
  tested->close();
  tested->close();
  BOOST_TEST(code_of(db.execute("INSERT INTO idea(title, score) VALUES ('a', 1)")) == errc::shutting_down);
  BOOST_TEST(db.query("SELECT 1").error().code == errc::shutting_down);
  BOOST_TEST(db.health().error().code == errc::shutting_down);
  tested.reset();
  BOOST_TEST(db.query("SELECT 1").error().code == errc::shutting_down); // The address outlives the engine.
}

BOOST_AUTO_TEST_CASE(health_is_reported_through_the_client) {
  open(ideas);
  auto db = connect();
  BOOST_REQUIRE(db.execute("INSERT INTO idea(title, score) VALUES ('a', 1)"));
  BOOST_REQUIRE(db.query("SELECT * FROM idea"));
  // Two questions in all: the engine itself looked whether its schema is as it should be.
  BOOST_TEST(eventually([&] {
    const auto report = db.health();
    return report && report->state == health_state::healthy && report->applied_seq == 2 && report->durable_seq == 2
           && report->pool.queries == 2 && report->pool.open == settings.read.readers && report->sync.count == 2
           && report->query.count == 1 && report->apply.count == 2 && report->log_bytes > 0
           && report->inflight_transactions == 0 && report->actors.size() == 4 + settings.read.readers;
  }));
}

BOOST_AUTO_TEST_CASE(a_query_that_keeps_the_log_of_the_database_from_being_emptied_is_interrupted_after_its_lease) {
  settings.write.checkpoint_pages = 4;
  settings.write.wal_pages_max = 40;
  settings.read.lease = std::chrono::milliseconds{100};
  open(ideas);
  auto question = select(
    "WITH RECURSIVE c(n) AS (SELECT count(*) FROM idea UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c");
  question.deadline = std::chrono::minutes{1};
  std::atomic<bool> over = false;
  errc answer = errc::none;
  std::thread asking{[&] { // A client would ask again.
    caf::scoped_actor self{system};
    self->request(tested->front(), std::chrono::minutes{2}, question)
      .receive([](row_set&) {}, [&](const caf::error& why) { answer = failure_of(why).code; });
    over = true;
  }};
  auto db = connect();
  for (int i = 0; !over; ++i) {
    BOOST_CHECK(db.execute("INSERT INTO idea(title, score) VALUES (?1, 1)", i));
  }
  asking.join();
  BOOST_TEST(name(answer) == name(errc::lease_expired));
}

/// Each result stays open while the next ones are begun, so at every moment somebody reads an older state.
BOOST_AUTO_TEST_CASE(results_that_overlap_without_end_do_not_let_the_log_of_the_database_grow) {
  settings.write.checkpoint_pages = 4;
  settings.write.wal_pages_max = 40;
  settings.read.lease = std::chrono::milliseconds{50};
  open(ideas);
  auto db = connect();
  std::uintmax_t longest = 0;
  for (int i = 0; i < 40; ++i) {
    for (int row = 0; row < 5; ++row) {
      BOOST_REQUIRE(db.execute("INSERT INTO idea(title, score) VALUES (?1, 1)",
                               std::to_string(5 * i + row) + std::string(12'000, 'x')));
    }
    BOOST_REQUIRE(db.page(page_query{select("SELECT score FROM idea"), 1}));
    longest = std::max(longest, std::filesystem::file_size(database().string() + "-wal"));
  }
  BOOST_TEST(longest < 300u * 4'096);
}

BOOST_AUTO_TEST_CASE(queries_beyond_what_is_allowed_are_overloaded_and_the_room_comes_back) {
  settings.read.readers = 1;
  settings.admission.waiting_queries_max = 2;
  open(ideas);
  caf::scoped_actor self{system};
  const auto ask = [&](auto question) { return self->request(tested->front(), std::chrono::minutes{1}, question); };
  for (int i = 0; i < 200; ++i) { // A query counts until the batch that it is answered in is done.
    auto linearizable = select("SELECT count(*) FROM idea");
    linearizable.consistency = consistency::linearizable;
    BOOST_REQUIRE_EQUAL(name_of<row_set>(ask(linearizable)), name(errc::none));
    BOOST_REQUIRE_EQUAL(name_of<row_page>(ask(page_query{select("SELECT count(*) FROM idea"), 1})), name(errc::none));
  }
  BOOST_TEST(eventually([&] { return (*connect().health()).waiting_queries == 0; }));
  // The report may be older than the last batch, whose room comes back a moment after its answers.
  std::this_thread::sleep_for(std::chrono::milliseconds{200});
  auto long_one = endless();
  long_one.deadline = std::chrono::seconds{2};
  auto asked = ask(long_one);
  auto behind = ask(select("SELECT 1"));
  for (const auto needed : {consistency::any, consistency::at_least, consistency::linearizable}) {
    auto refused = select("SELECT 1");
    refused.consistency = needed;
    BOOST_TEST(name_of<row_set>(ask(refused)) == name(errc::overloaded));
  }
  BOOST_TEST(name_of<outcome>(ask(execute("INSERT INTO idea(title, score) VALUES ('a', 1)"))) == name(errc::none));
  BOOST_TEST(name_of<row_set>(std::move(asked)) == name(errc::deadline_exceeded));
  BOOST_TEST(name_of<row_set>(std::move(behind)) == name(errc::none));
  BOOST_TEST(eventually([&] { return name_of<row_set>(ask(select("SELECT 1"))) == name(errc::none); }));
  BOOST_TEST(eventually([&] { return (*connect().health()).waiting_queries == 0; }));
}

BOOST_AUTO_TEST_CASE(a_query_ends_with_whoever_asked_it) {
  settings.read.readers = 1;
  open("CREATE TABLE t(n INTEGER)");
  auto forever = endless();
  forever.deadline = std::chrono::hours{1};
  for (int i = 0; i < 3; ++i) {
    caf::scoped_actor impatient{system};
    static_cast<void>(impatient->request(tested->front(), caf::infinite, forever));
  }
  BOOST_TEST(connect().query("SELECT 1").has_value());
}

BOOST_AUTO_TEST_CASE(a_query_that_runs_on_does_not_keep_an_engine_from_closing) {
  settings.drain_deadline = std::chrono::milliseconds{50};
  open(ideas);
  auto question = endless();
  question.deadline = std::chrono::hours{1};
  caf::scoped_actor self{system};
  auto asked = self->request(tested->front(), std::chrono::minutes{1}, question);
  auto page = self->request(tested->front(), std::chrono::minutes{1}, page_query{question, 1});
  tested->close();
  const auto expect_end = [](const caf::error& why) {
    BOOST_TEST(name(failure_of(why).code) == name(errc::shutting_down));
  };
  asked.receive([](row_set&) { BOOST_ERROR("an endless query ended"); }, expect_end);
  page.receive([](row_page&) { BOOST_ERROR("an endless query ended"); }, expect_end);
  BOOST_TEST(escalations.empty());
}

BOOST_AUTO_TEST_CASE(exit_messages_to_the_stable_addresses_change_nothing) {
  open(ideas);
  caf::anon_send_exit(tested->front(), caf::exit_reason::kill);
  caf::anon_send_exit(tested->operations(), caf::exit_reason::kill);
  caf::scoped_actor self{system};
  self->request(tested->operations(), std::chrono::seconds{10}, quarantine_list{})
    .receive([](const quarantine_listing& all) { BOOST_TEST(all.entries.empty()); },
             [](const caf::error& problem) { BOOST_ERROR(caf::to_string(problem)); });
  BOOST_TEST(connect().execute("INSERT INTO idea(title, score) VALUES ('a', 1)").has_value());
}

BOOST_AUTO_TEST_CASE(killed_actors_come_back_and_nothing_is_lost) {
  open(ideas);
  auto db = connect();
  int expected = 0;
  for (const auto* victim : {"writer", "queue", "reader-1", "reader-2", "monitor"}) {
    kill(victim);
    BOOST_REQUIRE(eventually([&] { // A queue may not be connected yet: `unavailable` had no effect.
      const auto done = db.execute("INSERT INTO idea(title, score) VALUES (?1, 0)", victim);
      BOOST_REQUIRE((done || kind(done.error().code) == error_kind::retryable));
      return done.has_value();
    }));
    ++expected;
    BOOST_REQUIRE(eventually([&] {
      const auto rows = db.query("SELECT count(*) FROM idea");
      return rows && (*rows)[0][0].as_integer() == expected;
    }));
  }
  BOOST_TEST(becomes(health_state::healthy));
}

BOOST_AUTO_TEST_CASE(damage_that_no_query_meets_is_found_and_said) {
  open("CREATE TABLE idea(id INTEGER PRIMARY KEY, title TEXT); CREATE INDEX idea_by_title ON idea(title)");
  BOOST_REQUIRE(connect().execute("INSERT INTO idea(title) VALUES ('needle')"));
  tested.reset();
  plain_connection{database()}.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  {
    std::fstream bytes{database(), std::ios::binary | std::ios::in | std::ios::out};
    const std::string all{std::istreambuf_iterator<char>{bytes}, {}};
    bytes.seekp(static_cast<std::streamoff>(all.rfind("needle")));
    bytes.put('#');
  }
  settings.health.scrub_interval = std::chrono::milliseconds{100};
  open();
  BOOST_TEST(becomes(health_state::unhealthy));
  const auto report = connect().health();
  BOOST_REQUIRE(report);
  BOOST_TEST(report->scrubs > 0u);
  BOOST_REQUIRE(!report->reasons.empty());
  BOOST_TEST(report->reasons.front().find("row 1 missing from index idea_by_title") != std::string::npos);
  BOOST_TEST(connect().query("SELECT count(*) FROM idea").has_value());
}

BOOST_AUTO_TEST_CASE(an_older_copy_that_is_put_in_place_gets_what_it_lacks_from_the_log) {
  open(ideas);
  auto db = connect();
  const auto add = [&db](const char* title) {
    return db.execute("INSERT INTO idea(title, score) VALUES (?1, 0)", title);
  };
  const auto titles = [this] { return rows("SELECT title FROM idea ORDER BY id"); };
  const auto copy = folder.path() / "copy";
  BOOST_REQUIRE(add("a"));
  plain_connection{database()}.execute("VACUUM INTO '" + copy.string() + "'");
  BOOST_REQUIRE(add("b"));
  std::filesystem::rename(copy, database());
  std::filesystem::remove(database().string() + "-wal");
  std::filesystem::remove(database().string() + "-shm");
  // It meets the copy; whoever asked then may not hear what became of it.
  const auto met = add("c");
  BOOST_TEST((met || met.error().code == errc::outcome_unknown));
  BOOST_TEST(eventually([&] { return titles() == "a\nb\nc"; }));
  BOOST_TEST(eventually([&] { return add("d").has_value(); }));
  auto everything = select("SELECT title FROM idea");
  everything.consistency = consistency::linearizable;
  const auto seen = db.query(everything);
  BOOST_REQUIRE_MESSAGE(seen, (seen ? "" : seen.error().detail));
  BOOST_TEST(seen->size() == 4u);
  BOOST_TEST(becomes(health_state::healthy));
  BOOST_TEST(escalations.empty());
}

BOOST_AUTO_TEST_CASE(another_database_that_is_put_in_place_is_neither_written_nor_read) {
  open(ideas);
  auto db = connect();
  const auto add = [&db](const char* title) {
    return db.execute("INSERT INTO idea(title, score) VALUES (?1, 0)", title);
  };
  BOOST_REQUIRE(add("a"));
  const auto other = folder.path() / "other";
  BOOST_REQUIRE(storage::sqlite::make_database(other)->prepare(true));
  std::filesystem::rename(database(), folder.path() / "ours");
  std::filesystem::rename(database().string() + "-wal", folder.path() / "ours-wal");
  std::filesystem::remove(database().string() + "-shm");
  std::filesystem::rename(other.string() + "-wal", database().string() + "-wal");
  std::filesystem::rename(other, database());
  auto late = execute("INSERT INTO idea(title, score) VALUES ('b', 0)");
  late.acknowledgement = ack::durable;
  BOOST_TEST(db.execute(late).has_value());
  BOOST_TEST(becomes(health_state::unhealthy));
  BOOST_TEST(rows("SELECT applied_seq FROM millrace_meta") == "0");

  std::filesystem::rename(folder.path() / "ours-wal", database().string() + "-wal");
  std::filesystem::remove(database().string() + "-shm");
  std::filesystem::rename(folder.path() / "ours", database());
  BOOST_TEST(becomes(health_state::healthy));
  BOOST_TEST(eventually([&] { return rows("SELECT title FROM idea ORDER BY id") == "a\nb"; }));
}

BOOST_AUTO_TEST_CASE(a_database_that_was_written_under_another_log_is_not_written_until_the_right_one_is_back) {
  open(ideas);
  const auto add = [this](const char* title) {
    return connect().execute("INSERT INTO idea(title, score) VALUES (?1, 0)", title);
  };
  BOOST_REQUIRE(add("a"));
  tested.reset();
  const auto ours = settings.data;
  const auto theirs = folder.path() / "theirs";
  std::filesystem::copy(ours, theirs, std::filesystem::copy_options::recursive);
  settings.data = theirs;
  open();
  BOOST_REQUIRE(add("theirs"));
  tested.reset();
  settings.data = ours;
  open();
  BOOST_REQUIRE(add("b"));
  BOOST_REQUIRE(add("c"));
  std::filesystem::rename(database(), folder.path() / "ours");
  std::filesystem::rename(database().string() + "-wal", folder.path() / "ours-wal");
  std::filesystem::remove(database().string() + "-shm");
  std::filesystem::rename(theirs / "database.sqlite3", database());
  auto late = execute("INSERT INTO idea(title, score) VALUES ('late', 0)");
  late.acknowledgement = ack::durable;
  BOOST_TEST(connect().execute(late).has_value());
  BOOST_TEST(eventually([&] {
    const auto report = connect().health();
    return report && std::ranges::any_of(report->reasons, [](const std::string& why) {
             return why.find("under another log") != std::string::npos;
           });
  }));
  BOOST_TEST(rows("SELECT title FROM idea ORDER BY id") == "a\ntheirs");

  std::filesystem::rename(folder.path() / "ours-wal", database().string() + "-wal");
  std::filesystem::remove(database().string() + "-shm");
  std::filesystem::rename(folder.path() / "ours", database());
  BOOST_TEST(becomes(health_state::healthy));
  BOOST_TEST(eventually([&] { return rows("SELECT title FROM idea ORDER BY id") == "a\nb\nc\nlate"; }));
  BOOST_TEST(escalations.empty());
}

BOOST_AUTO_TEST_CASE(whatever_ids_were_used_a_new_client_is_served_long_after_the_window_was_full) {
  settings.database.outcomes.count = 5;
  open("CREATE TABLE t(a)");
  const auto add = [this](const uuid& who, std::uint64_t number) {
    auto work = execute("INSERT INTO t VALUES (1)");
    work.name = {who, number};
    return code_of(connect().execute(work));
  };
  const auto far_ahead = new_client_id(1'000'000'000'000);
  BOOST_TEST(add(far_ahead, 1) == errc::none);
  for (int life = 0; life < 2; ++life) {
    for (int i = 0; i < 20; ++i) {
      BOOST_TEST(connect().execute("INSERT INTO t VALUES (2)").has_value());
    }
    BOOST_TEST(add(new_client_id(0), 1) == errc::name_forgotten); // It may be one of those that are forgotten.
    open();
  }
  BOOST_TEST(add(far_ahead, 2) == errc::none);
}

BOOST_AUTO_TEST_CASE(who_uses_a_number_before_its_client_keeps_nothing_of_it_from_being_applied) {
  open("CREATE TABLE t(a)");
  auto victim = connect();
  BOOST_REQUIRE(victim.execute("INSERT INTO t VALUES ('first')"));
  const auto names = storage::sqlite::make_database(database())->prepare(false);
  BOOST_REQUIRE((names && names->names.size() == 1u));
  auto theirs = execute("INSERT INTO t VALUES ('theirs')");
  theirs.name = names->names[0].name;
  BOOST_TEST(code_of(connect().execute(theirs)) == errc::name_taken);
  ++theirs.name.number;
  BOOST_REQUIRE(connect().execute(theirs));
  BOOST_REQUIRE(victim.execute("INSERT INTO t VALUES ('second')"));
  BOOST_TEST(rows("SELECT a FROM t ORDER BY rowid") == "first\ntheirs\nsecond");
  open();
  auto late = execute("INSERT INTO t VALUES ('late')");
  late.name = theirs.name;
  BOOST_TEST(code_of(connect().execute(late)) == errc::name_taken);
  BOOST_TEST(connect().execute(theirs).has_value()); // As it was sent.
  BOOST_TEST(rows("SELECT count(*) FROM t") == "3");
}

BOOST_AUTO_TEST_SUITE_END()
