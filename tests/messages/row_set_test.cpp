#include <millrace/messages/row_set.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
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

template <class Rows>
concept gives_views = requires(Rows&& rows) {
  std::forward<Rows>(rows)[0];
}
|| requires(Rows&& rows) {
  std::forward<Rows>(rows).begin();
};

} // namespace

BOOST_AUTO_TEST_SUITE(row_set_suite)

BOOST_AUTO_TEST_CASE(cells_are_found_by_position_and_by_name) {
  const auto rows = ideas();
  BOOST_REQUIRE_EQUAL(rows.size(), 2);
  BOOST_TEST(rows[0][0].as_text() == "Solar kettle");
  BOOST_TEST(rows[0]["score"].as_real() == 8.5);
  BOOST_TEST(rows[0]["note"].is_null());
  BOOST_TEST(rows[1]["score"].as_integer() == -7);
  const auto note = rows[1]["note"].as_blob();
  BOOST_REQUIRE_EQUAL(note.size(), 2);
  BOOST_TEST((note[0] == std::byte{0}));
  BOOST_TEST((note[1] == std::byte{0xff}));
}

BOOST_AUTO_TEST_CASE(a_column_or_a_row_that_is_not_there_is_named_with_those_that_are) {
  const auto rows = ideas();
  const auto says = [](const std::string& text) {
    return [text](const std::out_of_range& why) { return why.what() == text; };
  };
  BOOST_CHECK_EXCEPTION((void) rows[0]["titel"], std::out_of_range,
                        says("there is no column \"titel\"; there are: title, score, note"));
  BOOST_CHECK_EXCEPTION((void) rows[0][3], std::out_of_range,
                        says("there is no column 3, counted from 0; there are 3: title, score, note"));
  BOOST_CHECK_EXCEPTION((void) rows[2], std::out_of_range, says("there is no row 2, counted from 0; there are 2"));
}

BOOST_AUTO_TEST_CASE(a_name_of_two_columns_is_not_taken_for_the_first) {
  row_set rows{std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"n", "n"})};
  rows.begin_row();
  rows.add_integer(1);
  rows.add_integer(2);
  BOOST_CHECK_THROW((void) rows[0]["n"], std::out_of_range);
  BOOST_TEST(rows[0][1].as_integer() == 2);
}

BOOST_AUTO_TEST_CASE(a_cell_of_another_type_is_not_taken_for_a_zero_or_an_empty_text) {
  const auto rows = ideas();
  const auto title = rows[0]["title"];
  const auto score = rows[0]["score"];
  BOOST_CHECK_EXCEPTION((void) title.as_integer(), std::invalid_argument, [](const std::invalid_argument& why) {
    return std::string{why.what()}.starts_with("the cell is a text and not an integer;");
  });
  BOOST_CHECK_THROW((void) title.as_real(), std::invalid_argument);
  BOOST_CHECK_THROW((void) title.as_blob(), std::invalid_argument);
  BOOST_CHECK_THROW((void) score.as_integer(), std::invalid_argument);
  BOOST_CHECK_THROW((void) score.as_text(), std::invalid_argument);
  BOOST_CHECK_THROW((void) rows[0]["note"].as_text(), std::invalid_argument); // It is null.
  BOOST_CHECK_THROW((void) rows[1]["note"].as_text(), std::invalid_argument); // It is a blob.
  BOOST_TEST(rows[1]["score"].as_real() == -7.0);
}

BOOST_AUTO_TEST_CASE(who_does_not_know_what_is_there_asks_and_gets_it_or_nothing) {
  enum class colour : std::uint8_t { red = 249 };
  const auto rows = ideas();
  const auto number = rows[1]["score"];
  BOOST_TEST(number.get<int>().value() == -7);
  BOOST_TEST(number.get<double>().value() == -7.0);
  BOOST_TEST(!number.get<unsigned>().has_value());
  BOOST_TEST(!number.get<bool>().has_value());
  BOOST_TEST(!number.get<colour>().has_value());
  BOOST_TEST(!number.get<std::string>().has_value());
  BOOST_TEST(rows[0]["title"].get<std::string>().value() == "Solar kettle");
  BOOST_TEST(!rows[0]["title"].get<int>().has_value());
  BOOST_TEST(!rows[0]["note"].get<int>().has_value());
  BOOST_TEST(rows[1]["note"].get<blob>()->bytes.size() == 2);
}

BOOST_AUTO_TEST_CASE(a_moment_is_read_as_it_was_written_and_nothing_else_is_taken_for_one) {
  using namespace std::chrono;
  using micros = sys_time<microseconds>;
  row_set rows{std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"t"})};
  const auto read = [&rows]<class Moment>(std::string_view text, Moment) {
    rows.begin_row();
    rows.add_text(text);
    return rows[rows.size() - 1][0].get<Moment>();
  };
  const micros moment = sys_days{2024y / 5 / 1} + 12h + 30min + 250'001us;
  for (const micros one :
       {moment, micros{-1us}, micros{sys_days{year{0} / 1 / 1}}, micros{sys_days{9999y / 12 / 31}}}) {
    const auto written = value{one};
    BOOST_TEST((read(std::get<std::string>(written.data()), micros{}) == one));
  }
  BOOST_TEST((read("2024-05-01 12:30:00.250001", sys_seconds{}) == floor<seconds>(moment)));
  BOOST_TEST((read("2024-05-01", micros{}) == sys_days{2024y / 5 / 1}));
  BOOST_TEST(!read("9999-12-31", sys_time<nanoseconds>{}).has_value()); // Beyond what 64 bits of nanoseconds hold.
  for (const auto* wrong : {"", "2024-5-1", "2024-02-30", "2024-05-01T12:30:00", "2024-05-01 24:00:00",
                            "2024-05-01 12:30:00.", "2024-05-01 12:30:00.1234567890", "2024-05-01 12:30:00Z"}) {
    BOOST_TEST(!read(wrong, micros{}).has_value(), wrong);
  }
}

BOOST_AUTO_TEST_CASE(a_row_is_a_range_of_its_cells) {
  const auto rows = ideas();
  std::string texts;
  for (const auto cell : rows[1]) {
    texts += cell.to_string() + ";";
  }
  BOOST_TEST(texts == "Wind-up radio;-7;00ff;");
}

BOOST_AUTO_TEST_CASE(no_view_is_had_of_rows_that_nobody_keeps) {
  BOOST_TEST(gives_views<const row_set&>);
  BOOST_TEST(!gives_views<row_set>);
  BOOST_TEST(!gives_views<const row_set>);
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
  row_set reals{std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"x"})};
  for (const auto number : {1.0, -0.0, 1e300}) {
    reals.begin_row();
    reals.add_real(number);
  }
  BOOST_TEST(reals[0][0].to_string() == "1.0"); // And no integer.
  BOOST_TEST(reals[1][0].to_string() == "-0.0");
  BOOST_TEST(reals[2][0].to_string() == "1e+300");
  BOOST_TEST(rows[0]["note"].to_string().empty());
  BOOST_TEST(rows[1]["note"].to_string() == "00ff");
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
