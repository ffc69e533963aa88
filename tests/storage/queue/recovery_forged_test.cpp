#include <millrace/storage/queue/format.hpp>
#include <millrace/tests/support/storage/log_fixture.hpp>

#include <string>
#include <string_view>
#include <vector>

#include <xxhash.h>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::test;

namespace {

constexpr std::size_t bytes_at = 8;
constexpr std::size_t count_at = 12;
constexpr std::size_t chain_at = 48;

/// A queue of one segment with a batch of two, a witness, a batch of two, a witness; its frames can be changed and
/// given a checksum that fits.
struct recovery_forged_fixture {
  memory_file_system disk;
  std::vector<std::size_t> frames; ///< Where each frame begins.

  recovery_forged_fixture() {
    auto queue = open_log(disk);
    for (std::uint64_t seq = 1; seq < 5; seq += 2) {
      require_ok(queue.append(batch_of(seq, 2)));
      require_ok(queue.append_witness());
    }
    for (auto at = header_block_bytes; frames.size() < 4; at += load<std::uint32_t>(bytes().data() + at + bytes_at)) {
      frames.push_back(at);
    }
  }

  std::string& bytes() { return disk.bytes(first_segment); }

  template <class T>
  void set(std::size_t frame, std::size_t offset, T number) {
    store(bytes().data() + frames[frame] + offset, number);
  }
  template <class T>
  T get(std::size_t frame, std::size_t offset) {
    return load<T>(bytes().data() + frames[frame] + offset);
  }

  void seal(std::size_t frame) {
    const auto header = parse_frame_header(std::string_view{bytes()}.substr(frames[frame]));
    const auto* from = bytes().data() + frames[frame] + 8;
    set<std::uint64_t>(frame, 0, XXH3_64bits_withSeed(from, header.bytes - 8, header.salt));
  }

  /// Seals a frame and makes those after it follow on it.
  void seal_from(std::size_t frame) {
    seal(frame);
    for (auto next = frame + 1; next < frames.size(); ++next) {
      set(next, chain_at, get<std::uint64_t>(next - 1, 0));
      seal(next);
    }
  }

  segment_header header() { return decode_header_block(bytes(), database_id, "").value().header; }

  void check_refused(std::uint64_t applied, std::string_view why, errc code = errc::corrupt) {
    const auto before = disk.contents();
    const auto opened = try_open(disk, applied);
    BOOST_REQUIRE(!opened.log);
    BOOST_CHECK(opened.log.error().code == code);
    BOOST_CHECK_MESSAGE(opened.log.error().detail.find(why) != std::string::npos, opened.log.error().detail);
    BOOST_CHECK(disk.contents() == before);
  }

