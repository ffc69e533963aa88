#include <millrace/storage/queue/format.hpp>
#include <millrace/tests/support/disks/faulty_file_system.hpp>
#include <millrace/tests/support/storage/log_fixture.hpp>

#include <string>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::test;

namespace {

/// A queue with work up to `last`, and then a disk on which no file can be made or grow.
struct full_disk_fixture {
  memory_file_system disk;
  faulty_file_system files{disk};
  std::uint64_t last = 0;

  full_disk_fixture() {
    auto queue = open_log(files);
    add(queue, 20);
    fill_disk();
  }

  void fill_disk() {
    files.fail(operation::create, errc::disk_full);
    files.fail(operation::preallocate, errc::disk_full);
  }

  void add(storage::log& queue, std::size_t count) {
    require_ok(queue.append(batch_of(last + 1, count)));
    last += count;
  }

  void check_all(storage::log& queue) const {
    BOOST_REQUIRE_EQUAL(queue.last_seq(), last);
    BOOST_REQUIRE_EQUAL(check_work_from(queue, 1), last + 1);
  }

  /// Appends until nothing fits any more.
  void use_up(storage::log& queue) {
    auto appended = queue.append(batch_of(last + 1, 1));
    for (; appended; appended = queue.append(batch_of(last + 1, 1))) {
      ++last;
    }
    BOOST_REQUIRE(appended.error().code == errc::disk_full);
  }

  std::string newest_segment() { return files_ending(disk, ".waq").back(); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(full_disk, full_disk_fixture)

BOOST_AUTO_TEST_CASE(restarts_on_a_full_disk_keep_all_work_and_take_more_until_space_comes_back) {
  for (int restart = 0; restart < 10; ++restart) {
    auto queue = open_log(files);
    check_all(queue);
    add(queue, 2);
    check_all(queue);
  }
  BOOST_CHECK_EQUAL(files_ending(disk, ".waq").size(), 2u);
  BOOST_CHECK(files_ending(disk, ".free").empty());
  files.heal();
  for (int restart = 0; restart < 3; ++restart) {
    auto queue = open_log(files);
    check_all(queue);
    add(queue, 100);
    require_ok(queue.append_witness());
  }
  BOOST_CHECK_GT(files_ending(disk, ".waq").size(), 4u);
  BOOST_CHECK(!files_ending(disk, ".free").empty());
}

BOOST_AUTO_TEST_CASE(a_queue_that_went_on_in_its_newest_segment_rolls_over_when_space_comes_back) {
  for (int restart = 0; restart < 2; ++restart) {
    auto queue = open_log(files);
    add(queue, 2);
  }
  auto queue = open_log(files);
  files.heal();
  while (files_ending(disk, ".waq").size() < 5) {
    add(queue, 10);
  }
  check_all(queue);
  auto again = open_log(files);
  check_all(again);
}

BOOST_AUTO_TEST_CASE(a_queue_without_any_room_left_opens_and_reads_and_takes_work_once_there_is_space) {
  open_log(files);
  auto queue = open_log(files);
  use_up(queue);
  for (int restart = 0; restart < 3; ++restart) {
    auto again = open_log(files);
    check_all(again);
    use_up(again);
  }
  auto healed = open_log(files);
  files.heal();
  add(healed, 10);
  check_all(healed);
}

BOOST_AUTO_TEST_CASE(a_checkpoint_frees_room_on_a_full_disk) {
  auto queue = open_log(files);
  add(queue, 2);
  auto again = open_log(files);
  use_up(again);
  // Two segments: the older one becomes a spare, which the next restart may take.
  require_ok(again.release(last));
  BOOST_CHECK_EQUAL(files_ending(disk, ".free").size(), 1u);
  auto third = open_log(files, last);
  const auto first = last + 1;
  add(third, 10);
  BOOST_CHECK_EQUAL(check_work_from(third, first), last + 1);
}

BOOST_AUTO_TEST_CASE(what_stood_in_the_segment_has_a_witness_before_more_is_appended) {
  {
    auto queue = open_log(files);
    add(queue, 2);
  }
  const auto path = queue_path / newest_segment();
  open_log(files);
  const auto before = disk.contents();
  open_log(files);
  BOOST_CHECK_MESSAGE(disk.contents() == before, "one witness is enough, however often the queue is opened");
  disk.bytes(path)[header_block_bytes + frame_header_bytes + 8] ^= 1;
  const auto opened = try_open(files);
  BOOST_REQUIRE(!opened.log);
  BOOST_CHECK(opened.log.error().code == errc::corrupt);
  BOOST_CHECK(opened.log.error().detail.find("seq 21") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_torn_tail_in_the_segment_that_is_gone_on_in_is_overwritten) {
  {
    auto queue = open_log(files);
    add(queue, 2);
  }
  {
    auto queue = open_log(files);
    add(queue, 5);
  }
  // All of the five but for their first bytes.
  auto& bytes = disk.bytes(queue_path / newest_segment());
  const auto torn = bytes.find("idea " + std::to_string(last));
  BOOST_REQUIRE(torn != std::string::npos);
  bytes[torn] ^= 1;
  last -= 5;
  for (int restart = 0; restart < 3; ++restart) {
    auto opened = try_open(files);
    require_ok(opened.log);
    BOOST_CHECK_EQUAL(opened.report.torn_tail, restart == 0);
    check_all(*opened.log);
    add(*opened.log, 1);
  }
}

BOOST_AUTO_TEST_CASE(a_queue_behind_the_database_goes_on_after_it_on_a_full_disk_too) {
  open_log(files);
  {
    auto queue = open_log(files);
    add(queue, 2);
  }
  auto queue = open_log(files, 100);
  require_ok(queue.append(batch_of(101, 2)));
  auto again = open_log(files, 101);
  BOOST_CHECK_EQUAL(again.last_seq(), 102u);
  BOOST_CHECK_EQUAL(check_work_from(again, 102), 103u);
}

BOOST_AUTO_TEST_CASE(a_segment_whose_file_was_cut_short_is_not_written_beyond_its_end) {
  {
    auto queue = open_log(files);
    add(queue, 2);
  }
  auto& bytes = disk.bytes(queue_path / newest_segment());
  bytes.resize(header_block_bytes + 512);
  auto queue = open_log(files);
  use_up(queue);
  BOOST_CHECK_EQUAL(bytes.size(), header_block_bytes + 512);
  check_all(queue);
}

BOOST_AUTO_TEST_SUITE_END()
