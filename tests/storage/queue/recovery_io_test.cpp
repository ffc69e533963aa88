#include <millrace/storage/queue/format.hpp>
#include <millrace/tests/support/disks/faulty_file_system.hpp>
#include <millrace/tests/support/storage/log_fixture.hpp>

#include <array>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::test;

namespace {

/// A folder that gives recovery something to do.
struct folder {
  const char* what;
  memory_file_system files;
  log_options options = small_segments;
  std::uint64_t applied = 0;
  std::uint64_t last = 0; ///< What recovery finds last.
};

constexpr std::uint64_t per_batch = 10;

void append(folder& made, std::uint64_t batches, std::uint64_t work) {
  auto queue = open_log(made.files, 0, made.options);
  for (std::uint64_t i = 0; i < batches; ++i) {
    require_ok(queue.append(batch_of(queue.last_seq() + 1, work)));
  }
  made.last = queue.last_seq();
}

/// Damages the second frame of a segment: the first one defines the text that all refer to.
void damage_second_frame(std::string& segment) {
  const auto first = parse_frame_header(std::string_view{segment}.substr(header_block_bytes));
  segment[header_block_bytes + first.bytes + 60] ^= 1;
}

/// Several segments, the newest one half full, its last frame without a witness.
folder whole() {
  folder made{"a whole queue", {}};
  append(made, 50, per_batch);
  return made;
}

/// Frames larger than what is read at once, and one of them damaged.
folder with_large_frames() {
  constexpr std::uint64_t large_batch = 12'000;
  folder made{"large frames, one of them damaged and applied", {}, {1024 * 1024, 1}};
  append(made, 3, large_batch);
  damage_second_frame(made.files.bytes(queue_path / segment_name(1)));
  made.applied = 2 * large_batch + 4;
  return made;
}

folder with_a_torn_tail() {
  auto made = whole();
  made.what = "a torn tail, as many copies of earlier ones as are kept, and names that are nearly theirs";
  const auto newest = files_ending(made.files, ".waq").back();
  auto& bytes = made.files.bytes(queue_path / newest);
  bytes[bytes.find_last_not_of('\0')] ^= 1;
  for (int i = 1; i <= 8; ++i) {
    made.files.put(queue_path / (newest + ".torn-" + std::to_string(i)), "torn");
  }
  made.files.put(queue_path / (newest + ".torn-x"), "torn");
  made.files.put(queue_path / "notes.torn-9", "torn");
  made.last -= per_batch;
  return made;
}

folder with_damage_in_applied_work() {
  auto made = whole();
  made.what = "a damaged frame whose work is applied, and a damaged header of a segment that is applied";
  const auto names = files_ending(made.files, ".waq");
  made.files.bytes(queue_path / names[0])[0] ^= 1;
  damage_second_frame(made.files.bytes(queue_path / names[1]));
  made.applied = *segment_of_name(names[1]) + 2 * per_batch + 4;
  return made;
}

folder with_files_half_made() {
  auto made = whole();
  made.what = "files half made, spares, and spares of another size";
  for (const auto* name : {"00000000000000009998.waq.new", "spare-7.waq.free"}) {
    made.files.put(queue_path / name, std::string(8192, 'x'));
  }
  for (const auto* name : {"00000000000000009999.waq.new", "spare-8.waq.free", "spare-.waq.free", "spare-9x.waq.free",
                           "99999999999999999999.waq"}) {
    made.files.put(queue_path / name, "short");
  }
  return made;
}

constexpr std::array folders{whole, with_a_torn_tail, with_damage_in_applied_work, with_files_half_made};

constexpr std::array operations{operation::read, operation::write,  operation::sync,       operation::preallocate,
                                operation::open, operation::create, operation::rename,     operation::remove,
                                operation::list, operation::size,   operation::sync_folder};

/// More than any operation happens while one of the folders is opened or read.
constexpr std::uint64_t occasions = 30;

/// Fails one operation of a recovery. Gives whether that stopped it.
bool fail_recovery(const folder& given, operation kind, std::uint64_t after) {
  auto files = given.files.copy();
  faulty_file_system faults{files};
  faults.fail(kind, errc::io_error, after, 1);
  const auto first = try_open(faults, given.applied, given.options);
  BOOST_CHECK(first.log || first.log.error().code == errc::io_error);
  auto second = try_open(files, given.applied, given.options);
  require_ok(second.log);
  BOOST_CHECK_EQUAL(second.report.last_seq, given.last);
  BOOST_CHECK_EQUAL(check_work_from(*second.log, given.applied + 1), given.last + 1);
  return !first.log;
}

/// Fails one operation of a cursor. Gives whether that stopped it.
bool fail_cursor(const folder& given, operation kind, std::uint64_t after) {
  auto files = given.files.copy();
  faulty_file_system faults{files};
  auto queue = open_log(faults, given.applied, given.options);
  faults.fail(kind, errc::io_error, after, 1);
  const auto cursor = queue.read_from(given.applied + 1);
  auto seq = given.applied;
  auto failed = !cursor;
  while (!failed && seq < given.last) {
    const auto work = (*cursor)->next();
    failed = !work || !*work;
    seq = failed ? seq : (**work).last_seq();
  }
  faults.heal();
  BOOST_CHECK_EQUAL(check_work_from(queue, given.applied + 1), given.last + 1);
  return failed;
}

} // namespace

BOOST_AUTO_TEST_SUITE(recovery_io)

BOOST_AUTO_TEST_CASE(any_operation_that_fails_stops_recovery_and_the_next_one_finds_everything) {
  std::uint64_t stopped = 0;
  for (const auto make : folders) {
    const auto given = make();
    for (const auto kind : operations) {
      for (std::uint64_t after = 0; after < occasions; ++after) {
        BOOST_TEST_CONTEXT(given.what << ", operation " << static_cast<int>(kind) << ", occasion " << after) {
          stopped += fail_recovery(given, kind, after) ? 1 : 0;
        }
      }
    }
  }
  BOOST_CHECK_GT(stopped, 100u);
}

BOOST_AUTO_TEST_CASE(any_operation_that_fails_stops_a_cursor_and_another_one_reads_everything) {
  std::uint64_t stopped = 0;
  for (const auto make : folders) {
    const auto given = make();
    for (const auto kind : {operation::open, operation::read, operation::size}) {
      for (std::uint64_t after = 0; after < occasions; ++after) {
        BOOST_TEST_CONTEXT(given.what << ", operation " << static_cast<int>(kind) << ", occasion " << after) {
          stopped += fail_cursor(given, kind, after) ? 1 : 0;
        }
      }
    }
  }
  BOOST_CHECK_GT(stopped, 10u);
}

BOOST_AUTO_TEST_CASE(any_read_of_a_large_frame_that_fails_is_told) {
  const auto given = with_large_frames();
  std::uint64_t stopped = 0;
  for (std::uint64_t after = 0; after < 12; ++after) {
    BOOST_TEST_CONTEXT("occasion " << after) {
      stopped += fail_recovery(given, operation::read, after) ? 1 : 0;
      stopped += fail_cursor(given, operation::read, after) ? 1 : 0;
    }
  }
  BOOST_CHECK_GT(stopped, 10u);
}

BOOST_AUTO_TEST_SUITE_END()
