#include <millrace/messages/query.hpp>
#include <millrace/messages/transaction.hpp>

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace millrace;

BOOST_AUTO_TEST_SUITE(transaction_suite)

BOOST_AUTO_TEST_CASE(values_take_what_a_program_has_at_hand) {
  const auto work = execute("x", 1, 2.5, "text", std::string{"string"}, nullptr, true, blob{"bytes"},
                            std::optional<int>{}, std::optional<std::string>{"there"});
  const auto& parameters = work.statements.at(0).parameters;
  BOOST_TEST((parameters.at(0) == value{std::int64_t{1}}));
  BOOST_TEST((parameters.at(1) == value{2.5}));
  BOOST_TEST((parameters.at(2) == value{"text"}));
  BOOST_TEST((parameters.at(3) == value{"string"}));
  BOOST_TEST(parameters.at(4).is_null());
  BOOST_TEST((parameters.at(5) == value{1}));
  BOOST_TEST(parameters.at(6).payload_bytes() == 5);
  BOOST_TEST(parameters.at(7).is_null());
  BOOST_TEST((parameters.at(8) == value{"there"}));
}

BOOST_AUTO_TEST_CASE(a_null_text_is_null) {
  const char* none = nullptr;
  BOOST_TEST(execute("x", none).statements.at(0).parameters.at(0).is_null());
}

BOOST_AUTO_TEST_CASE(an_unsigned_number_that_sql_has_not_is_refused) {
  BOOST_TEST((value{std::uint64_t{INT64_MAX}} == value{INT64_MAX}));
  BOOST_CHECK_EXCEPTION(value{UINT64_MAX}, std::out_of_range, [](const std::out_of_range& why) {
    return std::string{why.what()}.starts_with("18446744073709551615 does not fit");
  });
  enum class wide : std::uint64_t { most = UINT64_MAX };
  BOOST_CHECK_THROW(value{wide::most}, std::out_of_range);
}

BOOST_AUTO_TEST_CASE(what_has_no_value_of_its_own_does_not_compile) {
  BOOST_TEST(!parameter<char>);
  BOOST_TEST(!parameter<char32_t>);
  BOOST_TEST(!parameter<std::byte>);
  BOOST_TEST(!parameter<long double>);
  BOOST_TEST(!parameter<int*>);
  BOOST_TEST(!parameter<std::chrono::seconds>);
  BOOST_TEST(!parameter<std::chrono::steady_clock::time_point>);
  BOOST_TEST(parameter<signed char>);
}

BOOST_AUTO_TEST_CASE(bytes_enumerators_and_moments_are_values) {
  enum class colour { red = 3 };
  const std::vector<std::byte> bytes{std::byte{0}, std::byte{0xff}};
  BOOST_TEST((value{bytes} == value{blob{std::string{"\0\xff", 2}}}));
  BOOST_TEST((value{std::span{bytes}} == value{bytes}));
  BOOST_TEST((value{uuid{1}} == value{blob{std::string{"\1"} + std::string(15, '\0')}}));
  BOOST_TEST((value{colour::red} == value{3}));
  using namespace std::chrono;
  const auto day = sys_days{2024y / 5 / 1};
  BOOST_TEST((value{day} == value{"2024-05-01"}));
  BOOST_TEST((value{day + 12h} == value{"2024-05-01 12:00:00"}));
  BOOST_TEST((value{day + 12h + 30min + 5s} == value{"2024-05-01 12:30:05"}));
  BOOST_TEST((value{day + 5ms} == value{"2024-05-01 00:00:00.005"}));
  BOOST_TEST((value{sys_time<nanoseconds>{-1ns}} == value{"1969-12-31 23:59:59.999999999"}));
  BOOST_TEST((value{std::optional<sys_days>{}} == value{}));
  BOOST_TEST((make_statement("x", std::nullopt) == make_statement("x", nullptr)));
  BOOST_CHECK_THROW(value{sys_days{year{10000} / 1 / 1}}, std::out_of_range);
  BOOST_CHECK_THROW(value{sys_days{year{-1} / 1 / 1}}, std::out_of_range);
}

BOOST_AUTO_TEST_CASE(a_number_of_rows_is_not_expected_of_no_statement_nor_less_than_none) {
  transaction work;
  BOOST_CHECK_THROW(work.expect_rows(1), std::logic_error);
  work.add("x");
  BOOST_CHECK_THROW(work.expect_rows(statement::any_row_count), std::logic_error);
  BOOST_TEST(work.expect_rows(0).statements.at(0).expected_rows == 0);
}

BOOST_AUTO_TEST_CASE(a_nan_is_null_as_sqlite_stores_it) {
  BOOST_TEST(value{std::nan("")}.is_null());
}

BOOST_AUTO_TEST_CASE(named_parameters_carry_their_names) {
  const auto question = select("SELECT :a, :b", named{":a", 1}, named{":b", "two"});
  BOOST_TEST(question.statement.names.size() == 2);
  BOOST_TEST(question.statement.names.at(1) == ":b");
  BOOST_TEST((question.statement.parameters.at(1) == value{"two"}));
}

BOOST_AUTO_TEST_CASE(names_and_positions_mixed_leave_a_gap_that_is_noticed) {
  const auto question = select("SELECT ?, :b", 1, named{":b", 2}, 3);
  BOOST_TEST(question.statement.names.size() == 3);
  BOOST_TEST(question.statement.names.at(0).empty());
  BOOST_TEST(question.statement.names.at(2).empty());
}

BOOST_AUTO_TEST_CASE(groups_record_the_range_they_hold_outer_before_inner) {
  transaction work;
  work.add("a");
  work.in_group(on_error::continue_after, [](transaction& outer) {
    outer.add("b");
    outer.in_group(on_error::abort_transaction, [](transaction& inner) { inner.add("c").add("d"); });
  });
  work.add("e").expect_rows(1);
  BOOST_REQUIRE_EQUAL(work.groups.size(), 2);
  BOOST_TEST((work.groups.at(0) == group{1, 3, on_error::continue_after}));
  BOOST_TEST((work.groups.at(1) == group{2, 2, on_error::abort_transaction}));
  BOOST_TEST(work.statements.at(4).expected_rows == 1);
  BOOST_TEST(work.statements.at(3).expected_rows == statement::any_row_count);
}

BOOST_AUTO_TEST_CASE(payload_bytes_count_text_values_and_names) {
  const auto small = payload_bytes(execute("INSERT", 1));
  const auto large = payload_bytes(execute("INSERT", std::string(1000, 'x')));
  BOOST_TEST(large == small + 1000);
}

BOOST_AUTO_TEST_SUITE_END()