  void check_reported(std::uint64_t applied, std::string_view why) {
    auto opened = try_open(disk, applied);
    require_ok(opened.log);
    BOOST_REQUIRE(!opened.report.findings.empty());
    BOOST_CHECK_MESSAGE(opened.report.findings[0].find(why) != std::string::npos, opened.report.findings[0]);
    BOOST_CHECK_EQUAL(check_work_from(*opened.log, applied + 1), 5u);
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(recovery_forged, recovery_forged_fixture)

BOOST_AUTO_TEST_CASE(a_frame_that_does_not_follow_on_the_one_before_is_damage) {
  set<std::uint64_t>(2, chain_at, 7);
  seal_from(2);
  check_refused(0, "seq 3");
  check_refused(2, "not the successor");
  check_reported(3, "seq 3 is not the successor");
}

BOOST_AUTO_TEST_CASE(a_segment_that_does_not_follow_on_the_one_before_is_damage) {
  open_log(disk);
  auto& second = disk.bytes(queue_path / segment_name(5));
  auto header = decode_header_block(second, database_id, "").value().header;
  header.chain ^= 1;
  second.replace(0, header_block_bytes, encode_header_block(header));
  check_refused(0, "seq 5");
  // Where the segment before it is not read, nobody can tell.
  BOOST_CHECK(try_open(disk, 4).log);
}

BOOST_AUTO_TEST_CASE(a_frame_with_more_records_than_it_says_or_fewer_is_damage) {
  set<std::uint32_t>(2, count_at, 1);
  seal_from(2);
  check_refused(0, "goes on after its last record");
  set<std::uint32_t>(2, count_at, 12);
  seal_from(2);
  check_refused(0, "seq 5");
  set<std::uint32_t>(2, count_at, 2);
  bytes()[frames[2] + frame_header_bytes] = 0x7f;
  seal_from(2);
  check_refused(0, "the frame ends before it");
  BOOST_CHECK(try_open(disk, 4).log);
}

BOOST_AUTO_TEST_CASE(a_damaged_frame_without_work_is_reported_and_passed) {
  set<std::uint64_t>(1, 0, 7);
  check_reported(0, "a frame without work is damaged");
}

BOOST_AUTO_TEST_CASE(a_segment_under_a_wrong_name_is_damage) {
  disk.put(queue_path / segment_name(3), bytes());
  check_refused(0, "under a wrong name");
}

BOOST_AUTO_TEST_CASE(a_header_without_a_salt_is_damage) {
  auto saltless = header();
  saltless.salt = 0;
  disk.put(first_segment, encode_header_block(saltless) + std::string(4096, '\0'));
  check_refused(0, "both copies of the header");
}

BOOST_AUTO_TEST_CASE(no_segment_begins_before_the_first_seq) {
  auto none = header();
  none.first_seq = 0;
  disk.put(queue_path / segment_name(0), encode_header_block(none));
  require_ok(disk.remove(first_segment));
  const auto opened = try_open(disk, 2);
  require_ok(opened.log);
  BOOST_CHECK_EQUAL(opened.log->last_seq(), 2u);
  BOOST_CHECK_EQUAL(opened.report.last_seq, 2u);
}

BOOST_AUTO_TEST_CASE(a_newer_format_is_seen_in_either_copy_of_the_header) {
  auto newer = header();
  newer.version = log_format_version + 1;
  const auto block = encode_header_block(newer);
  bytes().replace(header_copy_at, segment_header_bytes, block, header_copy_at, segment_header_bytes);
  check_refused(0, "newer format", errc::folder_newer);
}

BOOST_AUTO_TEST_CASE(a_header_whose_length_is_impossible_is_damage) {
  for (const std::uint32_t length : {0U, 19U, 3000U}) {
    store(bytes().data() + 12, length);
    store(bytes().data() + header_copy_at + 12, length);
    check_refused(0, "both copies");
  }
  bytes().resize(40);
  check_refused(0, "both copies");
}

BOOST_AUTO_TEST_CASE(damage_that_comes_after_recovery_is_told_by_the_cursor) {
  const auto whole = bytes();
  auto read = [&, reading = open_log(disk)](std::uint64_t seq) mutable {
    auto cursor = reading.read_from(seq);
    require_ok(cursor);
    return (*cursor)->next();
  };
  const auto check_told = [&](std::uint64_t seq) {
    const auto given = read(seq);
    BOOST_REQUIRE(!given);
    BOOST_CHECK(given.error().code == errc::corrupt);
    BOOST_CHECK_MESSAGE(given.error().detail.find("seq " + std::to_string(seq)) != std::string::npos,
                        given.error().detail);
    bytes() = whole;
  };
  set<std::uint64_t>(0, 0, 7); // Passed over, to a frame behind what is wanted.
  check_told(1);
  for (std::size_t frame = 0; frame < frames.size(); ++frame) {
    set<std::uint64_t>(frame, 0, 7); // No frame at all.
  }
  check_told(3);
  bytes()[frames[0] + frame_header_bytes + 1] = 0x7f; // A record of no kind.
  seal(0);
  check_told(1);
  BOOST_CHECK_EQUAL((*read(3))->first_seq, 3u);
}

BOOST_AUTO_TEST_SUITE_END()
