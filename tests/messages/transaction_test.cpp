#include <millrace/messages/query.hpp>
#include <millrace/messages/transaction.hpp>

#include <cmath>
#include <optional>
#include <string>

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
