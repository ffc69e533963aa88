#include <millrace/messages/row_set.hpp>

#include <memory>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace millrace;

namespace {

row_set ideas() {
  row_set rows{std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"title", "score", "note"})};
  rows.begin_row();
  rows.add_text("Solar kettle");
  rows.add_real(8.5);
  rows.add_null();
  rows.begin_row();
  rows.add_text("Wind-up radio");
  rows.add_integer(-7);
  rows.add_blob(std::string_view{"\x00\xff", 2});
  return rows;
}

} // namespace

BOOST_AUTO_TEST_SUITE(row_set_suite)

BOOST_AUTO_TEST_CASE(cells_are_found_by_position_and_by_name) {
  const auto rows = ideas();
  BOOST_REQUIRE_EQUAL(rows.size(), 2);
  BOOST_TEST(rows[0][0].as_text() == "Solar kettle");
  BOOST_TEST(rows[0]["score"].as_real() == 8.5);
  BOOST_TEST(rows[0]["note"].is_null());
  BOOST_TEST(rows[1]["score"].as_integer() == -7);
  BOOST_TEST(rows[1]["note"].as_text() == std::string_view("\x00\xff", 2));
}

BOOST_AUTO_TEST_CASE(a_column_that_is_not_there_reads_as_null) {
  const auto rows = ideas();
  BOOST_TEST(rows[0]["colour"].is_null());
  BOOST_TEST(rows[0][17].is_null());
}

BOOST_AUTO_TEST_CASE(iterating_visits_every_row_in_order) {
  const auto rows = ideas();
  std::string titles;
  for (const auto row : rows) {
    titles += row["title"].to_string() + ";";
  }
  BOOST_TEST(titles == "Solar kettle;Wind-up radio;");
}

BOOST_AUTO_TEST_CASE(cells_read_as_people_write_them) {
  const auto rows = ideas();
  BOOST_TEST(rows[0]["score"].to_string() == "8.5");
  BOOST_TEST(rows[0]["note"].to_string().empty());
  BOOST_TEST(rows[1]["note"].to_string() == "00ff");
}

BOOST_AUTO_TEST_CASE(a_real_beyond_the_integers_is_clamped_and_not_undefined) {
  row_set rows{std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"x"})};
  rows.begin_row();
  rows.add_real(1e300);
  rows.begin_row();
  rows.add_real(-1e300);
  BOOST_TEST(rows[0][0].as_integer() == INT64_MAX);
  BOOST_TEST(rows[1][0].as_integer() == INT64_MIN);
}

BOOST_AUTO_TEST_CASE(a_row_that_was_begun_can_be_dropped) {
  auto rows = ideas();
  rows.drop_last_row();
  BOOST_TEST(rows.size() == 1);
  BOOST_TEST(rows[0][0].as_text() == "Solar kettle");
}

BOOST_AUTO_TEST_CASE(parts_that_travelled_make_the_same_rows) {
  auto rows = ideas();
  rows.set_seq(7);
  const auto rebuilt = row_set::from_parts(rows.columns(), rows.cells(), rows.size(), rows.truncated(), rows.seq());
  BOOST_REQUIRE(rebuilt.has_value());
  BOOST_TEST((*rebuilt == rows));
  BOOST_TEST(rebuilt->seq() == 7u);
  BOOST_TEST((ideas() != rows)); // Of another state.
}

BOOST_AUTO_TEST_CASE(parts_cut_at_any_byte_or_miscounted_are_refused) {
  const auto rows = ideas();
  for (std::size_t length = 0; length < rows.cells().size(); ++length) {
    BOOST_TEST(!row_set::from_parts(rows.columns(), rows.cells().substr(0, length), rows.size(), false).has_value());
  }
  BOOST_TEST(!row_set::from_parts(rows.columns(), rows.cells(), rows.size() - 1, false).has_value());
  BOOST_TEST(!row_set::from_parts(rows.columns(), rows.cells(), UINT64_MAX, false).has_value());
  BOOST_TEST(!row_set::from_parts({}, "", 1, false).has_value());
}

BOOST_AUTO_TEST_CASE(parts_with_an_unknown_cell_type_are_refused) {
  auto cells = ideas().cells();
  cells[0] = 9;
  BOOST_TEST(!row_set::from_parts(ideas().columns(), cells, 2, false).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
