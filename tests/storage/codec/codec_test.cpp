#include <millrace/messages/limits.hpp>
#include <millrace/messages/uuid.hpp>
#include <millrace/storage/codec/codec.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <utility>

using namespace millrace;
using namespace millrace::storage;

namespace {

/// The record without its length.
std::string_view body_of(std::string_view bytes) {
  byte_reader in{bytes};
  const auto body = in.text(bytes.size());
  BOOST_REQUIRE(in.ok());
  BOOST_REQUIRE_EQUAL(in.left(), 0u);
  return body;
}

std::string encoded(const work& item, encoder_dictionary& texts) {
  byte_writer out;
  const auto done = encode(out, texts, item);
  BOOST_REQUIRE_MESSAGE(done, (done ? "" : done.error().detail));
  return std::string{body_of(out.view())};
}

void check_round_trip(const work& item) {
  encoder_dictionary encoder;
  decoder_dictionary decoder;
  for (int use = 0; use < 2; ++use) {
    const auto given = decode(encoded(item, encoder), decoder);
    BOOST_REQUIRE_MESSAGE(given, (given ? "" : given.error().detail));
    BOOST_CHECK(*given == item);
  }
}

value random_value(std::mt19937_64& random) {
  switch (random() % 6) {
    case 0:
      return {};
    case 1:
      return static_cast<std::int64_t>(random() >> (random() % 64));
    case 2:
      return -static_cast<std::int64_t>(random() >> (1 + random() % 63));
    case 3:
      return std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 200) - 100);
    case 4:
      return std::string(random() % 300, static_cast<char>('a' + random() % 26));
    default:
      return blob{std::string(random() % 300, static_cast<char>(random()))};
  }
}

transaction random_transaction(std::mt19937_64& random) {
  transaction made;
  if (random() % 2 == 0) {
    made.name = {new_client_id(0), 1 + (random() >> (1 + random() % 63))};
  }
  for (auto count = random() % 6; count > 0; --count) {
    auto& step = made.statements.emplace_back();
    step.sql = "STATEMENT " + std::to_string(random() % 8) + std::string(random() % 100, 'x');
    step.expected_rows = static_cast<std::int64_t>(random() % 4) - 1;
    for (auto parameters = random() % 5; parameters > 0; --parameters) {
      step.parameters.push_back(random_value(random));
    }
    if (random() % 2 == 0) {
      for (std::size_t i = 0; i < step.parameters.size(); ++i) {
        step.names.push_back(":p" + std::to_string(i));
      }
    }
  }
  for (auto count = random() % 3; count > 0; --count) {
    made.groups.push_back({static_cast<std::uint32_t>(random()), static_cast<std::uint32_t>(random() % 1000),
                           random() % 2 == 0 ? on_error::abort_transaction : on_error::continue_after});
  }
  return made;
}

work random_work(std::mt19937_64& random) {
  switch (random() % 8) {
    case 0:
      return schema_script{std::string(random() % 20, 'n'), std::string(random() % 200, 's')};
    case 1: {
      skip_order order{{}, errc::deadline_exceeded, static_cast<std::uint32_t>(random())};
      for (auto count = 1 + random() % 20; count > 0; --count) {
        order.seqs.push_back(random() >> (random() % 64));
      }
      order.reason.assign(random() % 20, 'r');
      return order;
    }
    case 2:
      return quarantine_order{random(), static_cast<quarantine_order::action>(random() % 2)};
    case 3:
      return stretch_end{};
    default:
      return random_transaction(random);
  }
}

/// Whether so many bytes are a record.
bool decodes(const byte_writer& record) {
  decoder_dictionary texts;
  const auto given = decode(record.view(), texts);
  BOOST_CHECK(given || given.error().code == errc::malformed);
  return given.has_value();
}

} // namespace

BOOST_AUTO_TEST_SUITE(codec)

