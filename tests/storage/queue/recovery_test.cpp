#include <millrace/storage/base/hash.hpp>
#include <millrace/storage/queue/format.hpp>
#include <millrace/tests/support/disks/faulty_file_system.hpp>
#include <millrace/tests/support/storage/log_fixture.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::test;

namespace {

/// A queue whose one segment with work holds three batches of two and, where asked for, the witness of the last.
struct queue_recovery_fixture {
  memory_file_system disk;
  std::vector<std::uint64_t> frames; ///< Where each frame begins, and where the last one ends.

  static constexpr std::uint64_t last = 6;

  void write(bool with_witness, std::uint64_t batches = 3) {
    auto queue = open_log(disk);
    frames = {header_block_bytes};
    for (std::uint64_t i = 0; i < batches; ++i) {
      require_ok(queue.append(batch_of(2 * i + 1, 2)));
      note_frame();
    }
    if (with_witness) {
      require_ok(queue.append_witness());
      note_frame();
    }
  }

  void note_frame() {
    const auto& bytes = disk.bytes(first_segment);
    frames.push_back(frames.back() + parse_frame_header(std::string_view{bytes}.substr(frames.back())).bytes);
  }

  void damage(std::size_t frame, std::size_t byte = 60) {
    auto& damaged = disk.bytes(first_segment)[frames[frame] + byte];
    damaged = static_cast<char>(damaged ^ 0x20);
  }
};

bool names(const failure& error, std::uint64_t seq, const std::filesystem::path& file) {
  return error.code == errc::corrupt && error.detail.find("seq " + std::to_string(seq)) != std::string::npos
         && error.detail.find(file.string()) != std::string::npos;
}

/// Opens a damaged copy and checks that nothing went missing without a word. `safe` is the last `seq` that a witness
/// vouches for, or that is applied.
void check_damaged(memory_file_system damaged, std::uint64_t applied, std::uint64_t safe, std::uint64_t whole) {
  const auto before = damaged.contents();
  auto opened = try_open(damaged, applied);
  if (!opened.log) {
    const auto& error = opened.log.error();
    BOOST_REQUIRE_MESSAGE(error.code == errc::corrupt, error.detail);
    BOOST_REQUIRE_MESSAGE(
      error.detail.find("seq ") != std::string::npos && error.detail.find(first_segment.string()) != std::string::npos,
      error.detail);
    BOOST_REQUIRE(damaged.contents() == before);
    return;
  }
  auto& queue = *opened.log;
  BOOST_REQUIRE_GE(queue.last_seq(), std::max(safe, applied));
  BOOST_REQUIRE_LE(queue.last_seq(), whole);
  BOOST_REQUIRE_EQUAL(check_work_from(queue, applied + 1), queue.last_seq() + 1);
  // What is missing at the end was reported.
  BOOST_REQUIRE(queue.last_seq() == whole || !opened.report.findings.empty());
  const auto after = damaged.contents();
  auto again = try_open(damaged, applied);
  BOOST_REQUIRE_MESSAGE(again.log, again.log.error().detail);
  BOOST_REQUIRE_EQUAL(again.log->last_seq(), queue.last_seq());
  BOOST_REQUIRE(damaged.contents() == after);
  require_ok(again.log->append(batch_of(queue.last_seq() + 1, 2)));
  BOOST_REQUIRE_EQUAL(check_work_from(*again.log, applied + 1), again.log->last_seq() + 1);
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(recovery, queue_recovery_fixture)

BOOST_AUTO_TEST_CASE(a_torn_tail_is_set_aside_and_cut_off_and_the_rest_survives) {
  write(false);
  auto& bytes = disk.bytes(first_segment);
  const auto torn = bytes.substr(frames[2], frames[3] - frames[2] - 16);
  bytes.replace(frames[3] - 16, 16, 16, '\0');
  auto opened = try_open(disk);
  require_ok(opened.log);
  BOOST_CHECK_EQUAL(opened.log->last_seq(), 4u);
  BOOST_CHECK(opened.report.torn_tail);
  BOOST_CHECK_EQUAL(opened.report.last_seq, 4u);
  BOOST_CHECK_EQUAL(opened.report.transactions, 4u);
  BOOST_REQUIRE_EQUAL(opened.report.findings.size(), 1u);
  BOOST_CHECK(opened.report.findings[0].find("seq 5") != std::string::npos);
  BOOST_CHECK_EQUAL(check_work_from(*opened.log, 1), 5u);
  BOOST_CHECK(disk.bytes(first_segment).find_first_not_of('\0', frames[2]) == std::string::npos);
  BOOST_REQUIRE_EQUAL(files_ending(disk, ".torn-1").size(), 1u);
  BOOST_CHECK(torn.starts_with(disk.bytes(queue_path / files_ending(disk, ".torn-1")[0])));
}

BOOST_AUTO_TEST_CASE(copies_of_torn_tails_are_bounded_in_number) {
  for (std::uint64_t round = 0; round < 20; ++round) {
    auto queue = open_log(disk);
    require_ok(queue.append(batch_of(queue.last_seq() + 1, 1)));
    const auto newest = files_ending(disk, ".waq").back();
    disk.bytes(queue_path / newest)[header_block_bytes + 70] ^= 1;
  }
  open_log(disk);
  std::size_t copies = 0;
  for (const auto& [path, content] : disk.contents()) {
    copies += path.string().find(".torn-") == std::string::npos ? 0 : 1;
  }
  BOOST_CHECK_EQUAL(copies, 8u);
}

BOOST_AUTO_TEST_CASE(a_torn_tail_is_cut_off_on_a_full_disk_too) {
  write(false);
  damage(2);
  faulty_file_system files{disk};
  files.fail(operation::create, errc::disk_full);
  files.fail(operation::preallocate, errc::disk_full);
  auto opened = try_open(files);
  require_ok(opened.log);
  BOOST_CHECK(opened.report.torn_tail);
  BOOST_CHECK_EQUAL(check_work_from(*opened.log, 1), 5u);
}

BOOST_AUTO_TEST_CASE(damage_above_applied_with_a_witness_stops_and_changes_nothing) {
  for (std::size_t frame = 0; frame < 3; ++frame) {
    disk = {};
    write(true);
    damage(frame);
    const auto before = disk.contents();
    const auto opened = try_open(disk);
    BOOST_REQUIRE(!opened.log);
    BOOST_CHECK_MESSAGE(names(opened.log.error(), 2 * frame + 1, first_segment), opened.log.error().detail);
    BOOST_CHECK(disk.contents() == before);
  }
}

BOOST_AUTO_TEST_CASE(a_wrong_byte_in_the_last_frame_without_work_of_a_segment_costs_nothing) {
  write(true);
  require_ok(open_log(disk).append(batch_of(last + 1, 2)));
  for (std::size_t byte = 0; byte < frame_header_bytes; ++byte) {
    auto damaged = disk.copy();
    auto& wrong = damaged.bytes(first_segment)[frames[3] + byte];
    wrong = static_cast<char>(wrong ^ 0x20);
    auto opened = try_open(damaged);
    BOOST_REQUIRE_MESSAGE(opened.log, "byte " << byte << ": " << (opened.log ? "" : opened.log.error().detail));
    BOOST_REQUIRE_EQUAL(opened.report.findings.size(), 1u);
    BOOST_REQUIRE_EQUAL(check_work_from(*opened.log, 1), last + 3);
  }
}

BOOST_AUTO_TEST_CASE(the_header_of_a_later_segment_is_a_witness) {
  write(false);
  open_log(disk);
  damage(2);
  const auto opened = try_open(disk);
  BOOST_REQUIRE(!opened.log);
  BOOST_CHECK_MESSAGE(names(opened.log.error(), 5, first_segment), opened.log.error().detail);
}

BOOST_AUTO_TEST_CASE(damage_in_applied_work_is_reported_and_passed) {
  write(true);
  // The text is defined in the first frame: damage there leaves the later ones without it.
  damage(1);
  auto opened = try_open(disk, 4);
  require_ok(opened.log);
  BOOST_CHECK_EQUAL(opened.report.findings.size(), 1u);
  BOOST_CHECK_EQUAL(opened.report.transactions, 2u);
  BOOST_CHECK(!opened.report.torn_tail);
  BOOST_CHECK_EQUAL(check_work_from(*opened.log, 5), 7u);
}

BOOST_AUTO_TEST_CASE(a_text_lost_in_applied_work_that_later_work_needs_is_damage_to_that) {
  write(true);
  damage(0);
  const auto opened = try_open(disk, 4);
  BOOST_REQUIRE(!opened.log);
  BOOST_CHECK_MESSAGE(names(opened.log.error(), 5, first_segment), opened.log.error().detail);
  require_ok(try_open(disk, 6).log);
}

BOOST_AUTO_TEST_CASE(a_missing_segment_is_named) {
  {
    auto queue = open_log(disk);
    while (files_ending(disk, ".waq").size() < 4) {
      require_ok(queue.append(batch_of(queue.last_seq() + 1, 10)));
    }
  }
  const auto segments = files_ending(disk, ".waq");
  require_ok(disk.remove(queue_path / segments[1]));
  const auto missing = *segment_of_name(segments[1]);
  const auto opened = try_open(disk);
  BOOST_REQUIRE(!opened.log);
  BOOST_CHECK_MESSAGE(names(opened.log.error(), missing, queue_path / segments[0]), opened.log.error().detail);
  require_ok(try_open(disk, *segment_of_name(segments[2]) - 1).log);
  require_ok(disk.remove(queue_path / segments[0]));
  const auto before = disk.contents();
  const auto oldest = try_open(disk, 3);
  BOOST_REQUIRE(!oldest.log);
  BOOST_CHECK(oldest.log.error().code == errc::database_gone);
  const auto needed = "holds seq " + std::to_string(*segment_of_name(segments[2]) - 1);
  for (const auto& said : {std::string{"ends at seq 3"}, needed, (queue_path / segments[2]).string()}) {
    BOOST_CHECK_MESSAGE(oldest.log.error().detail.find(said) != std::string::npos, oldest.log.error().detail);
  }
  BOOST_CHECK(disk.contents() == before);
}

BOOST_AUTO_TEST_CASE(a_queue_behind_the_database_goes_on_after_it) {
  write(true);
  auto opened = try_open(disk, 100);
  require_ok(opened.log);
  BOOST_CHECK_EQUAL(opened.report.last_seq, 100u);
  BOOST_CHECK_EQUAL(opened.report.findings.size(), 1u);
  require_ok(opened.log->append(batch_of(101, 1)));
  BOOST_CHECK_EQUAL(check_work_from(*opened.log, 101), 102u);
  BOOST_CHECK(try_open(disk, 100).report.findings.empty());
}

BOOST_AUTO_TEST_CASE(a_queue_that_is_gone_is_reported_where_work_was_applied) {
  for (const std::uint64_t applied : {1, 6}) {
    disk = {};
    const auto opened = try_open(disk, applied);
    require_ok(opened.log);
    BOOST_REQUIRE_EQUAL(opened.report.findings.size(), 1u);
    BOOST_CHECK(opened.report.findings[0].find("no segments") != std::string::npos);
    BOOST_CHECK_EQUAL(opened.log->last_seq(), applied);
  }
}

BOOST_AUTO_TEST_CASE(another_databases_queue_is_refused) {
  write(false);
  recovery_report report;
  const auto opened = storage::log::open(disk, queue_path, uuid{9}, 0, small_segments, report);
  BOOST_REQUIRE(!opened);
  BOOST_CHECK(opened.error().code == errc::folder_foreign);
  BOOST_CHECK(opened.error().detail.find(first_segment.string()) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_newer_format_is_refused) {
  write(false);
  auto& bytes = disk.bytes(first_segment);
  // Headers as a later program might write them, of our length and longer.
  for (const std::uint32_t length : {80, 104}) {
    byte_writer newer;
    newer.put_raw("MILLWAQ\n");
    newer.put_fixed(log_format_version + 1);
    newer.put_fixed(length);
    newer.put_zeroes(length - 24);
    newer.put_fixed(std::uint64_t{hash_of(newer.view())});
    bytes.replace(0, newer.size(), newer.view());
    bytes.replace(header_copy_at, newer.size(), newer.view());
    const auto before = disk.contents();
    const auto opened = try_open(disk);
    BOOST_REQUIRE(!opened.log);
    BOOST_CHECK(opened.log.error().code == errc::folder_newer);
    BOOST_CHECK(opened.log.error().detail.find(first_segment.string()) != std::string::npos);
    BOOST_CHECK(disk.contents() == before);
  }
}

BOOST_AUTO_TEST_CASE(a_header_survives_damage_to_one_of_its_copies_but_not_to_both) {
  write(false);
  disk.bytes(first_segment)[40] ^= 1;
  auto opened = try_open(disk);
  require_ok(opened.log);
  BOOST_CHECK_EQUAL(opened.report.findings.size(), 1u);
  BOOST_CHECK_EQUAL(check_work_from(*opened.log, 1), last + 1);
  disk.bytes(first_segment)[header_copy_at + 40] ^= 1;
  const auto lost = try_open(disk);
  BOOST_REQUIRE(!lost.log);
  BOOST_CHECK_MESSAGE(names(lost.log.error(), 1, first_segment), lost.log.error().detail);
  require_ok(try_open(disk, last).log);
}

BOOST_AUTO_TEST_CASE(recovering_again_changes_nothing) {
  write(false);
  open_log(disk);
  const auto before = disk.contents();
  const auto again = try_open(disk);
  require_ok(again.log);
  BOOST_CHECK(again.report.findings.empty());
  BOOST_CHECK(disk.contents() == before);
}

BOOST_AUTO_TEST_CASE(unapplied_work_is_shown_in_order_as_it_is_read) {
  write(true);
  auto queue = open_log(disk);
  require_ok(queue.append(batch_of(last + 1, 3)));
  for (std::uint64_t applied = 0; applied <= last + 3; ++applied) {
    auto copy = disk.copy();
    std::uint64_t expected = applied + 1;
    recovery_report report;
    const auto look = [&expected](const batch& seen) {
      BOOST_REQUIRE(!seen.items.empty());
      BOOST_CHECK_EQUAL(seen.first_seq, expected);
      for (const auto& item : seen.items) {
        BOOST_CHECK(item == work{work_of(expected++)});
      }
    };
    require_ok(storage::log::open(copy, queue_path, database_id, applied, small_segments, report, look));
    BOOST_CHECK_EQUAL(expected, last + 4);
    BOOST_CHECK_EQUAL(report.transactions, last + 3 - applied);
  }
}

BOOST_AUTO_TEST_CASE(files_left_half_made_are_sorted_out) {
  write(false);
  disk.put(queue_path / (segment_name(7) + ".new"), std::string(100, 'x'));
  disk.put(queue_path / (segment_name(9) + ".new"), std::string(8192, 'x'));
  auto queue = open_log(disk);
  BOOST_CHECK(files_ending(disk, ".new").empty());
  BOOST_CHECK_EQUAL(check_work_from(queue, 1), last + 1);
}

BOOST_AUTO_TEST_CASE(cut_short_at_every_byte_it_is_refused_until_somebody_says_that_nothing_comes_after) {
  for (const bool with_witness : {false, true}) {
    disk = {};
    write(with_witness, 5);
    const auto whole = disk.bytes(first_segment);
    const auto capacity = whole.size();
    const auto first_cut = frames[frames.size() - 4];
    for (auto size = first_cut; size <= frames.back(); ++size) {
      // The zeroes that a frame is padded with are there again once the file has its size.
      const auto work_until = [this](std::uint64_t end) {
        const auto ended = std::ranges::count_if(frames, [end](std::uint64_t frame) { return frame <= end; });
        return 2 * std::min<std::uint64_t>(static_cast<std::uint64_t>(ended) - 1, 5);
      };
      const auto padded = whole.find_first_not_of('\0', size);
      const auto seen = work_until(size);
      const auto kept = work_until(padded == std::string::npos ? frames.back() : padded);
      for (const auto applied : {std::uint64_t{0}, std::uint64_t{2}}) {
        auto cut = disk.copy();
        cut.bytes(first_segment).resize(size);
        const auto before = cut.contents();
        const auto refused = try_open(cut, applied);
        BOOST_REQUIRE(!refused.log);
        BOOST_REQUIRE_MESSAGE(names(refused.log.error(), seen + 1, first_segment), refused.log.error().detail);
        BOOST_REQUIRE(cut.contents() == before);
        const auto command = "truncate -s " + std::to_string(capacity) + " " + first_segment.string();
        BOOST_REQUIRE(refused.log.error().detail.find(command) != std::string::npos);
        cut.bytes(first_segment).resize(capacity);
        auto opened = try_open(cut, applied);
        BOOST_REQUIRE_MESSAGE(opened.log, opened.log.error().detail);
        BOOST_REQUIRE_EQUAL(opened.log->last_seq(), kept);
        BOOST_REQUIRE_EQUAL(check_work_from(*opened.log, applied + 1), kept + 1);
        const auto after = cut.contents();
        open_log(cut, applied);
        BOOST_REQUIRE(cut.contents() == after);
        require_ok(opened.log->append(batch_of(kept + 1, 3)));
        auto again = open_log(cut, applied);
        BOOST_REQUIRE_EQUAL(check_work_from(again, applied + 1), kept + 4);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_newest_file_that_is_cut_short_where_the_database_tells_the_rest_is_reported_once) {
  write(true);
  disk.bytes(first_segment).resize(frames[2]);
  const auto opened = try_open(disk, last);
  require_ok(opened.log);
  BOOST_CHECK_EQUAL(opened.log->last_seq(), last);
  BOOST_REQUIRE_EQUAL(opened.report.findings.size(), 2u);
  BOOST_CHECK(opened.report.findings[0].find("work after seq 6 may be missing") != std::string::npos);
  BOOST_CHECK(try_open(disk, last).report.findings.empty());
}

BOOST_AUTO_TEST_CASE(a_newest_file_that_is_cut_short_behind_what_ends_it_lacks_nothing) {
  write(true);
  disk.bytes(first_segment).resize(frames.back() + frame_header_bytes);
  const auto opened = try_open(disk);
  require_ok(opened.log);
  BOOST_CHECK_EQUAL(opened.log->last_seq(), last);
  BOOST_CHECK(opened.report.findings.empty());
}

BOOST_AUTO_TEST_CASE(a_log_at_rest_that_lost_its_last_segment_is_refused) {
  {
    auto queue = open_log(disk);
    require_ok(queue.append(batch_of(1, 2)));
    require_ok(queue.shrink());
  }
  require_ok(disk.remove(queue_path / segment_name(3)));
  const auto opened = try_open(disk);
  BOOST_REQUIRE(!opened.log);
  BOOST_CHECK_MESSAGE(names(opened.log.error(), 3, first_segment), opened.log.error().detail);
}

BOOST_AUTO_TEST_CASE(no_flipped_byte_anywhere_loses_acknowledged_work_silently) {
  for (const bool with_witness : {false, true}) {
    disk = {};
    write(with_witness);
    const auto safe = with_witness ? last : last - 2;
    for (std::size_t at = 0; at < disk.bytes(first_segment).size(); ++at) {
      for (const std::uint64_t applied : {std::uint64_t{0}, std::uint64_t{2}, last}) {
        for (const unsigned mask : {0x01u, 0x80u, 0xffu}) {
          BOOST_TEST_CONTEXT("byte " << at << ", applied " << applied << ", witness " << with_witness) {
            auto damaged = disk.copy();
            auto& byte = damaged.bytes(first_segment)[at];
            byte = static_cast<char>(static_cast<unsigned char>(byte) ^ mask);
            check_damaged(std::move(damaged), applied, safe, last);
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_queue_of_format_version_1_opens_for_ever) {
  const auto golden = std::filesystem::path{__FILE__}.parent_path() / "golden";
  std::ifstream input{golden / (segment_name(1) + ".v1"), std::ios::binary};
  const std::string bytes{std::istreambuf_iterator<char>{input}, {}};
  BOOST_REQUIRE_EQUAL(bytes.size(), 8192u);
  require_ok(disk.make_folder(queue_path));
  disk.put(first_segment, bytes);
  auto queue = open_log(disk);
  BOOST_CHECK_EQUAL(queue.last_seq(), 4u);
  auto cursor = queue.read_from(1);
  require_ok(cursor);
  const auto first = (*cursor)->next().value();
  BOOST_REQUIRE(first);
  BOOST_CHECK_EQUAL(first->accept_time_ms, 1'700'000'000'000);
  auto second = execute("INSERT INTO a VALUES (?1, ?2, ?3, ?4, ?5)", nullptr, -300, 2.5, "Käse", blob{"\x01\xff"});
  second.in_group(on_error::continue_after, [](transaction& inner) {
    inner.add("UPDATE a SET b = :b", named{":b", 7}).expect_rows(1);
  });
  const std::vector<work> expected{schema_script{"0001_a.sql", "CREATE TABLE a(b, c, d, e, f)"}, second};
  BOOST_CHECK(first->items == expected);
  const auto next = (*cursor)->next().value();
  BOOST_REQUIRE(next);
  BOOST_CHECK((next->items == std::vector<work>{execute("INSERT INTO a(b) VALUES (?1)", 1), second}));
  BOOST_CHECK(!(*cursor)->next().value());
}

BOOST_AUTO_TEST_SUITE_END()
