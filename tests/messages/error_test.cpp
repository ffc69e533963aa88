#include <millrace/messages/error.hpp>
#include <millrace/messages/wire/registry.hpp>

#include <array>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <caf/sec.hpp>

#include <boost/test/unit_test.hpp>

using namespace millrace;

namespace {

/// Whether a number is one of the enumeration's, as the compiler itself names it.
template <errc Code>
constexpr bool is_enumerator() {
  constexpr std::string_view text{__PRETTY_FUNCTION__};
  const auto at = text.find("Code = ");
  return at != text.npos && text.substr(at + 7, 1) != "(";
}

template <std::size_t... Numbers>
constexpr auto enumerators(std::index_sequence<Numbers...>) {
  return std::array{is_enumerator<static_cast<errc>(Numbers)>()...};
}

constexpr auto is_code = enumerators(std::make_index_sequence<256>{});

std::vector<errc> all_codes() {
  std::vector<errc> codes;
  for (std::size_t number = 0; number < is_code.size(); ++number) {
    if (is_code[number]) {
      codes.push_back(static_cast<errc>(number));
    }
  }
  return codes;
}

} // namespace

BOOST_AUTO_TEST_SUITE(error_suite)

BOOST_AUTO_TEST_CASE(every_code_has_a_name_of_its_own_and_a_sentence) {
  static_assert(is_code[static_cast<std::size_t>(errc::bad_option)] && !is_code[19]);
  std::set<std::string_view> names;
  for (const auto code : all_codes()) {
    BOOST_TEST(name(code) != "unknown_code");
    BOOST_TEST(names.insert(name(code)).second, name(code));
    BOOST_TEST(sentence(code).ends_with('.'), name(code));
  }
}

BOOST_AUTO_TEST_CASE(a_code_from_a_newer_version_is_unknown_and_not_mistaken) {
  BOOST_TEST(name(static_cast<errc>(250)) == "unknown_code");
  BOOST_TEST((kind(static_cast<errc>(250)) == error_kind::unknown));
}

BOOST_AUTO_TEST_CASE(the_three_promises_are_kept_apart) {
  BOOST_TEST((kind(errc::constraint) == error_kind::rejected));
  BOOST_TEST((kind(errc::quarantined) == error_kind::rejected));
  BOOST_TEST((kind(errc::overloaded) == error_kind::retryable));
  BOOST_TEST((kind(errc::breaker_open) == error_kind::retryable));
  BOOST_TEST((kind(errc::outcome_unknown) == error_kind::unknown));
  BOOST_TEST((kind(errc::name_forgotten) == error_kind::unknown));
}

BOOST_AUTO_TEST_CASE(the_sentence_comes_before_the_detail) {
  const auto text = to_string(failure{errc::bad_sql, "near \"SELEKT\""});
  BOOST_TEST(text.starts_with(sentence(errc::bad_sql)));
  BOOST_TEST(text.ends_with("(near \"SELEKT\")"));
}

BOOST_AUTO_TEST_CASE(a_failure_survives_the_way_through_a_caf_error) {
  const failure before{errc::overloaded, "1000 transactions wait already", std::chrono::milliseconds{250}};
  BOOST_TEST((failure_of(to_error(before)) == before));
}

BOOST_AUTO_TEST_CASE(an_error_of_cafs_own_leaves_the_outcome_unknown) {
  BOOST_TEST((failure_of(caf::make_error(caf::sec::request_receiver_down)).code == errc::outcome_unknown));
  BOOST_TEST((failure_of(caf::make_error(caf::sec::request_timeout)).code == errc::outcome_unknown));
}

BOOST_AUTO_TEST_SUITE_END()
