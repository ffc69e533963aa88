#include <millrace/storage/codec/codec.hpp>
#include <millrace/storage/sqlite/common/outcome_record.hpp>
#include <millrace/tests/support/storage/sqlite_fixture.hpp>

#include <string>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::storage::testing;
using namespace std::chrono_literals;

namespace {

transaction named_as(transaction work, const uuid& client, std::uint64_t number) {
  work.name = {client, number};
  return work;
}

struct outcome_fixture : database_fixture {
  outcome_fixture() { schema("CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE)"); }

  std::optional<answer> recorded(std::uint64_t seq) {
    auto reader = sqlite::make_database(file)->open_reader();
    BOOST_REQUIRE(reader);
    auto found = (*reader)->recorded_outcome(seq);
    BOOST_REQUIRE_MESSAGE(found, found.error().detail);
    return std::move(*found);
  }

  database_identity identity() {
    auto read = sqlite::make_database(file)->prepare(true);
    BOOST_REQUIRE_MESSAGE(read, read.error().detail);
    return std::move(*read);
  }

  transaction insert(int number) { return execute("INSERT INTO t(a) VALUES (?1)", number); }

  const uuid client = new_client_id(0);
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(sqlite_outcome_suite, outcome_fixture)

BOOST_AUTO_TEST_CASE(what_a_name_came_to_is_recorded_in_full_whatever_the_first_sending_asked_for) {
  auto durable = named_as(execute("INSERT INTO t(a) VALUES (9) RETURNING a"), client, 1);
  durable.acknowledgement = ack::durable;
  apply_one(durable);
  const auto found = recorded(2);
  BOOST_REQUIRE((found && *found));
  BOOST_TEST((*found)->results.at(0).rows[0][0].as_integer() == 9);
}

BOOST_AUTO_TEST_CASE(the_outcomes_of_named_transactions_are_recorded_as_they_were_answered) {
  auto grouped = execute("INSERT INTO t(a) VALUES (2), (3) RETURNING id, a AS \"ä\", NULL, 1.5, x'00ff'");
  grouped.in_group(on_error::continue_after, [](transaction& group) { group.add("INSERT INTO t(a) VALUES (2)"); });
  grouped.add("DELETE FROM t WHERE a = 3");
  auto durable = insert(9);
  durable.acknowledgement = ack::durable;
  const auto replies = apply({
    insert(1),
    named_as(grouped, client, 1),
    insert(4),
    named_as(insert(2), client, 5),
    named_as(durable, new_client_id(0), 1'000'000),
    named_as(execute("INSERT OR ROLLBACK INTO t(a) VALUES (2)"), client, 6),
    named_as(insert(10), client, 7),
  });
  open();
  BOOST_TEST(code_of(replies[3]) == errc::constraint);
  BOOST_TEST(code_of(replies[5]) == errc::constraint);
  for (const std::uint64_t seq : {3u, 5u, 6u, 7u, 8u}) {
    BOOST_TEST_CONTEXT("seq " << seq) {
      const auto found = recorded(seq);
      BOOST_REQUIRE(found);
      BOOST_TEST((*found == replies.at(seq - 2)));
    }
  }
  for (const std::uint64_t seq : {0u, 1u, 2u, 4u, 9u, 1'000u}) {
    BOOST_TEST_CONTEXT("seq " << seq) {
      BOOST_TEST(!recorded(seq));
    }
  }
}

BOOST_AUTO_TEST_CASE(one_call_makes_one_row_and_the_identity_knows_its_names) {
  const auto other = new_client_id(0);
  const auto first = next_batch({insert(1), named_as(insert(2), client, 1)});
  const auto second = next_batch({named_as(insert(3), other, 4), insert(4), named_as(insert(5), client, 2)});
  second->first_seq += 2;
  second->accept_time_ms += 5;
  const batch_ptr both[] = {first, second};
  apply_all(both);
  BOOST_TEST(rows("SELECT first_seq, last_seq, accept_time_ms - 1600000000000, count FROM millrace_outcomes")
             == "3|6|5|3");
  apply({named_as(insert(6), client, 3)});
  const auto known = identity();
  BOOST_REQUIRE(known.names.size() == 4u);
  const recorded_name expected[] = {{{client, 1}, 3}, {{other, 4}, 4}, {{client, 2}, 6}, {{client, 3}, 7}};
  for (std::size_t i = 0; i < 4; ++i) {
    BOOST_TEST((known.names[i].name == expected[i].name));
    BOOST_TEST(known.names[i].seq == expected[i].seq);
  }
  BOOST_TEST(known.forgotten_upto == 0u);
}

BOOST_AUTO_TEST_CASE(the_identity_knows_what_each_name_is_bound_to) {
  const auto first = named_as(insert(1), client, 1);
  const auto refused = named_as(execute("INSERT INTO nowhere VALUES (1)"), client, 2);
  const auto word = named_as({}, client, 3);
  const auto batch = next_batch({first, refused, word});
  BOOST_REQUIRE(try_to_apply(batch));
  const auto known = identity();
  BOOST_REQUIRE(known.names.size() == 3u);
  byte_writer scratch;
  BOOST_TEST(known.names[0].content == bound_name_of(first, scratch).content);
  BOOST_TEST(known.names[1].content == bound_name_of(refused, scratch).content);
  BOOST_TEST(known.names[0].content != known.names[1].content);
  BOOST_TEST(known.names[2].content == 0u); // What it was bound to is forgotten, too.
  plain_connection{file}.execute("UPDATE millrace_outcomes SET contents = substr(contents, 1, 20)");
  BOOST_TEST(sqlite::make_database(file)->prepare(true).error().code == errc::corrupt);
}

BOOST_AUTO_TEST_CASE(the_word_that_a_number_is_forgotten_is_recorded_as_its_outcome) {
  const auto batch = next_batch({named_as(insert(1), client, 5), named_as({}, client, 7)});
  const auto answers = try_to_apply(batch);
  BOOST_REQUIRE(answers);
  BOOST_TEST(answers->at(0).has_value());
  BOOST_TEST((answers->at(1).error().code == errc::name_forgotten));
  BOOST_TEST((recorded(batch->last_seq())->error().code == errc::name_forgotten));
  const auto known = identity();
  BOOST_REQUIRE(known.names.size() == 2u);
  BOOST_TEST((known.names[1].name == transaction_name{client, 7}));
  BOOST_TEST(known.names[1].accepted_ms == batch->accept_time_ms);
}

BOOST_AUTO_TEST_CASE(work_without_a_name_is_not_recorded) {
  apply({insert(1), insert(1), execute("SELECT a FROM t")});
  BOOST_TEST(rows("SELECT count(*) FROM millrace_outcomes") == "0");
}

BOOST_AUTO_TEST_CASE(what_a_rolled_back_call_recorded_is_gone_with_it) {
  apply({named_as(insert(1), client, 1)});
  const auto next = next_batch({named_as(insert(2), client, 2), named_as(insert(3), client, 3)});
  {
    plain_connection other{file};
    other.execute("BEGIN IMMEDIATE");
    BOOST_REQUIRE(!try_to_apply(next));
  }
  BOOST_TEST(identity().names.size() == 1u);
  BOOST_REQUIRE(try_to_apply(next));
  BOOST_TEST(rows("SELECT first_seq, count FROM millrace_outcomes") == "2|1\n3|2");
}

BOOST_AUTO_TEST_CASE(rows_that_are_too_large_are_left_out_and_marked) {
  const auto blob_of = [](std::size_t size) { return "SELECT zeroblob(" + std::to_string(size) + ") AS b"; };
  const auto replies = apply({
    named_as(execute(blob_of(recorded_rows_bytes_max)), client, 1),
    named_as(
      execute(blob_of(recorded_rows_bytes_max / 2)).add(blob_of(recorded_rows_bytes_max / 2)).add("SELECT 7 AS b"),
      client, 2),
  });
  BOOST_TEST(replies[0]->results[0].rows.size() == 1u);
  const auto first = recorded(2);
  BOOST_REQUIRE((first && *first));
  BOOST_TEST((**first).results[0].rows.empty());
  BOOST_TEST((**first).results[0].rows.truncated());
  const auto second = recorded(3);
  BOOST_REQUIRE((second && *second));
  BOOST_TEST((**second).results[0].rows.size() == 1u);
  BOOST_TEST((**second).results[1].rows.truncated());
  BOOST_TEST((**second).results[2].rows[0][0].as_integer() == 7);
}

BOOST_AUTO_TEST_CASE(a_long_detail_is_cut_between_two_characters) {
  std::string name = "x";
  for (int i = 0; i < 1'000; ++i) {
    name += "ö";
  }
  apply({named_as(execute("SELECT \"" + name + "\""), client, 1)});
  const auto found = recorded(2);
  BOOST_REQUIRE((found && !*found));
  const auto& detail = found->error().detail;
  BOOST_TEST(detail.size() <= 1'024u);
  BOOST_TEST(detail.size() > 1'000u);
  BOOST_TEST(detail.substr(detail.size() - 2) == "ö");
}

BOOST_AUTO_TEST_CASE(a_full_record_ends_the_call_and_the_rest_comes_with_the_next) {
  const auto many = [this](std::uint64_t first) {
    std::vector<work> items;
    for (auto number = first; number < first + 100; ++number) {
      items.emplace_back(named_as(execute("SELECT zeroblob(60000) AS b"), client, number));
    }
    return items;
  };
  const auto first = next_batch(many(1));
  const auto second = next_batch(many(101));
  second->first_seq += 100;
  const batch_ptr both[] = {first, second};
  const auto answers = writer->apply(both, mark, {});
  BOOST_REQUIRE(answers);
  BOOST_TEST(answers->size() > 50u);
  BOOST_TEST(answers->size() < 100u);
  BOOST_TEST(writer->applied_seq() == 1u + answers->size());
  BOOST_TEST(mark.now.ended);
  apply_all(both);
  BOOST_TEST(identity().names.size() == 200u);
  BOOST_TEST(rows("SELECT max(length(outcomes)) < 5000000, count(*) FROM millrace_outcomes") == "1|3");
}

BOOST_AUTO_TEST_CASE(beyond_the_window_the_oldest_are_forgotten_and_the_last_of_them_remembered) {
  open({.outcomes = {.count = 3}});
  apply({named_as(insert(1), client, 1), named_as(insert(2), client, 2)});
  apply({named_as(insert(3), client, 3)});
  BOOST_TEST(rows("SELECT first_seq FROM millrace_outcomes") == "2\n4");
  BOOST_TEST(identity().forgotten_upto == 0u);
  apply({insert(4), named_as(insert(5), client, 4), named_as(insert(6), client, 5)});
  BOOST_TEST(rows("SELECT first_seq FROM millrace_outcomes") == "4\n6");
  BOOST_TEST(identity().forgotten_upto == 3u);
  // What was counted before is counted after opening again.
  open({.outcomes = {.count = 3}});
  apply({named_as(insert(7), client, 6)});
  BOOST_TEST(rows("SELECT first_seq FROM millrace_outcomes") == "6\n8");
  BOOST_TEST(identity().forgotten_upto == 4u);
  BOOST_TEST(!recorded(4));
  BOOST_TEST((recorded(6) && *recorded(6)));
}

BOOST_AUTO_TEST_CASE(at_least_as_many_as_the_window_says_are_kept) {
  open({.outcomes = {.count = 4}});
  apply({named_as(insert(1), client, 1), named_as(insert(2), client, 2), named_as(insert(3), client, 3)});
  apply({named_as(insert(4), client, 4), named_as(insert(5), client, 5), named_as(insert(6), client, 6)});
  BOOST_TEST(rows("SELECT sum(count) FROM millrace_outcomes") == "6");
  apply({named_as(insert(7), client, 7)});
  BOOST_TEST(rows("SELECT sum(count) FROM millrace_outcomes") == "4");
}

BOOST_AUTO_TEST_CASE(outcomes_grow_old_by_accept_time_and_few_rows_go_at_once) {
  open({.outcomes = {.age = 24'000ms}});
  for (int number = 1; number <= 6; ++number) {
    apply({named_as(insert(number), client, number)});
  }
  const auto go_on = [this](int first, int last) {
    for (int number = first; number <= last; ++number) {
      time_ms += 1'000;
      apply({named_as(insert(number), client, number)});
    }
  };
  go_on(7, 30);
  BOOST_TEST(rows("SELECT count(*) FROM millrace_outcomes") == "30");
  open({.outcomes = {.age = 24'000ms}});
  time_ms += 1'000;
  apply({insert(31)});
  BOOST_TEST(rows("SELECT count(*) FROM millrace_outcomes") == "30");
  time_ms -= 1'000;
  go_on(32, 32);
  BOOST_TEST(rows("SELECT min(first_seq), count(*) FROM millrace_outcomes") == "6|27");
  BOOST_TEST(identity().forgotten_upto == 5u);
  go_on(33, 33);
  BOOST_TEST(rows("SELECT min(first_seq) FROM millrace_outcomes") == "9");
}

BOOST_AUTO_TEST_CASE(a_clock_that_is_a_year_ahead_for_a_moment_makes_nothing_forgotten_and_keeps_nothing) {
  open({.outcomes = {.age = 24'000ms}});
  constexpr std::int64_t year_ms = 365ll * 24 * 3'600 * 1'000;
  const auto at = [this, start = time_ms](std::int64_t after_ms, int number) {
    time_ms = start + after_ms;
    apply({named_as(insert(number), client, number)});
  };
  at(0, 1);
  at(year_ms, 2);
  for (int number = 3; number <= 26; ++number) {
    at((number - 2) * 1'000, number);
  }
  BOOST_TEST(rows("SELECT count(*) FROM millrace_outcomes") == "26");
  at(25'000, 27);
  BOOST_TEST(rows("SELECT min(first_seq) FROM millrace_outcomes") == "3");
  at(26'000, 28);
  BOOST_TEST(rows("SELECT min(first_seq) FROM millrace_outcomes") == "5");
}

BOOST_AUTO_TEST_CASE(damaged_records_are_noticed) {
  apply({named_as(insert(1), client, 1)});
  plain_connection{file}.execute("UPDATE millrace_outcomes SET outcomes = substr(outcomes, 1, 10)");
  const auto refused = sqlite::make_database(file)->prepare(true);
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().code == errc::corrupt);
  auto reader = sqlite::make_database(file)->open_reader();
  BOOST_REQUIRE(reader);
  const auto unread = (*reader)->recorded_outcome(2);
  BOOST_REQUIRE(!unread);
  BOOST_TEST(unread.error().code == errc::corrupt);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(outcome_record_suite)

BOOST_AUTO_TEST_CASE(no_bytes_are_read_as_more_than_they_hold) {
  row_set rows{std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"a", "b"})};
  rows.begin_row();
  rows.add_integer(5);
  rows.add_text("text");
  outcome done;
  done.seq = 70'000;
  done.results.push_back({.rows_changed = 3, .last_row_id = -4, .rows = rows, .error = {}});
  done.results.push_back({.rows_changed = 0, .last_row_id = 0, .rows = {}, .error = failure{errc::constraint, "no"}});
  sqlite::outcome_record_writer record;
  record.add({{new_client_id(0), 300}}, 69'999, tl::unexpected{failure{errc::bad_sql, "what"}});
  record.add({{new_client_id(0), 301}}, 70'000, done);
  const std::string bytes{record.bytes()};

  sqlite::outcome_record_reader whole{record.first_seq(), bytes};
  const auto first = whole.next();
  const auto second = whole.next();
  BOOST_REQUIRE((first && second && !whole.next() && whole.ok()));
  BOOST_TEST(second->seq == 70'000u);
  BOOST_TEST(second->name.number == 301u);
  BOOST_TEST((sqlite::decode_answer(70'000, second->reply) == std::optional{answer{done}}));

  const std::string reply{second->reply};
  for (std::size_t size = 0; size < reply.size(); ++size) {
    BOOST_TEST(!sqlite::decode_answer(1, std::string_view{reply}.substr(0, size)));
  }
  BOOST_TEST(!sqlite::decode_answer(1, reply + '\0'));
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    sqlite::outcome_record_reader part{1, std::string_view{bytes}.substr(0, size)};
    int entries = 0;
    for (auto entry = part.next(); entry; entry = part.next()) {
      ++entries;
    }
    BOOST_TEST((entries < 2 && (!part.ok() || entries == 1)));
  }
  // Whatever a byte is changed to, what is read stays within bounds.
  for (std::size_t at = 0; at < reply.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      auto changed = reply;
      changed[at] = static_cast<char>(value);
      if (const auto read = sqlite::decode_answer(1, changed); read && *read) {
        BOOST_REQUIRE((*read)->results.size() <= reply.size());
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
