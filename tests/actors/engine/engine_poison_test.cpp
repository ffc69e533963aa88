#include <millrace/tests/support/actors/answer_recorder.hpp>
#include <millrace/tests/support/actors/engine_fixture.hpp>

#include <algorithm>
#include <array>

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::seconds recorder_patience{30};
/// Runs until it is interrupted, which ends the writer.
constexpr auto endless_insert =
  "INSERT INTO t SELECT count(*) FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM "
  "c)";

struct engine_poison_fixture : engine_fixture {
  answer_recorder recorder{system};

  engine_poison_fixture() {
    settings.database.transaction_time_max = 50ms;
    open("CREATE TABLE t(n INTEGER)");
  }

  static transaction insert(int n) { return execute("INSERT INTO t VALUES (?1)", n); }

  reply_content answer_to(std::size_t request) {
    BOOST_REQUIRE(recorder.wait_for(request, recorder_patience));
    return recorder.look(request).replies.front().content;
  }
  template <class Request>
  reply_content order(Request request) {
    return answer_to(recorder.send(tested->operations(), std::move(request)));
  }
  std::vector<quarantined_transaction> quarantine() {
    return std::get<quarantine_listing>(order(quarantine_list{})).entries;
  }
  std::string reason_of(std::uint64_t seq) {
    const auto told = std::get<quarantine_reasons>(order(quarantine_reasons_request{.after = seq - 1, .limit = 1}));
    BOOST_REQUIRE_EQUAL(told.entries.size(), 1u);
    BOOST_TEST(told.entries[0].seq == seq);
    return told.entries[0].text;
  }
  /// Waits until health names what the writer runs.
  bool is_named(std::uint64_t seq) {
    auto db = connect();
    const auto named = "The writer has run seq " + std::to_string(seq) + " for ";
    return eventually([&] {
      const auto report = db.health();
      return report && std::ranges::any_of(report->reasons, [&](const auto& one) { return one.starts_with(named); });
    });
  }
  /// What the health report says is in quarantine, once it tells of all that is applied now.
  std::uint64_t reported() {
    auto db = connect();
    const auto applied = db.execute(insert(0));
    BOOST_REQUIRE(applied.has_value());
    std::uint64_t count = 0;
    BOOST_REQUIRE(eventually([&] {
      const auto report = db.health();
      count = report ? report->quarantined : 0;
      return report && report->applied_seq >= applied->seq;
    }));
    return count;
  }
};

} // namespace

/// A transaction that ends the writer each time it is tried, in an engine that goes on.
BOOST_FIXTURE_TEST_SUITE(engine_poison_suite, engine_poison_fixture)

BOOST_AUTO_TEST_CASE(a_transaction_that_ends_the_writer_is_set_aside_and_its_neighbours_are_applied_once) {
  plain_connection other{database()};
  other.execute("BEGIN IMMEDIATE");
  const auto before = recorder.send(tested->front(), insert(1));
  const auto poison = recorder.send(tested->front(), execute(endless_insert));
  const auto after = recorder.send(tested->front(), insert(2));
  other.execute("ROLLBACK");
  BOOST_TEST(code_of(answer_to(before)) == errc::none);
  BOOST_TEST(code_of(answer_to(poison)) == errc::quarantined);
  BOOST_TEST(code_of(answer_to(after)) == errc::none);
  BOOST_TEST(tested->restarts("writer") == 0);
  BOOST_TEST(rows("SELECT n FROM t ORDER BY rowid") == "1\n2");
  const auto set_aside = quarantine();
  BOOST_REQUIRE_EQUAL(set_aside.size(), 1u);
  BOOST_TEST(set_aside[0].deaths == 1u); // It was no accident.
  BOOST_TEST(set_aside[0].work.statements.at(0).sql == endless_insert);
  const auto why = reason_of(set_aside[0].seq);
  BOOST_TEST(why.find("computes for more than") != std::string::npos, why);
}

