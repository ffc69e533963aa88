#include <millrace/actors/base/expected.hpp>
#include <millrace/messages/row_set.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace millrace;

namespace {

expected<row_set> numbers(int count) {
  row_set rows{std::make_shared<const std::vector<std::string>>(1, "n")};
  for (int i = 1; i <= count; ++i) {
    rows.begin_row();
    rows.add_integer(i);
  }
  return rows;
}

template <class Expected>
concept points_into = requires(Expected&& given) {
  std::forward<Expected>(given)->size();
};

} // namespace

BOOST_AUTO_TEST_SUITE(expected_suite)

BOOST_AUTO_TEST_CASE(rows_of_a_result_that_nobody_keeps_live_while_they_are_read) {
  std::int64_t sum = 0;
  for (const auto row : *numbers(3)) {
    sum += row["n"].as_integer();
  }
  BOOST_TEST(sum == 6);
  BOOST_TEST((std::is_same_v<decltype(*numbers(3)), row_set>) );
  BOOST_TEST((std::is_same_v<decltype(numbers(3).value()), row_set>) );
}

BOOST_AUTO_TEST_CASE(nothing_points_into_one_that_nobody_keeps) {
  BOOST_TEST(points_into<const expected<row_set>&>);
  BOOST_TEST(!points_into<expected<row_set>>);
}

BOOST_AUTO_TEST_CASE(what_is_not_there_is_not_taken_in_silence) {
  expected<row_set> none = tl::unexpected{failure{errc::constraint, "UNIQUE"}};
  BOOST_CHECK_EXCEPTION((void) none->size(), std::logic_error, [](const std::logic_error& why) {
    return std::string{why.what()}.find("UNIQUE") != std::string::npos;
  });
  BOOST_CHECK_THROW((void) *none, std::logic_error);
  BOOST_CHECK_THROW((void) std::move(none).value(), std::logic_error);
  const auto some = numbers(1);
  BOOST_CHECK_THROW((void) some.error(), std::logic_error);
  BOOST_TEST(some->size() == 1);
}

BOOST_AUTO_TEST_CASE(one_of_either_library_is_made_of_the_other) {
  const tl::expected<row_set, failure> plain = numbers(2);
  const expected<row_set> checked = plain;
  BOOST_TEST(checked.value().size() == 2);
}

BOOST_AUTO_TEST_SUITE_END()
