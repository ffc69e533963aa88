#include <millrace/tools/millrace/load/row_notes.hpp>

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace millrace::tools;

BOOST_AUTO_TEST_SUITE(row_notes_suite)

BOOST_AUTO_TEST_CASE(rows_that_end_alike_share_a_sentence_which_has_all_their_lines) {
  row_notes notes;
  for (const auto line : {7, 3, 6, 5, 9}) {
    notes.add(row_end::unknown, static_cast<std::uint64_t>(line), "no answer");
  }
  notes.add(row_end::failed, 4, "no answer");
  notes.add(row_end::unknown, 8, "another");
  BOOST_TEST(
    notes.take() == (std::vector<std::string>{"lines 3, 5 to 7, 9: no answer", "line 4: no answer", "line 8: another"}),
    boost::test_tools::per_element());
  BOOST_TEST(notes.take().empty());
}

BOOST_AUTO_TEST_CASE(lines_far_apart_are_counted_beyond_the_first_ranges) {
  row_notes notes;
  for (std::uint64_t line = 2; line <= 40; line += 2) {
    notes.add(row_end::malformed, line, "bad");
  }
  BOOST_TEST(notes.take().front() == "lines 2, 4, 6, 8, 10, 12, 14, 16, 18, 20 and 10 others: bad");
}

BOOST_AUTO_TEST_CASE(of_each_end_the_first_sentences_are_given) {
  row_notes notes;
  for (std::uint64_t line = 1; line <= 30; ++line) {
    notes.add(row_end::failed, line, "reason " + std::to_string(line));
  }
  const auto told = notes.take();
  BOOST_REQUIRE(told.size() == 21U);
  BOOST_TEST(told[19] == "line 20: reason 20");
  BOOST_TEST(told[20] == "(further ones of this kind are only counted)");
  notes.add(row_end::failed, 31, "reason 31");
  notes.add(row_end::unknown, 32, "no answer");
  BOOST_TEST(notes.take() == std::vector<std::string>{"line 32: no answer"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
