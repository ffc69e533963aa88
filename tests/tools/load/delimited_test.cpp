#include <millrace/tools/millrace/load/delimited.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <sstream>
#include <string>
#include <vector>

using millrace::tools::delimited_reader;
using millrace::tools::record;

namespace {

using fields = std::vector<std::string>;

std::vector<record> read_all(const std::string& text, char delimiter = ',') {
  std::istringstream input{text};
  delimited_reader reader{input, delimiter};
  std::vector<record> records;
  while (auto next = reader.next()) {
    records.push_back(std::move(*next));
  }
  BOOST_TEST(reader.bytes_read() == text.size());
  return records;
}

void expect_row(const record& row, std::uint64_t line, const fields& expected) {
  BOOST_TEST(row.problem == "");
  BOOST_TEST(row.line == line);
  BOOST_TEST(row.fields == expected, boost::test_tools::per_element());
}

} // namespace

BOOST_AUTO_TEST_SUITE(delimited_suite)

BOOST_AUTO_TEST_CASE(plain_rows_are_split_at_the_delimiter_and_keep_their_spaces) {
  const auto rows = read_all("a;b;c\n 1 ;;three words\n", ';');
  BOOST_REQUIRE(rows.size() == 2u);
  expect_row(rows[0], 1, {"a", "b", "c"});
  expect_row(rows[1], 2, {" 1 ", "", "three words"});
}

BOOST_AUTO_TEST_CASE(quotes_hold_delimiters_doubled_quotes_and_line_breaks) {
  const auto rows = read_all("\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\"\nnext,row,here\n");
  BOOST_REQUIRE(rows.size() == 2u);
  expect_row(rows[0], 1, {"a,b", "say \"hi\"", "two\nlines"});
  expect_row(rows[1], 3, {"next", "row", "here"});
}

BOOST_AUTO_TEST_CASE(the_last_row_needs_no_line_break_and_carriage_returns_are_no_content) {
  const auto rows = read_all("a,b\r\n\r\n1,\"2\"\r\n3,4");
  BOOST_REQUIRE(rows.size() == 3u);
  expect_row(rows[0], 1, {"a", "b"});
  expect_row(rows[1], 3, {"1", "2"});
  expect_row(rows[2], 4, {"3", "4"});
}

BOOST_AUTO_TEST_CASE(a_carriage_return_alone_ends_a_line) {
  const auto rows = read_all("a,b\r\r1,\"2\r\n\r3\"\r4,5");
  BOOST_REQUIRE(rows.size() == 3u);
  expect_row(rows[0], 1, {"a", "b"});
  expect_row(rows[1], 3, {"1", "2\r\n\r3"});
  expect_row(rows[2], 6, {"4", "5"});
}

BOOST_AUTO_TEST_CASE(a_quote_that_opens_after_a_carriage_return_costs_its_own_row_only) {
  const auto rows = read_all("1,a\r2,\"b\n\n3,c\n");
  BOOST_REQUIRE(rows.size() == 3u);
  expect_row(rows[0], 1, {"1", "a"});
  BOOST_TEST(rows[1].line == 2u);
  BOOST_TEST(rows[1].problem != "");
  expect_row(rows[2], 4, {"3", "c"});
}

BOOST_AUTO_TEST_CASE(a_line_break_of_two_characters_that_straddles_the_read_chunks_is_one) {
  const std::string first(std::size_t{64} * 1024 - 1, 'x');
  const auto rows = read_all(first + "\r\n2\n");
  BOOST_REQUIRE(rows.size() == 2u);
  expect_row(rows[1], 2, {"2"});
}

BOOST_AUTO_TEST_CASE(a_byte_order_mark_is_no_part_of_the_first_field) {
  const auto rows = read_all("\xEF\xBB\xBFname\nx\n");
  BOOST_REQUIRE(rows.size() == 2u);
  expect_row(rows[0], 1, {"name"});
}

BOOST_AUTO_TEST_CASE(an_empty_file_and_blank_lines_give_no_rows) {
  BOOST_TEST(read_all("").empty());
  BOOST_TEST(read_all("\n\n\r\n").empty());
}

BOOST_AUTO_TEST_CASE(an_empty_line_of_one_column_is_a_row_where_it_is_quoted) {
  const auto rows = read_all("name\n\n\"\"\n\n\"\"");
  BOOST_REQUIRE(rows.size() == 3u);
  expect_row(rows[1], 3, {""});
  expect_row(rows[2], 5, {""});
}