/// SQLite calls it a full disk when it commits, with whatever is committed at the same time.
BOOST_AUTO_TEST_CASE(one_that_no_commit_takes_is_set_aside_and_its_neighbours_are_applied_once_in_order) {
  settings.scripts.push_back({"0002", "CREATE VIRTUAL TABLE words USING fts5(body)"});
  open();
  tested.reset();
  {
    plain_connection other{database()};
    other.execute(
      "PRAGMA synchronous = OFF; INSERT INTO words(words, rank) VALUES ('automerge', 0);"
      "INSERT INTO words(words, rank) VALUES ('crisismerge', 2000)");
    while (other.try_execute("INSERT INTO words VALUES ('word')")) {}
  }
  open();
  plain_connection other{database()};
  other.execute("BEGIN IMMEDIATE");
  std::vector<std::size_t> sent;
  for (int n = 1; n <= 20; ++n) {
    sent.push_back(
      recorder.send(tested->front(), n % 10 == 5 ? execute("INSERT INTO words VALUES ('one more')") : insert(n)));
  }
  other.execute("ROLLBACK");
  for (int n = 1; n <= 20; ++n) {
    BOOST_TEST(code_of(answer_to(sent[n - 1])) == (n % 10 == 5 ? errc::quarantined : errc::none));
  }
  BOOST_TEST(rows("SELECT group_concat(n) FROM t") == "1,2,3,4,6,7,8,9,10,11,12,13,14,16,17,18,19,20");
  BOOST_TEST(quarantine().size() == 2u);
  BOOST_TEST(tested->restarts("writer") == 0);
}

BOOST_AUTO_TEST_CASE(what_waits_is_set_aside_when_an_operator_wishes_it_and_the_others_are_applied) {
  plain_connection other{database()};
  other.execute("BEGIN IMMEDIATE");
  std::vector<std::uint64_t> seqs;
  for (int n = 1; n <= 2; ++n) {
    auto work = insert(n);
    work.acknowledgement = ack::durable;
    seqs.push_back(std::get<outcome>(answer_to(recorder.send(tested->front(), work))).seq);
  }
  BOOST_TEST(code_of(order(quarantine_set_aside{seqs[0]})) == errc::none);
  other.execute("ROLLBACK");
  BOOST_TEST(connect().execute(insert(3)).has_value());
  BOOST_TEST(rows("SELECT n FROM t ORDER BY rowid") == "2\n3");
  BOOST_REQUIRE_EQUAL(quarantine().size(), 1u);
  BOOST_TEST(quarantine()[0].seq == seqs[0]);
  BOOST_TEST(quarantine()[0].deaths == 0u);
  BOOST_TEST(code_of(order(quarantine_set_aside{seqs[0]})) == errc::not_found);
  BOOST_TEST(code_of(order(quarantine_resubmit{seqs[0]})) == errc::none);
  BOOST_TEST(rows("SELECT n FROM t ORDER BY rowid") == "2\n3\n1");
}

BOOST_AUTO_TEST_CASE(what_computes_is_named_and_set_aside_when_an_operator_wishes_it) {
  settings.database.transaction_time_max = 10min;
  open();
  const auto seq = connect().execute(insert(1)).value().seq + 1;
  const auto long_one = recorder.send(tested->front(), execute(endless_insert));
  const auto after = recorder.send(tested->front(), insert(2));
  BOOST_REQUIRE(is_named(seq));
  BOOST_TEST(code_of(order(quarantine_set_aside{seq})) == errc::none);
  BOOST_TEST(code_of(answer_to(long_one)) == errc::quarantined);
  BOOST_TEST(code_of(answer_to(after)) == errc::none);
  BOOST_TEST(rows("SELECT n FROM t ORDER BY rowid") == "1\n2");
  BOOST_REQUIRE_EQUAL(quarantine().size(), 1u);
  BOOST_TEST(quarantine()[0].deaths == 0u);
}

