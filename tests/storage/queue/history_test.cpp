/// That a log tells its own work from that of a copy which was written to separately.

#include <millrace/tests/support/storage/log_fixture.hpp>

#include <cstdint>
#include <string>
#include <vector>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::test;

namespace {

/// Appends batches of two and gives where a database is that has applied them, after each.
std::vector<log_position> append(memory_file_system& disk, std::uint64_t count) {
  std::vector<log_position> applied;
  auto queue = open_log(disk);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto work = batch_of(queue.last_seq() + 1, 2);
    const auto chain = queue.append(work);
    require_ok(chain);
    applied.emplace_back(work.last_seq(), *chain);
  }
  require_ok(queue.append_witness());
  return applied;
}

result<storage::log> open_for(memory_file_system& disk, const log_position& applied) {
  recovery_report report;
  return storage::log::open(disk, queue_path, database_id, applied, small_segments, report);
}

/// Two logs with the same beginning.
struct history_fixture {
  memory_file_system ours;
  std::vector<log_position> common = append(ours, 10);
  memory_file_system theirs = ours.copy();
  std::vector<log_position> our_work = append(ours, 10);
  std::vector<log_position> their_work = append(theirs, 10);
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(history_suite, history_fixture)

BOOST_AUTO_TEST_CASE(a_cursor_and_recovery_give_a_frame_the_chain_value_that_it_was_appended_with) {
  std::vector<log_position> seen;
  const auto note = [&](const batch& one) { seen.emplace_back(one.last_seq(), one.chain); };
  recovery_report report;
  auto queue = storage::log::open(ours, queue_path, database_id, common.back(), small_segments, report, note);
  require_ok(queue);
  BOOST_TEST((seen == our_work));
  seen.clear();
  auto cursor = queue->read_from(our_work[2].seq); // From the middle of a frame.
  require_ok(cursor);
  for (auto next = (*cursor)->next(); next && *next; next = (*cursor)->next()) {
    note(**next);
  }
  BOOST_TEST((seen == std::vector<log_position>{our_work.begin() + 2, our_work.end()}));
}

BOOST_AUTO_TEST_CASE(a_database_that_was_applied_from_this_log_is_told_wherever_it_ends) {
  for (const auto& part : {common, our_work}) {
    for (const auto& applied : part) {
      auto disk = ours.copy();
      const auto opened = open_for(disk, applied);
      BOOST_REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().detail));
      for (const auto& other : our_work) {
        BOOST_TEST(!opened->contradicts(other).value());
      }
    }
  }
  BOOST_TEST(open_for(theirs, common.back()).has_value());
}

BOOST_AUTO_TEST_CASE(a_database_that_was_applied_from_a_copy_is_refused_and_nothing_is_changed) {
  const auto ahead = append(theirs, 5);
  for (const auto& part : {their_work, ahead}) {
    for (const auto& applied : part) {
      const auto before = ours.contents();
      const auto refused = open_for(ours, applied);
      BOOST_REQUIRE_MESSAGE(!refused, applied.seq);
      BOOST_TEST((refused.error().code == errc::database_gone));
      BOOST_TEST((ours.contents() == before));
    }
  }
  const auto opened = open_for(ours, our_work.back());
  require_ok(opened);
  for (const auto& applied : ahead) {
    BOOST_TEST(opened->contradicts(applied).value());
  }
}

BOOST_AUTO_TEST_CASE(a_database_of_which_no_frame_is_known_is_taken_at_its_word) {
  BOOST_TEST(open_for(ours, their_work.back().seq).has_value());
  BOOST_TEST(open_for(ours, our_work.back().seq + 7).has_value());
}

BOOST_AUTO_TEST_CASE(the_frame_of_what_is_checkpointed_stays_though_the_next_segment_begins_after_it) {
  for (int i = 0; i < 3; ++i) {
    auto queue = open_for(ours, our_work.back());
    require_ok(queue);
    require_ok(queue->release(our_work.back().seq));
    BOOST_TEST(queue->contradicts(their_work.back()).value());
  }
  BOOST_TEST((open_for(ours, their_work.back()).error().code == errc::database_gone));
  BOOST_TEST(open_for(ours, our_work.back()).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_not_in_the_log_any_more_is_not_compared) {
  auto more = append(ours, 400);
  {
    auto queue = open_for(ours, more.back());
    require_ok(queue);
    require_ok(queue->release(more.back().seq));
    BOOST_TEST(!queue->contradicts(their_work.back()).value());
  }
  const auto refused = open_for(ours, their_work.back()); // As any copy that is too old.
  BOOST_TEST((refused.error().code == errc::database_gone));
  BOOST_TEST(refused.error().detail.find("older than the log reaches back") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_frame_that_is_damaged_says_nothing) {
  const auto last = our_work.back();
  std::size_t damaged = 0;
  for (const auto& [path, bytes] : ours.contents()) {
    const auto at = bytes.find("idea " + std::to_string(last.seq));
    if (at != std::string::npos) {
      auto changed = bytes;
      changed[at] ^= 1;
      ours.put(path, changed);
      ++damaged;
    }
  }
  BOOST_REQUIRE(damaged == 1u);
  BOOST_TEST(open_for(ours, their_work.back()).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