BOOST_AUTO_TEST_CASE(every_type_of_value_comes_back_as_it_went) {
  constexpr auto least = std::numeric_limits<std::int64_t>::min();
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  check_round_trip(execute("A", nullptr, 0, -1, 1, 63, 64, -64, -65, 127, 128, least, most));
  check_round_trip(execute("B", 0.0, 1.5, -1e300, std::numeric_limits<double>::infinity(), 5e-324));
  check_round_trip(execute("C", "", "text", std::string("with\0zero", 9), "Käse ☃", std::string(100'000, 'x')));
  check_round_trip(execute("D", blob{""}, blob{std::string("\0\xff\x80", 3)}, blob{std::string(70'000, '\xfe')}));
}

BOOST_AUTO_TEST_CASE(minus_zero_keeps_its_sign) {
  encoder_dictionary encoder;
  decoder_dictionary decoder;
  const auto given = decode(encoded(execute("A", -0.0), encoder), decoder);
  BOOST_REQUIRE(given);
  BOOST_CHECK(std::signbit(std::get<double>(std::get<transaction>(*given).statements[0].parameters[0].data())));
}

BOOST_AUTO_TEST_CASE(groups_names_and_row_expectations_come_back) {
  transaction made;
  made.add("UPDATE a SET b = :b WHERE c = :c", named{":b", 1}, named{":c", "x"}).expect_rows(1);
  made.in_group(on_error::continue_after, [](transaction& inner) {
    inner.add("DELETE FROM a");
    inner.in_group(on_error::abort_transaction, [](transaction& innermost) { innermost.add("DELETE FROM b"); });
  });
  check_round_trip(made);
  check_round_trip(transaction{});
  check_round_trip(schema_script{"0001_idea.sql", "CREATE TABLE idea(title, score)"});
  check_round_trip(schema_script{"", ""});
}

BOOST_AUTO_TEST_CASE(orders_and_the_end_of_a_stretch_come_back) {
  check_round_trip(skip_order{{7}, errc::quarantined, 3});
  check_round_trip(skip_order{{7}, errc::quarantined, 3, std::string(skip_reason_max, 'r')});
  check_round_trip(skip_order{{7}, errc::none, 0});
  check_round_trip(skip_order{{1, UINT64_MAX, 0, 300}, errc::deadline_exceeded, UINT32_MAX});
  check_round_trip(stretch_end{});
  check_round_trip(quarantine_order{UINT64_MAX, quarantine_order::action::resubmit});
  check_round_trip(quarantine_order{1, quarantine_order::action::discard});
}

BOOST_AUTO_TEST_CASE(a_name_comes_back_and_a_transaction_without_one_does_not_pay_for_it) {
  auto made = execute("A", 1);
  encoder_dictionary texts;
  const auto unnamed = encoded(made, texts);
  BOOST_CHECK_EQUAL(unnamed.front(), 1);
  for (const auto number : {std::uint64_t{1}, std::uint64_t{300}, UINT64_MAX}) {
    made.name = {new_client_id(0), number};
    check_round_trip(made);
  }
  made.name.number = 1;
  encoder_dictionary others;
  BOOST_CHECK_EQUAL(encoded(made, others).size(), unnamed.size() + 17);
}

BOOST_AUTO_TEST_CASE(acknowledgement_deadline_and_priority_are_no_part_of_the_log) {
  auto made = execute("A", 1);
  const auto plain = made;
  made.acknowledgement = ack::durable;
  made.deadline = std::chrono::seconds{3};
  made.priority = priority::operations;
  encoder_dictionary encoder;
  decoder_dictionary decoder;
  const auto given = decode(encoded(made, encoder), decoder);
  BOOST_REQUIRE(given);
  BOOST_CHECK(*given == work{plain});
}

BOOST_AUTO_TEST_CASE(random_work_comes_back) {
  const auto seed = std::random_device{}();
  BOOST_TEST_MESSAGE("seed " << seed);
  BOOST_TEST_CONTEXT("seed " << seed) {
    std::mt19937_64 random{seed};
    encoder_dictionary encoder;
    decoder_dictionary decoder;
    for (int i = 0; i < 3000; ++i) {
      const auto item = random_work(random);
      const auto given = decode(encoded(item, encoder), decoder);
      BOOST_REQUIRE_MESSAGE(given, (given ? "" : given.error().detail));
      BOOST_REQUIRE(*given == item);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_second_use_of_a_text_is_short) {
  const std::string sql = "INSERT INTO idea(title, score) VALUES (?1, ?2)";
  encoder_dictionary texts;
  const auto first = encoded(execute(sql, "Solar kettle", 8.5), texts);
  const auto second = encoded(execute(sql, "Solar kettle", 8.5), texts);
  BOOST_CHECK_EQUAL(first.size(), second.size() + sql.size() + 2);
  BOOST_CHECK_LT(second.size(), 32u);
}

BOOST_AUTO_TEST_CASE(a_definition_rolled_back_is_made_again) {
  encoder_dictionary texts;
  encoded(execute("A"), texts);
  const auto before = texts.size();
  const auto defining = encoded(execute("B"), texts);
  texts.rollback_to(before);
  BOOST_CHECK(encoded(execute("B"), texts) == defining);
  BOOST_CHECK_EQUAL(texts.size(), before + 1);
}

BOOST_AUTO_TEST_CASE(texts_beyond_the_bounds_of_the_dictionary_stand_in_full) {
  encoder_dictionary encoder;
  decoder_dictionary decoder;
  for (std::size_t i = 0; i < dictionary_texts_max + 10; ++i) {
    const work item{execute("SELECT " + std::to_string(i))};
    BOOST_REQUIRE(decode(encoded(item, encoder), decoder) == item);
  }
  BOOST_CHECK_EQUAL(encoder.size(), dictionary_texts_max);
  encoder_dictionary large;
  for (char letter = 'a'; letter < 'k'; ++letter) {
    check_round_trip(execute(std::string(limits::sql_bytes_max, letter)));
    encoded(execute(std::string(limits::sql_bytes_max, letter)), large);
  }
  BOOST_CHECK_EQUAL(large.size(), dictionary_bytes_max / limits::sql_bytes_max);
}

BOOST_AUTO_TEST_CASE(a_closed_dictionary_defines_nothing) {
  auto closed = encoder_dictionary::closed();
  for (const auto* sql : {"A", "", "A", "B"}) {
    decoder_dictionary nothing_seen;
    BOOST_CHECK(decode(encoded(execute(sql), closed), nothing_seen) == work{execute(sql)});
  }
  BOOST_CHECK_EQUAL(closed.size(), 0u);
}

BOOST_AUTO_TEST_CASE(a_reference_to_a_text_never_seen_is_an_error_but_later_texts_are_learnt) {
  encoder_dictionary encoder;
  encoded(execute("lost"), encoder);
  auto both = execute("lost");
  both.add("kept");
  const auto uses_both = encoded(both, encoder);
  const auto uses_kept = encoded(execute("kept"), encoder);
  decoder_dictionary decoder;
  BOOST_CHECK(!decode(uses_both, decoder));
  BOOST_CHECK(decode(uses_kept, decoder) == work{execute("kept")});
}

BOOST_AUTO_TEST_CASE(what_exceeds_a_limit_is_refused) {
  const auto refused = [](const work& item) {
    byte_writer out;
    encoder_dictionary texts;
    const auto done = encode(out, texts, item);
    return !done && done.error().code == errc::too_large;
  };
  BOOST_CHECK(refused(execute(std::string(limits::sql_bytes_max + 1, ' '))));
  BOOST_CHECK(refused(execute("A", std::string(limits::value_bytes_max + 1, ' '))));
  transaction wide = execute("A");
  wide.statements[0].parameters.resize(limits::parameters_max + 1);
  BOOST_CHECK(refused(wide));
  transaction large = execute("A", std::string(limits::value_bytes_max, ' '),
                              std::string(limits::value_bytes_max, ' '));
  BOOST_CHECK(refused(large));
  transaction grouped = execute("A");
  grouped.groups.resize(limits::groups_max + 1);
  BOOST_CHECK(refused(grouped));
  BOOST_CHECK(refused(skip_order{std::vector<std::uint64_t>(skipped_seqs_max + 1, 1), errc::quarantined, 0}));
  BOOST_CHECK(refused(skip_order{{1}, errc::quarantined, 1, std::string(skip_reason_max + 1, 'r')}));
}

BOOST_AUTO_TEST_CASE(an_order_that_skips_nothing_or_for_no_reason_is_refused) {
  for (const auto& order : {skip_order{{}, errc::quarantined, 1}, skip_order{{1}, errc::none, 1},
                            skip_order{{1}, errc::disk_full, 1}, skip_order{{1}, static_cast<errc>(255), 1}}) {
    byte_writer out;
    encoder_dictionary texts;
    const auto done = encode(out, texts, order);
    BOOST_REQUIRE(!done);
    BOOST_CHECK(done.error().code == errc::malformed);
  }
}

BOOST_AUTO_TEST_CASE(malformed_orders_are_errors) {
  const auto skip = [](std::uint64_t count, std::uint8_t why, std::uint64_t deaths) {
    byte_writer out;
    out.put_byte(2);
    out.put_varint(count);
    out.put_varint(5);
    out.put_byte(why);
    out.put_varint(deaths);
    return out;
  };
  BOOST_CHECK(decodes(skip(1, 11, 3)));
  BOOST_CHECK(!decodes(skip(2, 11, 3)));
  BOOST_CHECK(!decodes(skip(UINT64_MAX, 11, 3)));
  BOOST_CHECK(!decodes(skip(1, 0, 3)));
  BOOST_CHECK(!decodes(skip(1, 25, 3)));
  BOOST_CHECK(!decodes(skip(1, 255, 3)));
  BOOST_CHECK(!decodes(skip(1, 11, std::uint64_t{UINT32_MAX} + 1)));
  const auto explained = [](std::string_view reason) {
    byte_writer out;
    out.put_byte(8);
    out.put_varint(1);
    out.put_varint(5);
    out.put_byte(11);
    out.put_varint(3);
    out.put_text(reason);
    return out;
  };
  BOOST_CHECK(decodes(explained("no room")));
  BOOST_CHECK(!decodes(explained("")));
  BOOST_CHECK(!decodes(explained(std::string(skip_reason_max + 1, 'r'))));
  byte_writer nothing;
  nothing.put_byte(2);
  nothing.put_varint(0);
  nothing.put_byte(11);
  nothing.put_varint(3);
  BOOST_CHECK(!decodes(nothing));
  const auto quarantine = [](std::uint8_t action) {
    byte_writer out;
    out.put_byte(6);
    out.put_varint(5);
    out.put_byte(action);
    return out;
  };
  BOOST_CHECK(decodes(quarantine(0)));
  BOOST_CHECK(decodes(quarantine(1)));
  BOOST_CHECK(!decodes(quarantine(2)));
  byte_writer end;
  end.put_byte(5);
  BOOST_CHECK(decodes(end));
  for (auto record : {skip(1, 11, 3), explained("no room"), quarantine(0), end}) {
    record.put_byte(0);
    BOOST_CHECK(!decodes(record));
  }
}

BOOST_AUTO_TEST_CASE(a_name_with_the_number_0_is_an_error) {
  for (const std::uint64_t number : {0, 1}) {
    byte_writer out;
    out.put_byte(4);
    out.put_uuid(new_client_id(0));
    out.put_varint(number);
    out.put_varint(0);
    out.put_varint(0);
    BOOST_CHECK_EQUAL(decodes(out), number != 0);
  }
}

BOOST_AUTO_TEST_CASE(a_small_record_cannot_ask_for_much_memory) {
  // 10,000 statements that each refer to one text of 256 KiB would be 2.5 GB.
  encoder_dictionary encoder;
  const auto sql = std::string(limits::sql_bytes_max, 'x');
  decoder_dictionary decoder;
  BOOST_REQUIRE(decode(encoded(execute(sql), encoder), decoder));
  byte_writer out;
  out.put_byte(1);
  out.put_varint(limits::statements_max);
  out.put_varint(0);
  for (std::size_t i = 0; i < limits::statements_max; ++i) {
    encoder.put(out, sql);
    out.put_zigzag(-1);
    out.put_varint(0);
    out.put_varint(0);
  }
  const auto given = decode(out.view(), decoder);
  BOOST_REQUIRE(!given);
  BOOST_CHECK(given.error().code == errc::malformed);
}

BOOST_AUTO_TEST_CASE(damaged_and_shortened_records_are_errors_or_other_work_but_never_read_out_of_bounds) {
  std::mt19937_64 random{42};
  for (int i = 0; i < 300; ++i) {
    encoder_dictionary encoder;
    const auto whole = encoded(random_work(random), encoder);
    for (std::size_t length = 0; length < whole.size(); ++length) {
      decoder_dictionary decoder;
      // A copy of exactly this length, so that a sanitizer sees a read beyond it.
      const std::vector<char> shortened(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      BOOST_REQUIRE(!decode({shortened.data(), shortened.size()}, decoder));
    }
    auto damaged = whole;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    decoder_dictionary decoder;
    static_cast<void>(decode(damaged, decoder));
  }
}

BOOST_AUTO_TEST_CASE(a_name_is_bound_to_all_that_a_transaction_does_and_to_nothing_else) {
  byte_writer scratch;
  auto given = execute("INSERT INTO idea(title) VALUES (:a)", named{":a", "x"}).add("DELETE FROM idea").expect_rows(2);
  given.name = {uuid{1}, 7};
  const auto content_of = [&](const transaction& made) { return bound_name_of(made, scratch).content; };
  const auto bound = bound_name_of(given, scratch);
  BOOST_TEST((bound.name == given.name));
  BOOST_TEST(bound.content == 10578407900568525861u); // It is recorded, so it never changes.

  auto same = given;
  same.name = {uuid{2}, 8};
  same.acknowledgement = ack::durable;
  same.deadline = std::chrono::milliseconds{5};
  same.priority = priority::operations;
  BOOST_TEST(content_of(same) == bound.content);

  std::set<std::uint64_t> contents{bound.content};
  const auto other = [&](auto change) {
    auto changed = given;
    change(changed);
    BOOST_TEST(contents.insert(content_of(changed)).second);
  };
  other([](transaction& made) { made.statements[0].sql += ' '; });
  other([](transaction& made) { made.statements[1].sql = made.statements[0].sql; });
  other([](transaction& made) { made.statements[0].parameters[0] = value{blob{"x"}}; });
  other([](transaction& made) { made.statements[0].parameters[0] = value{}; });
  other([](transaction& made) { made.statements[0].names[0] = ":b"; });
  other([](transaction& made) { made.statements[0].names.clear(); });
  other([](transaction& made) { made.statements[1].expected_rows = 3; });
  other([](transaction& made) { std::swap(made.statements[0], made.statements[1]); });
  other([](transaction& made) { made.statements.pop_back(); });
  other([](transaction& made) { made.add("DELETE FROM idea"); });
  other([](transaction& made) { made.groups.push_back({0, 1, on_error::abort_transaction}); });
  other([](transaction& made) { made.groups.push_back({0, 1, on_error::continue_after}); });
  other([](transaction& made) { made.groups.push_back({0, 2, on_error::continue_after}); });

  same.name = {};
  BOOST_TEST(content_of(same) == 0u);
  transaction word;
  word.name = given.name;
  BOOST_TEST(content_of(word) == 0u);
}

BOOST_AUTO_TEST_CASE(a_schema_change_survives_and_a_step_that_is_none_does_not) {
  sha256 digest{};
  digest[7] = 9;
  schema_change change{
    .step = schema_step::up, .set = "main", .expected = digest, .sql = "CREATE TABLE t(a)", .author = "me"};
  check_round_trip(change);
  change.migrations = {
    {.version = 1'000'000'007, .name = "a", .checksum = digest, .chain = digest, .needs = {{"b", 3}}},
    {.version = 1'000'000'008, .name = "", .checksum = {}, .chain = {}, .needs = {}}};
  check_round_trip(change);
  change.before = {{"main/before_each.sql", "SELECT 1"}, {"", ""}};
  change.after = {{"main/0007_a.after.sql", "SELECT 2"}};
  change.timeout = schema_timeout_max;
  check_round_trip(change);
  encoder_dictionary texts;
  auto bytes = encoded(change, texts);
  decoder_dictionary known;
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    BOOST_CHECK(!decode(bytes.substr(0, length), known));
  }
  change.backfill = "t";
  change.rows_max = UINT64_MAX;
  check_round_trip(change);
  change.after_run = true;
  check_round_trip(change);
  bytes[1] = 11; // One beyond the last step.
  BOOST_CHECK(!decode(bytes, known));
}

BOOST_AUTO_TEST_CASE(a_schema_change_beyond_the_limits_is_too_large) {
  encoder_dictionary texts;
  byte_writer out;
  BOOST_CHECK(encode(out, texts, schema_change{.sql = std::string(limits::transaction_bytes_max, 'x')}));
  for (const auto& change :
       {schema_change{.sql = std::string(limits::transaction_bytes_max + 1, 'x')},
        schema_change{.set = std::string(limits::sql_bytes_max, 'x'), .author = "y"},
        schema_change{.sql = "x", .before = {{"", std::string(limits::transaction_bytes_max, 'x')}}},
        schema_change{.after = {{std::string(limits::sql_bytes_max + 1, 'x'), ""}}},
        schema_change{.after = std::vector<schema_hook>(101)},
        schema_change{.timeout = schema_timeout_max + std::chrono::milliseconds{1}},
        schema_change{.migrations = std::vector<applied_migration>(10'001)}}) {
    const auto done = encode(out, texts, change);
    BOOST_REQUIRE(!done);
    BOOST_CHECK(done.error().code == errc::too_large);
  }
}

BOOST_AUTO_TEST_SUITE_END()
