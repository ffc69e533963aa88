#include <millrace/messages/limits.hpp>
#include <millrace/tests/support/storage/sqlite_fixture.hpp>

#include <string>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::storage::testing;

namespace {

using action = quarantine_order::action;

struct quarantine_fixture : database_fixture {
  quarantine_fixture() { schema("CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE)"); }

  /// Sets the work aside after three deaths; gives its `seq`.
  std::uint64_t set_aside(work item) {
    std::vector<work> items;
    items.push_back(std::move(item));
    const auto next = next_batch(std::move(items));
    next->skipped = {{next->first_seq, errc::quarantined, 3}};
    const auto replies = try_to_apply(next);
    BOOST_REQUIRE(replies);
    BOOST_REQUIRE(code_of(replies->at(0)) == errc::quarantined);
    return next->first_seq;
  }

  quarantine_listing list(std::uint64_t after = 0, std::uint32_t limit = 100) {
    auto reader = sqlite::make_database(file)->open_reader();
    BOOST_REQUIRE(reader);
    auto listing = (*reader)->quarantine(after, limit);
    BOOST_REQUIRE_MESSAGE(listing, listing.error().detail);
    return std::move(*listing);
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(sqlite_quarantine_suite, quarantine_fixture)

BOOST_AUTO_TEST_CASE(skipped_work_is_answered_with_its_reason_and_not_run) {
  auto named = execute("INSERT INTO t(a) VALUES ('late too')");
  named.name = {new_client_id(0), 1};
  const auto next = next_batch({execute("INSERT INTO t(a) VALUES ('first')"),
                                execute("INSERT INTO t(a) VALUES ('late')"), named,
                                execute("INSERT INTO t(a) VALUES ('last')")});
  next->skipped = {{3, errc::deadline_exceeded, 0}, {4, errc::deadline_exceeded, 1}};
  const auto replies = try_to_apply(next);
  BOOST_REQUIRE(replies);
  BOOST_TEST(code_of(replies->at(0)) == errc::none);
  BOOST_TEST(code_of(replies->at(1)) == errc::deadline_exceeded);
  BOOST_TEST(code_of(replies->at(2)) == errc::deadline_exceeded);
  BOOST_TEST(replies->at(1).error().detail == "seq 3 was not applied");
  BOOST_TEST(replies->at(2).error().detail.find("too long, and others waited") != std::string::npos);
  BOOST_TEST(code_of(replies->at(3)) == errc::none);
  BOOST_TEST(rows("SELECT a FROM t") == "first\nlast");
  BOOST_TEST(list().entries.empty());
  auto reader = sqlite::make_database(file)->open_reader();
  BOOST_REQUIRE(reader);
  const auto recorded = (*reader)->recorded_outcome(4);
  BOOST_REQUIRE((recorded && *recorded));
  BOOST_TEST(code_of(**recorded) == errc::deadline_exceeded);
  const std::vector<std::uint64_t> tried{2, 0, 0, 5, 0};
  BOOST_TEST(mark.now.at == tried, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_is_set_aside_is_kept_whole_and_listed_oldest_first) {
  auto poison = execute("INSERT INTO t(a) VALUES (?1)", blob{std::string("\0x", 2)}).add("DELETE FROM t");
  poison.in_group(on_error::continue_after, [](transaction& group) { group.add("SELECT :n", named{":n", 1.5}); });
  poison.name = {new_client_id(0), 77};
  const auto first = set_aside(poison);
  time_ms += 1'000;
  const auto second = set_aside(execute("DELETE FROM t"));
  const auto third = set_aside(schema_script{"s", "CREATE TABLE u(a)"});
  BOOST_TEST(rows("SELECT count(*) FROM t") == "0");

  const auto all = list();
  BOOST_REQUIRE(all.entries.size() == 3u);
  BOOST_TEST(!all.more);
  BOOST_TEST(all.entries[0].seq == first);
  BOOST_TEST(all.entries[0].accepted_ms == time_ms - 1'000);
  BOOST_TEST(all.entries[0].deaths == 3u);
  BOOST_TEST((all.entries[0].work == poison));
  BOOST_TEST(all.entries[1].seq == second);
  BOOST_TEST(all.entries[1].accepted_ms == time_ms);
  BOOST_TEST(all.entries[2].seq == third);
  BOOST_TEST(all.entries[2].work.statements.at(0).sql == "CREATE TABLE u(a)");

  BOOST_TEST(list(0, 3).more == false);
  BOOST_TEST(list(0, 2).more == true);
  BOOST_TEST(list(0, 2).entries.size() == 2u);
  const auto rest = list(first, 1);
  BOOST_REQUIRE(rest.entries.size() == 1u);
  BOOST_TEST(rest.entries[0].seq == second);
  BOOST_TEST(rest.more);
  BOOST_TEST(list(third).entries.empty());
}

BOOST_AUTO_TEST_CASE(work_that_is_as_large_as_any_may_be_can_be_set_aside_and_resubmitted) {
  auto poison = execute("INSERT INTO t(a) VALUES (length(?1) + length(?2))",
                        blob{std::string(limits::value_bytes_max, 'x')}, blob{std::string{}});
  poison.name = {new_client_id(0), 1};
  const auto rest = limits::transaction_bytes_max - payload_bytes(poison);
  poison.statements[0].parameters[1] = blob{std::string(rest, 'y')};
  BOOST_REQUIRE(payload_bytes(poison) == limits::transaction_bytes_max);
  const auto changes = set_aside(poison);
  const auto script = set_aside(
    schema_script{std::string(limits::sql_bytes_max, 'n'), std::string(limits::transaction_bytes_max, ' ')});

  BOOST_REQUIRE(list(0, 1).entries.size() == 1u);
  BOOST_TEST((list(0, 1).entries[0].work == poison));
  BOOST_TEST(list(changes).entries.at(0).work.statements.at(0).sql.size() == limits::transaction_bytes_max);
  const auto replies = apply({quarantine_order{changes, action::resubmit}, quarantine_order{script, action::discard}});
  BOOST_TEST(code_of(replies[0]) == errc::none);
  BOOST_TEST(code_of(replies[1]) == errc::none);
  BOOST_TEST(rows("SELECT a FROM t") == std::to_string(limits::value_bytes_max + rest));
}

BOOST_AUTO_TEST_CASE(a_resubmitted_transaction_is_applied_as_the_order_and_leaves_quarantine) {
  auto poison = execute("INSERT INTO t(a) VALUES (strftime('%s', 'now')) RETURNING a");
  poison.name = {new_client_id(0), 5};
  const auto seq = set_aside(poison);
  const auto other = set_aside(execute("DELETE FROM t"));
  time_ms += 60'000;
  const auto replies = apply({quarantine_order{seq, action::resubmit}, quarantine_order{other, action::discard}});
  const auto& reply = replies[0];
  BOOST_REQUIRE_MESSAGE(reply, detail_of(reply));
  BOOST_TEST(reply->seq == seq + 2);
  BOOST_REQUIRE(reply->results.size() == 1u);
  BOOST_TEST(reply->results[0].rows[0][0].as_text() == "1600000060");
  BOOST_TEST(list().entries.empty());
  BOOST_TEST(rows("SELECT a FROM t") == "1600000060");

  const auto known = sqlite::make_database(file)->prepare(true);
  BOOST_REQUIRE(known);
  BOOST_REQUIRE(known->names.size() == 2u);
  BOOST_TEST((known->names[1].name == poison.name));
  BOOST_TEST(known->names[1].seq == seq + 2);
  auto reader = sqlite::make_database(file)->open_reader();
  BOOST_REQUIRE(reader);
  const auto recorded = (*reader)->recorded_outcome(seq + 2);
  BOOST_REQUIRE((recorded && *recorded));
  BOOST_TEST((**recorded == reply));
  BOOST_TEST(code_of(apply_one(quarantine_order{seq, action::resubmit})) == errc::not_found);
  BOOST_TEST(rows("SELECT count(*) FROM millrace_outcomes") == "2");
}

BOOST_AUTO_TEST_CASE(a_resubmitted_transaction_that_fails_stays_in_quarantine) {
  apply({execute("INSERT INTO t(a) VALUES (1)")});
  auto named = execute("INSERT INTO t(a) VALUES (2)").add("INSERT INTO t(a) VALUES (1)");
  named.name = {new_client_id(0), 5};
  const auto plain = set_aside(named);
  const auto ending = set_aside(execute("INSERT OR ROLLBACK INTO t(a) VALUES (1)"));
  const auto replies = apply({
    execute("INSERT INTO t(a) VALUES (3)"),
    quarantine_order{plain, action::resubmit},
    quarantine_order{ending, action::resubmit},
    execute("INSERT INTO t(a) VALUES (4)"),
  });
  BOOST_TEST(code_of(replies[0]) == errc::none);
  BOOST_TEST(code_of(replies[1]) == errc::constraint);
  BOOST_TEST(code_of(replies[2]) == errc::constraint);
  BOOST_TEST(code_of(replies[3]) == errc::none);
  BOOST_TEST(rows("SELECT a FROM t ORDER BY a") == "1\n3\n4");
  BOOST_TEST(list().entries.size() == 2u);
  BOOST_TEST(rows("SELECT count(*) FROM millrace_outcomes") == "1");
}

BOOST_AUTO_TEST_CASE(a_discarded_transaction_is_gone_without_an_effect) {
  const auto seq = set_aside(execute("INSERT INTO t(a) VALUES (1)"));
  const auto replies = apply({quarantine_order{seq, action::discard}, quarantine_order{seq, action::discard},
                              quarantine_order{seq + 100, action::resubmit}});
  BOOST_REQUIRE(replies[0]);
  BOOST_TEST(replies[0]->seq == seq + 1);
  BOOST_TEST(code_of(replies[1]) == errc::not_found);
  BOOST_TEST(code_of(replies[2]) == errc::not_found);
  BOOST_TEST(list().entries.empty());
  BOOST_TEST(rows("SELECT count(*) FROM t") == "0");
}

BOOST_AUTO_TEST_CASE(an_order_that_is_itself_set_aside_leaves_the_transaction_where_it_was) {
  const auto seq = set_aside(execute("INSERT INTO t(a) VALUES (1)"));
  set_aside(quarantine_order{seq, action::resubmit});
  const auto all = list();
  BOOST_REQUIRE(all.entries.size() == 1u);
  BOOST_TEST(all.entries[0].seq == seq);
}

BOOST_AUTO_TEST_CASE(a_writer_tells_how_many_are_in_quarantine_also_after_opening_again) {
  BOOST_TEST(writer->quarantined() == 0u);
  const auto first = set_aside(execute("INSERT INTO t(a) VALUES (1)"));
  const auto second = set_aside(execute("INSERT INTO t(a) VALUES (2)"));
  set_aside(quarantine_order{second, action::resubmit});
  BOOST_TEST(writer->quarantined() == 2u);
  open();
  BOOST_TEST(writer->quarantined() == 2u);
  // The second fails halfway, so that both are run again with savepoints.
  apply({quarantine_order{first, action::discard},
         execute("INSERT INTO t(a) VALUES (3)").add("INSERT INTO t(a) VALUES (3)")});
  BOOST_TEST(writer->quarantined() == 1u);
  BOOST_TEST(code_of(apply_one(quarantine_order{first, action::discard})) == errc::not_found);
  BOOST_TEST(writer->quarantined() == 1u);
  BOOST_TEST(code_of(apply_one(quarantine_order{second, action::resubmit})) == errc::none);
  BOOST_TEST(writer->quarantined() == 0u);
}

BOOST_AUTO_TEST_CASE(a_call_that_is_rolled_back_changes_nothing_in_how_many_are_in_quarantine) {
  const auto seq = set_aside(execute("INSERT INTO t(a) VALUES (1)"));
  set_aside(execute("INSERT INTO t(a) VALUES (2)"));
  open({.transaction_time_max = std::chrono::milliseconds{50}});
  const auto endless = execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n");
  const auto next = next_batch({quarantine_order{seq, action::discard}, endless});
  BOOST_TEST(try_to_apply(next)->size() == 1u); // The order was rolled back, and obeyed again without it.
  BOOST_TEST(writer->quarantined() == 1u);
  BOOST_TEST(try_to_apply(next).error().suspects == 1u);
  BOOST_TEST(writer->quarantined() == 1u);
}

BOOST_AUTO_TEST_CASE(a_script_can_be_resubmitted) {
  const auto seq = set_aside(schema_script{"later", "CREATE TABLE u(a)"});
  const auto replies = apply({quarantine_order{seq, action::resubmit}, execute("INSERT INTO u VALUES (1)")});
  BOOST_TEST(code_of(replies[0]) == errc::none);
  BOOST_TEST(code_of(replies[1]) == errc::none);
  BOOST_TEST(rows("SELECT name, seq FROM millrace_schema WHERE name = 'later'") == "later|3");
}

BOOST_AUTO_TEST_CASE(a_script_that_is_resubmitted_may_take_any_time_too) {
  const auto seq = set_aside(schema_script{"later",
                                           "CREATE TABLE u(a); INSERT INTO u WITH RECURSIVE n(i) AS (SELECT 1 UNION "
                                           "ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT i FROM n"});
  open({.transaction_time_max = std::chrono::milliseconds{1}});
  BOOST_TEST(code_of(apply_one(quarantine_order{seq, action::resubmit})) == errc::none);
}

BOOST_AUTO_TEST_CASE(notes_in_the_log_have_no_effect_of_their_own) {
  const auto before = rows("SELECT * FROM sqlite_schema");
  const auto replies = apply({skip_order{{1}, errc::quarantined, 3}, stretch_end{}});
  BOOST_REQUIRE((replies[0] && replies[1]));
  BOOST_TEST((*replies[0] == outcome{2, {}}));
  BOOST_TEST((*replies[1] == outcome{3, {}}));
  BOOST_TEST(rows("SELECT * FROM sqlite_schema") == before);
  BOOST_TEST(rows("SELECT applied_seq FROM millrace_meta") == "3");
}

BOOST_AUTO_TEST_SUITE_END()
