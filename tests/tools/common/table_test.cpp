#include <millrace/tools/millrace/common/console.hpp>
#include <millrace/tools/millrace/common/sql_text.hpp>
#include <millrace/tools/millrace/common/table.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <sstream>
#include <string>
#include <vector>

using namespace millrace::tools;

BOOST_AUTO_TEST_SUITE(table_suite)

BOOST_AUTO_TEST_CASE(columns_are_aligned_to_the_widest_cell) {
  text_table table{{"name", "score"}};
  table.add({"kettle", "8.5"}, {text_table::align::left, text_table::align::right});
  table.add({"a", "10"}, {text_table::align::left, text_table::align::right});
  std::ostringstream out;
  table.print(out);
  BOOST_TEST(out.str() == "name    score\n"
                          "------  -----\n"
                          "kettle    8.5\n"
                          "a          10\n");
}

BOOST_AUTO_TEST_CASE(width_counts_what_a_terminal_shows_not_bytes) {
  BOOST_TEST(display_width("abc") == 3u);
  BOOST_TEST(display_width("Zürich") == 6u);
  BOOST_TEST(display_width("水車") == 4u);
  BOOST_TEST(display_width("e\u0301") == 1u);
  BOOST_TEST(display_width("\xFF\xFE") == 2u);
  BOOST_TEST(display_width("\xE6\xB0") == 2u);
}

BOOST_AUTO_TEST_CASE(a_line_break_in_a_cell_does_not_break_the_row) {
  text_table table{{"note"}};
  table.add({"two\nlines"});
  std::ostringstream out;
  table.print(out);
  BOOST_TEST(out.str() == "note\n---------\ntwo·lines\n");
}

BOOST_AUTO_TEST_CASE(nothing_in_a_title_or_a_cell_steers_the_terminal) {
  text_table table{{"t\x1b[31m"}};
  table.add(
    {"\xC2\x9B"
     "1m\x9B\u202Eevil\u2028é"});
  std::ostringstream out;
  table.print(out);
  BOOST_TEST(out.str() == "t·[31m\n-----------\n·1m··evil·é\n");
  BOOST_TEST(printable("one\n\ttwo\x1b") == "one\n\ttwo·");
}

BOOST_AUTO_TEST_CASE(a_table_grows_page_by_page_under_one_header) {
  text_table table{{"n", "t"}};
  const std::vector<text_table::align> sides{text_table::align::right, text_table::align::left};
  table.add({"1", "a"}, sides);
  std::ostringstream out;
  table.print(out);
  table.add({"2000", "b"}, sides);
  table.add({"3", "c"}, sides);
  table.print(out);
  BOOST_TEST(out.str() == "n  t\n-  -\n1  a\n2000  b\n   3  c\n");
}

BOOST_AUTO_TEST_CASE(missing_cells_are_empty_and_surplus_ones_dropped) {
  text_table table{{"a", "b"}};
  table.add({"1"});
  table.add({"1", "2", "3"});
  std::ostringstream out;
  table.print(out);
  BOOST_TEST(out.str() == "a  b\n-  -\n1\n1  2\n");
}

BOOST_AUTO_TEST_CASE(csv_fields_are_quoted_only_where_they_must_be) {
  BOOST_TEST(csv_field("plain text") == "plain text");
  BOOST_TEST(csv_field("a,b") == "\"a,b\"");
  BOOST_TEST(csv_field("say \"hi\"") == "\"say \"\"hi\"\"\"");
  BOOST_TEST(csv_field("two\nlines") == "\"two\nlines\"");
  BOOST_TEST(csv_field("") == "\"\"");
  BOOST_TEST(csv_field(" spaced") == "\" spaced\"");
}

BOOST_AUTO_TEST_CASE(identifiers_are_quoted_whatever_is_in_them) {
  const std::vector<std::string> columns{"id", "odd\"name", "select"};
  BOOST_TEST(insert_statement("my table", columns)
             == "INSERT INTO \"my table\"(\"id\", \"odd\"\"name\", \"select\") VALUES (?1, ?2, ?3)");
}

BOOST_AUTO_TEST_CASE(the_first_word_is_found_behind_comments_and_parentheses) {
  BOOST_TEST(first_word("  select 1") == "SELECT");
  BOOST_TEST(first_word("-- note\n/* more */ With x AS (SELECT 1) SELECT * FROM x") == "WITH");
  BOOST_TEST(first_word("(values (1))") == "VALUES");
  BOOST_TEST(first_word("/* never closed") == "");
  BOOST_TEST(first_word("") == "");
}

BOOST_AUTO_TEST_CASE(numbers_read_well) {
  using namespace std::chrono_literals;
  BOOST_TEST(grouped(0) == "0");
  BOOST_TEST(grouped(999) == "999");
  BOOST_TEST(grouped(1'000) == "1,000");
  BOOST_TEST(grouped(34'924'000) == "34,924,000");
  BOOST_TEST(milliseconds_text(1'234us) == "1.234 ms");
  BOOST_TEST(milliseconds_text(12'345us) == "12.3 ms");
}

BOOST_AUTO_TEST_SUITE_END()
