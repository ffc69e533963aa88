#include <millrace/actors/admission.hpp>
#include <millrace/messages/limits.hpp>

#include <string>

#include <boost/test/unit_test.hpp>

using namespace millrace;

namespace {

errc code_of(const transaction& work) {
  const auto problem = check(work);
  return problem ? problem->code : errc::none;
}

transaction with_groups(std::size_t statements, std::vector<group> groups) {
  transaction work;
  for (std::size_t i = 0; i < statements; ++i) {
    work.add("DELETE FROM t");
  }
  work.groups = std::move(groups);
  return work;
}

} // namespace

BOOST_AUTO_TEST_SUITE(admission_suite)

BOOST_AUTO_TEST_CASE(an_ordinary_transaction_passes) {
  BOOST_TEST((code_of(execute("INSERT INTO t VALUES (?1)", 1)) == errc::none));
}

BOOST_AUTO_TEST_CASE(a_transaction_without_statements_is_malformed) {
  BOOST_TEST((code_of(transaction{}) == errc::malformed));
}

BOOST_AUTO_TEST_CASE(what_exceeds_a_limit_is_too_large) {
  BOOST_TEST((code_of(execute(std::string(limits::sql_bytes_max + 1, ' '))) == errc::too_large));
  BOOST_TEST((code_of(execute("x", std::string(limits::value_bytes_max + 1, 'x'))) == errc::too_large));
  auto many = execute("x");
  many.statements.resize(limits::statements_max + 1, many.statements.front());
  BOOST_TEST((code_of(many) == errc::too_large));
  auto parameters = execute("x");
  parameters.statements.front().parameters.resize(limits::parameters_max + 1);
  BOOST_TEST((code_of(parameters) == errc::too_large));
  transaction heavy;
  for (int i = 0; i < 3; ++i) {
    heavy.add("x", std::string(limits::value_bytes_max - 1, 'x'));
  }
  BOOST_TEST((code_of(heavy) == errc::too_large));
}

BOOST_AUTO_TEST_CASE(an_enumeration_out_of_range_is_malformed) {
  auto work = execute("x");
  work.acknowledgement = static_cast<ack>(7);
  BOOST_TEST((code_of(work) == errc::malformed));
  auto question = select("x");
  question.consistency = static_cast<consistency>(9);
  BOOST_TEST((check(question)->code == errc::malformed));
}

BOOST_AUTO_TEST_CASE(groups_may_nest_and_stand_apart) {
  using enum on_error;
  BOOST_TEST((code_of(with_groups(6, {{0, 4, continue_after}, {1, 2, abort_transaction}, {4, 2, continue_after}}))
              == errc::none));
  BOOST_TEST((code_of(with_groups(2, {{0, 2, continue_after}, {0, 2, continue_after}})) == errc::none));
  BOOST_TEST((code_of(with_groups(2, {{1, 0, continue_after}})) == errc::none));
}

BOOST_AUTO_TEST_CASE(groups_that_overlap_or_reach_beyond_are_malformed) {
  using enum on_error;
  BOOST_TEST((code_of(with_groups(4, {{0, 3, continue_after}, {2, 2, continue_after}})) == errc::malformed));
  BOOST_TEST((code_of(with_groups(4, {{3, 2, continue_after}})) == errc::malformed));
  BOOST_TEST((code_of(with_groups(4, {{2, 1, continue_after}, {0, 1, continue_after}})) == errc::malformed));
  BOOST_TEST((code_of(with_groups(4, {{0xFFFFFFFF, 0xFFFFFFFF, continue_after}})) == errc::malformed));
  BOOST_TEST((code_of(with_groups(1, {{0, 1, static_cast<on_error>(2)}})) == errc::malformed));
}

BOOST_AUTO_TEST_CASE(groups_nested_too_deep_are_too_large) {
  BOOST_TEST((code_of(with_groups(1, std::vector<group>(limits::group_depth_max, {0, 1, on_error::continue_after})))
              == errc::none));
  BOOST_TEST((code_of(with_groups(1, std::vector<group>(limits::group_depth_max + 1, {0, 1, on_error::continue_after})))
              == errc::too_large));
}

BOOST_AUTO_TEST_CASE(room_is_bounded_by_count_and_by_bytes_and_comes_back) {
  admission room{2, 100};
  BOOST_TEST(room.take(10));
  BOOST_TEST(room.take(80));
  BOOST_TEST(!room.take(1)); // Two are all that count allows.
  room.give_back(1, 10);
  BOOST_TEST(!room.take(30)); // 80 + 30 bytes are too many.
  BOOST_TEST(room.take(20));
  room.give_back(2, 100);
  BOOST_TEST(room.transactions() == 0);
  BOOST_TEST(room.bytes() == 0);
}

BOOST_AUTO_TEST_CASE(one_transaction_larger_than_the_byte_bound_is_admitted_when_it_is_alone) {
  admission room{10, 100};
  BOOST_TEST(room.take(500));
  BOOST_TEST(!room.take(1));
}

BOOST_AUTO_TEST_SUITE_END()
