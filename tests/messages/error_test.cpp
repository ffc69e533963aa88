#include <millrace/messages/error.hpp>
#include <millrace/messages/wire/registry.hpp>

#include <set>
#include <string>

#include <caf/sec.hpp>

#include <boost/test/unit_test.hpp>

using namespace millrace;

namespace {

constexpr errc all_codes[]{errc::none,
                           errc::bad_sql,
                           errc::parameter_mismatch,
                           errc::constraint,
                           errc::row_count_mismatch,
                           errc::not_permitted,
                           errc::too_large,
                           errc::malformed,
                           errc::deadline_exceeded,
                           errc::not_a_query,
                           errc::value_type,
                           errc::quarantined,
                           errc::not_found,
                           errc::overloaded,
                           errc::unavailable,
                           errc::shutting_down,
                           errc::reader_failed,
                           errc::locked,
                           errc::disk_full,
                           errc::io_error,
                           errc::breaker_open,
                           errc::lease_expired,
                           errc::cursor_lost,
                           errc::database_gone,
                           errc::outcome_unknown,
                           errc::name_forgotten,
                           errc::folder_missing,
                           errc::folder_not_writable,
                           errc::folder_locked,
                           errc::folder_foreign,
                           errc::folder_newer,
                           errc::folder_damaged,
                           errc::schema_changed,
                           errc::corrupt,
                           errc::file_not_found,
                           errc::bad_option};

} // namespace

BOOST_AUTO_TEST_SUITE(error_suite)

BOOST_AUTO_TEST_CASE(every_code_has_a_name_of_its_own_and_a_sentence) {
  std::set<std::string_view> names;
  for (const auto code : all_codes) {
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