BOOST_AUTO_TEST_CASE(what_computes_while_another_one_is_set_aside_is_tried_again_and_accused_of_nothing) {
  settings.database.transaction_time_max = 10min;
  open();
  const auto seq = connect().execute(insert(1)).value().seq + 1;
  const auto long_one = recorder.send(tested->front(), execute(endless_insert));
  const auto other = recorder.send(tested->front(), insert(2));
  for (int i = 0; i < 5; ++i) { // More often than it may be accused.
    BOOST_REQUIRE(is_named(seq));
    BOOST_TEST(code_of(order(quarantine_set_aside{seq + 1})) == (i == 0 ? errc::none : errc::not_found));
  }
  BOOST_TEST(recorder.look(long_one).replies.empty());
  BOOST_TEST(code_of(order(quarantine_set_aside{seq})) == errc::none);
  BOOST_TEST(code_of(answer_to(other)) == errc::quarantined);
  BOOST_TEST(rows("SELECT n FROM t") == "1");
}

BOOST_AUTO_TEST_CASE(what_computes_when_the_engine_closes_is_left_to_the_next_start_and_so_is_what_comes_after) {
  settings.database.transaction_time_max = 10min;
  settings.drain_deadline = 50ms;
  open();
  const auto seq = connect().execute(insert(1)).value().seq + 1;
  const auto long_one = recorder.send(tested->front(), execute(endless_insert));
  const auto after = recorder.send(tested->front(), insert(2));
  BOOST_REQUIRE(is_named(seq));
  tested.reset();
  BOOST_TEST(escalations.empty());
  BOOST_TEST(code_of(answer_to(long_one)) == errc::outcome_unknown);
  BOOST_TEST(code_of(answer_to(after)) == errc::outcome_unknown);
  settings.database.transaction_time_max = 50ms;
  open();
  BOOST_REQUIRE_EQUAL(quarantine().size(), 1u);
  BOOST_TEST(quarantine()[0].seq == seq);
  BOOST_TEST(rows("SELECT n FROM t ORDER BY rowid") == "1\n2");
}

BOOST_AUTO_TEST_CASE(a_named_one_stays_quarantined_however_often_it_is_sent_and_through_opening_again) {
  auto work = execute(endless_insert);
  work.name = {new_client_id(0), 1};
  for (int life = 1; life <= 2; ++life) {
    for (const auto acknowledgement : {ack::applied, ack::applied, ack::durable}) {
      work.acknowledgement = acknowledgement;
      BOOST_TEST(code_of(answer_to(recorder.send(tested->front(), work))) == errc::quarantined);
    }
    BOOST_TEST(quarantine().size() == 1u);
    open();
  }
}

BOOST_AUTO_TEST_CASE(a_resubmitted_one_that_still_ends_the_writer_stays_in_quarantine) {
  BOOST_REQUIRE(code_of(answer_to(recorder.send(tested->front(), execute(endless_insert)))) == errc::quarantined);
  const auto seq = quarantine().at(0).seq;
  BOOST_TEST(code_of(order(quarantine_resubmit{seq})) == errc::quarantined);
  BOOST_TEST(quarantine().size() == 1u);
  BOOST_TEST(reported() == 1u);
  BOOST_TEST(connect().execute(insert(1)).has_value());
  BOOST_TEST(rows("SELECT n FROM t WHERE n > 0") == "1");
}

BOOST_AUTO_TEST_CASE(a_discarded_one_is_gone_and_so_is_one_that_nobody_set_aside) {
  BOOST_REQUIRE(code_of(answer_to(recorder.send(tested->front(), execute(endless_insert)))) == errc::quarantined);
  const auto seq = quarantine().at(0).seq;
  BOOST_TEST(reported() == 1u);
  open();
  BOOST_TEST(reported() == 1u);
  BOOST_TEST(code_of(order(quarantine_discard{seq})) == errc::none);
  BOOST_TEST(quarantine().empty());
  BOOST_TEST(reported() == 0u);
  BOOST_TEST(code_of(order(quarantine_discard{seq})) == errc::not_found);
  BOOST_TEST(code_of(order(quarantine_resubmit{seq})) == errc::not_found);
}

BOOST_AUTO_TEST_SUITE_END()
