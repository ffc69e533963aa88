#include <millrace/tests/support/captured.hpp>
#include <millrace/tools/millrace/sql/row_printer.hpp>

#include <boost/test/unit_test.hpp>

#include <iostream>
#include <limits>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

using namespace millrace;
using namespace millrace::tools;

namespace {

row_set rows_of(const std::vector<std::string>& columns, const std::vector<std::vector<value>>& rows) {
  row_set set{std::make_shared<const std::vector<std::string>>(columns)};
  for (const auto& row : rows) {
    set.begin_row();
    for (const auto& one : row) {
      if (const auto* const text = std::get_if<std::string>(&one.data())) {
        set.add_text(*text);
      } else if (const auto* const real = std::get_if<double>(&one.data())) {
        set.add_real(*real);
      } else if (const auto* const integer = std::get_if<std::int64_t>(&one.data())) {
        set.add_integer(*integer);
      } else if (const auto* const bytes = std::get_if<blob>(&one.data())) {
        set.add_blob(bytes->bytes);
      } else {
        set.add_null();
      }
    }
  }
  return set;
}

std::string printed(row_format format, const std::vector<row_set>& pages, const std::string& null_text = "") {
  std::ostringstream out;
  const auto printer = make_row_printer(format, null_text, out);
  for (const auto& page : pages) {
    printer->print(page);
  }
  printer->end();
  return out.str();
}

constexpr auto infinity = std::numeric_limits<double>::infinity();

} // namespace

BOOST_AUTO_TEST_SUITE(row_printer_suite)

BOOST_AUTO_TEST_CASE(columns_of_one_name_keep_their_values_in_json) {
  BOOST_TEST(printed(row_format::json, {rows_of({"n", "n", "n"}, {{1, 2, 3}})}) == R"([{"n":1,"n:1":2,"n:2":3}])");
  BOOST_TEST(printed(row_format::json, {rows_of({"n", "n", "n:1"}, {{1, 2, 3}})}) == R"([{"n":1,"n:2":2,"n:1":3}])");
  BOOST_TEST(printed(row_format::json, {rows_of({"n:1", "n", "n"}, {{1, 2, 3}})}) == R"([{"n:1":1,"n":2,"n:2":3}])");
}

BOOST_AUTO_TEST_CASE(every_value_is_told_from_every_other_in_json) {
  const auto rows = rows_of(
    {"a", "b", "c", "d", "e", "f", "g"},
    {{nullptr, infinity, -infinity, 1.0, std::numeric_limits<std::int64_t>::min(), "", "\xC3\xA9\"\n"}});
  BOOST_TEST(printed(row_format::json, {rows})
             == "[{\"a\":null,\"b\":1e999,\"c\":-1e999,\"d\":1.0,\"e\":-9223372036854775808,\"f\":\"\",\"g\":\"\u00E9\\\"\\n\"}]");
  BOOST_TEST(printed(row_format::json, {rows_of({"a"}, {{blob{"\x01\xff"}}})}) == R"([{"a":"01ff"}])");
}

BOOST_AUTO_TEST_CASE(a_text_that_is_no_utf_8_loses_no_byte_in_json) {
  BOOST_TEST(printed(row_format::json, {rows_of({"a"}, {{"\xFF"}, {"A\xC3"}, {"ff"}})})
             == "[{\"a\":{\"hex\":\"ff\"}},\n{\"a\":{\"hex\":\"41c3\"}},\n{\"a\":\"ff\"}]");
  BOOST_TEST(printed(row_format::json, {rows_of({"\xFF", "\xFE"}, {{1, 2}})}) == "[{\"\uFFFD\":1,\"\uFFFD:1\":2}]");
}

BOOST_AUTO_TEST_CASE(pages_make_one_result_in_every_format) {
  const std::vector<row_set> pages{rows_of({"n"}, {{1}, {2}}), rows_of({"n"}, {{3}})};
  BOOST_TEST(printed(row_format::json, pages) == "[{\"n\":1},\n{\"n\":2},\n{\"n\":3}]");
  BOOST_TEST(printed(row_format::csv, pages) == "n\n1\n2\n3\n");
  BOOST_TEST(printed(row_format::table, pages) == "n\n-\n1\n2\n3\n");
}

BOOST_AUTO_TEST_CASE(no_rows_are_a_header_or_an_empty_array) {
  BOOST_TEST(printed(row_format::json, {rows_of({"n"}, {})}) == "[]");
  BOOST_TEST(printed(row_format::csv, {rows_of({"n"}, {})}) == "n\n");
  BOOST_TEST(printed(row_format::table, {rows_of({"n"}, {})}) == "n\n-\n");
  for (const auto format : {row_format::csv, row_format::table}) {
    BOOST_TEST(printed(format, {row_set{}}) == "");
  }
  BOOST_TEST(printed(row_format::json, {row_set{}}) == "[]");
}

BOOST_AUTO_TEST_CASE(null_and_the_empty_text_differ_in_csv) {
  BOOST_TEST(printed(row_format::csv, {rows_of({"a", "b"}, {{nullptr, ""}, {"", nullptr}})}) == "a,b\n,\"\"\n\"\",\n");
  BOOST_TEST(printed(row_format::csv, {rows_of({"a", "b"}, {{infinity, -infinity}})}) == "a,b\n1e999,-1e999\n");
}

BOOST_AUTO_TEST_CASE(no_row_of_one_column_is_an_empty_line_in_csv) {
  const millrace::test::captured err{std::cerr};
  BOOST_TEST(printed(row_format::csv, {rows_of({"a"}, {{1}, {""}})}) == "a\n1\n\"\"\n");
  BOOST_TEST(err.text() == "");
  BOOST_TEST(printed(row_format::csv, {rows_of({"a"}, {{nullptr}, {""}})}) == "a\n\"\"\n\"\"\n");
  BOOST_TEST(err.text().find("--null TEXT tells them apart") != std::string::npos, err.text());
  BOOST_TEST(printed(row_format::csv, {rows_of({""}, {{1}})}) == "\"\"\n1\n");
}

BOOST_AUTO_TEST_CASE(a_text_that_reads_like_null_is_quoted_in_csv) {
  const auto rows = rows_of({"a"}, {{nullptr}, {"NULL"}, {""}});
  BOOST_TEST(printed(row_format::csv, {rows}, "NULL") == "a\nNULL\n\"NULL\"\n\"\"\n");
  BOOST_TEST(printed(row_format::csv, {rows_of({"a"}, {{nullptr}, {"a,b"}})}, "a,b") == "a\na,b\n\"a,b\"\n");
}

BOOST_AUTO_TEST_SUITE_END()
