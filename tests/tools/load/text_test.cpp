#include <millrace/tools/millrace/load/text.hpp>

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace millrace::tools;

BOOST_AUTO_TEST_SUITE(text_suite)

BOOST_AUTO_TEST_CASE(utf_8_is_told_from_what_is_none) {
  for (const std::string text : {"", "plain", "\xC2\x80", "\xC3\xA9t\xC3\xA9", "\xE0\xA0\x80", "\xED\x9F\xBF",
                                 "\xEF\xBF\xBD", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    BOOST_TEST(is_utf8(text), text);
  }
  // Alone, cut short, in more bytes than needed, half of a surrogate pair, beyond U+10FFFF, Latin 1.
  for (const std::string text : {"\x80", "\xC3", "\xE2\x82", "\xF0\x9F\x98", "\xC0\x80", "\xE0\x80\x80",
                                 "\xF0\x80\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF", "caf\xE9", "\xE9t"}) {
    BOOST_TEST(!is_utf8(text), text);
  }
}

BOOST_AUTO_TEST_CASE(columns_must_have_names_that_sql_tells_apart) {
  using names = std::vector<std::string>;
  BOOST_TEST(!columns_problem(names{"id", "Name", "n\xC3\xA4me", " id"}));
  for (const auto& bad : {names{"ID", "id"}, names{"a", "b", "a"}, names{"a", ""}, names{std::string{"a\0b", 3}},
                          names{"caf\xE9"}, names(1'001, "a")}) {
    BOOST_TEST(columns_problem(bad).has_value());
  }
}

BOOST_AUTO_TEST_CASE(a_table_is_named_alone_and_not_as_what_is_kept_for_others) {
  BOOST_TEST(table_problem("person") == "");
  BOOST_TEST(table_problem("a.b") == "");
  for (const auto* name : {"", "main.p", "MAIN.p", "temp.p", "sqlite_x", "Millrace_x", "caf\xE9"}) {
    BOOST_TEST(table_problem(name) != "", name);
  }
}

BOOST_AUTO_TEST_SUITE_END()