BOOST_AUTO_TEST_CASE(a_field_without_quotes_that_holds_the_null_text_is_null) {
  std::istringstream input{
    "NULL,\"NULL\",NULLs\n\"say \"\"a,b\"\"\nNULL\",NULL,\"x\"\n\"\",NULL,\"\"\r\nx,\"\"\"\",NULL"};
  delimited_reader reader{input, ',', "NULL"};
  using nulls = std::vector<bool>;
  for (const auto& expected :
       {nulls{true, false, false}, nulls{false, true, false}, nulls{false, true, false}, nulls{false, false, true}}) {
    const auto row = reader.next();
    BOOST_REQUIRE(row.has_value());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      BOOST_TEST(row->is_null(i) == expected[i], "line " << row->line << " field " << i);
    }
  }
}

BOOST_AUTO_TEST_CASE(nothing_can_stand_for_null_and_quotes_make_it_text) {
  std::istringstream input{"a,,\"\"\n"};
  delimited_reader reader{input, ',', ""};
  const auto row = *reader.next();
  BOOST_TEST(!row.is_null(0));
  BOOST_TEST(row.is_null(1));
  BOOST_TEST(!row.is_null(2));
}

BOOST_AUTO_TEST_CASE(bad_quoting_costs_one_row_and_names_its_line) {
  const auto rows = read_all("1,a\n2,b\"c\n3,\"d\"e\n4,f\n");
  BOOST_REQUIRE(rows.size() == 4u);
  expect_row(rows[0], 1, {"1", "a"});
  BOOST_TEST(rows[1].line == 2u);
  BOOST_TEST(rows[1].problem != "");
  BOOST_TEST(rows[2].line == 3u);
  BOOST_TEST(rows[2].problem != "");
  expect_row(rows[3], 4, {"4", "f"});
}

BOOST_AUTO_TEST_CASE(a_quote_that_is_never_closed_does_not_swallow_the_rows_after_it) {
  const auto rows = read_all("1,a\n2,\"b\n3,c\n4,d\n");
  BOOST_REQUIRE(rows.size() == 4u);
  BOOST_TEST(rows[1].line == 2u);
  BOOST_TEST(rows[1].problem.find("never closed") != std::string::npos);
  expect_row(rows[2], 3, {"3", "c"});
  expect_row(rows[3], 4, {"4", "d"});
}

BOOST_AUTO_TEST_CASE(a_quote_that_is_closed_by_a_later_rows_quote_costs_only_its_own_row) {
  const auto rows = read_all("1,\"a\n2,b\n3,\"c\"\n4,d\n");
  BOOST_REQUIRE(rows.size() == 4u);
  BOOST_TEST(rows[0].problem != "");
  expect_row(rows[1], 2, {"2", "b"});
  expect_row(rows[2], 3, {"3", "c"});
  expect_row(rows[3], 4, {"4", "d"});
}

BOOST_AUTO_TEST_CASE(a_line_beyond_the_limit_is_refused_and_the_next_is_read) {
  const auto rows = read_all(std::string(delimited_reader::row_bytes_max + 1, 'x') + "\n2\n");
  BOOST_REQUIRE(rows.size() == 2u);
  BOOST_TEST(rows[0].problem != "");
  expect_row(rows[1], 2, {"2"});
}

BOOST_AUTO_TEST_CASE(a_quote_that_stays_open_beyond_the_limit_costs_only_its_own_row) {
  const std::string long_line(delimited_reader::row_bytes_max / 2, 'x');
  const auto rows = read_all("\"open\n" + long_line + "\n" + long_line + "\nend\n");
  BOOST_REQUIRE(rows.size() == 4u);
  BOOST_TEST(rows[0].problem != "");
  BOOST_TEST(rows[1].fields.at(0).size() == long_line.size());
  BOOST_TEST(rows[2].line == 3u);
  expect_row(rows[3], 4, {"end"});
}

BOOST_AUTO_TEST_CASE(rows_that_straddle_the_read_chunks_come_back_whole) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) {
    text += std::to_string(i) + ",\"row\n" + std::to_string(i) + "\"\n";
  }
  const auto rows = read_all(text);
  BOOST_REQUIRE(rows.size() == 20'000u);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    BOOST_REQUIRE(rows[i].line == 2 * i + 1);
    BOOST_REQUIRE(rows[i].fields.at(1) == "row\n" + std::to_string(i));
  }
}

BOOST_AUTO_TEST_SUITE_END()
