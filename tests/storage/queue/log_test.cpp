#include <millrace/messages/limits.hpp>
#include <millrace/storage/queue/format.hpp>
#include <millrace/tests/support/disks/faulty_file_system.hpp>
#include <millrace/tests/support/storage/log_fixture.hpp>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::test;

namespace {

struct queue_log_fixture {
  memory_file_system disk;
  faulty_file_system files{disk};

  /// Appends batches of ten until so many are in the log.
  static void fill(storage::log& queue, std::uint64_t last_seq) {
    while (queue.last_seq() < last_seq) {
      require_ok(queue.append(batch_of(queue.last_seq() + 1, 10)));
    }
  }

  std::size_t spares() { return files_ending(disk, ".free").size(); }
  std::size_t segments() { return files_ending(disk, ".waq").size(); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(write_ahead_queue, queue_log_fixture)

BOOST_AUTO_TEST_CASE(work_survives_closing_on_real_files) {
  const temporary_folder folder;
  const auto path = folder.path() / "queue";
  recovery_report report;
  for (std::uint64_t round = 0; round < 3; ++round) {
    auto queue = storage::log::open(posix_file_system(), path, database_id, 0, small_segments, report);
    require_ok(queue);
    BOOST_CHECK_EQUAL(report.last_seq, round * 200);
    BOOST_CHECK_EQUAL(report.transactions, round * 200);
    BOOST_CHECK(report.findings.empty());
    BOOST_CHECK_EQUAL(check_work_from(*queue, 1), round * 200 + 1);
    fill(*queue, (round + 1) * 200);
    BOOST_CHECK_EQUAL(check_work_from(*queue, 1), queue->last_seq() + 1);
  }
}

BOOST_AUTO_TEST_CASE(accept_times_and_schema_scripts_come_back) {
  auto queue = open_log(files);
  batch added{1, -5, {schema_script{"0001.sql", "CREATE TABLE a(b)"}, work_of(2)}};
  require_ok(queue.append(added));
  const auto given = queue.read_from(1).value()->next();
  require_ok(given);
  BOOST_CHECK_EQUAL((*given)->accept_time_ms, -5);
  BOOST_CHECK((*given)->items == added.items);
}

BOOST_AUTO_TEST_CASE(a_batch_out_of_order_is_refused_and_harmless) {
  auto queue = open_log(files);
  BOOST_CHECK(queue.append(batch_of(2, 1)).error().code == errc::malformed);
  BOOST_CHECK(queue.append({1, 0, {}}).error().code == errc::malformed);
  require_ok(queue.append(batch_of(1, 1)));
}

BOOST_AUTO_TEST_CASE(work_over_a_limit_is_refused_and_harmless) {
  auto queue = open_log(files);
  require_ok(queue.append(batch_of(1, 1)));
  auto added = batch_of(2, 1);
  added.items.emplace_back(execute("NEW", std::string(limits::value_bytes_max + 1, 'x')));
  BOOST_CHECK(queue.append(added).error().code == errc::too_large);
  require_ok(queue.append(batch_of(2, 1)));
  BOOST_CHECK_EQUAL(check_work_from(queue, 1), 3u);
}

BOOST_AUTO_TEST_CASE(a_full_segment_rolls_over_to_the_next) {
  auto queue = open_log(files);
  fill(queue, 1000);
  BOOST_CHECK_GT(segments(), 5u);
  BOOST_CHECK_EQUAL(queue.bytes_on_disk(), segments() * small_segments.segment_bytes);
  BOOST_CHECK_EQUAL(check_work_from(queue, 1), 1001u);
  auto again = open_log(files);
  BOOST_CHECK_EQUAL(again.last_seq(), 1000u);
  BOOST_CHECK_EQUAL(check_work_from(again, 1), 1001u);
}

BOOST_AUTO_TEST_CASE(a_batch_larger_than_a_segment_gets_one_of_its_size) {
  auto queue = open_log(files);
  require_ok(queue.append(batch_of(1, 5)));
  require_ok(queue.append(batch_of(6, 2000)));
  fill(queue, 2100);
  BOOST_CHECK_EQUAL(check_work_from(queue, 1), queue.last_seq() + 1);
  auto again = open_log(files);
  BOOST_CHECK_EQUAL(check_work_from(again, 1), queue.last_seq() + 1);
}

BOOST_AUTO_TEST_CASE(a_first_batch_larger_than_the_segment_takes_the_place_of_that) {
  auto queue = open_log(files);
  require_ok(queue.append(batch_of(1, 2000)));
  BOOST_CHECK_EQUAL(segments(), 1u);
  BOOST_CHECK_EQUAL(queue.bytes_on_disk(), disk.bytes(queue_path / segment_name(1)).size());
  require_ok(queue.release(0));
  BOOST_CHECK_EQUAL(check_work_from(queue, 1), 2001u);
  fill(queue, 2100);
  auto again = open_log(files);
  BOOST_CHECK_EQUAL(check_work_from(again, 1), queue.last_seq() + 1);
}

BOOST_AUTO_TEST_CASE(a_cursor_begins_anywhere_and_goes_on_after_further_appends) {
  auto queue = open_log(files);
  auto early = queue.read_from(1);
  require_ok(early);
  BOOST_CHECK(!(*early)->next().value());
  fill(queue, 300);
  for (std::uint64_t seq = 1; seq <= 301; seq += 7) {
    BOOST_CHECK_EQUAL(check_work_from(queue, seq), 301u);
  }
  std::uint64_t expected = 1;
  for (const auto last : {std::uint64_t{300}, std::uint64_t{310}, std::uint64_t{700}}) {
    fill(queue, last);
    auto given = (*early)->next();
    for (; given && *given; given = (*early)->next()) {
      BOOST_REQUIRE_EQUAL((*given)->first_seq, expected);
      expected = (*given)->last_seq() + 1;
    }
    require_ok(given);
    BOOST_CHECK_EQUAL(expected, last + 1);
  }
}

BOOST_AUTO_TEST_CASE(released_segments_become_spares_and_are_used_again) {
  auto queue = open_log(files);
  fill(queue, 1000);
  const auto before = segments();
  require_ok(queue.release(0));
  BOOST_CHECK_EQUAL(segments(), before);
  require_ok(queue.release(500));
  BOOST_CHECK_LT(segments(), before);
  BOOST_CHECK_EQUAL(spares(), small_segments.spare_segments);
  BOOST_CHECK_EQUAL(check_work_from(queue, 501), 1001u);
  BOOST_CHECK(queue.read_from(1).error().code == errc::file_not_found);
  require_ok(queue.release(400));
  BOOST_CHECK_EQUAL(check_work_from(queue, 501), 1001u);
  require_ok(queue.release(1000));
  BOOST_CHECK_EQUAL(segments(), 1u);
  // Many lives of the same few files.
  for (std::uint64_t last = 1500; last < 8000; last += 500) {
    fill(queue, last);
    BOOST_CHECK_EQUAL(check_work_from(queue, last - 400), queue.last_seq() + 1);
    require_ok(queue.release(last - 400));
    auto copy = disk.copy();
    auto again = open_log(copy, last - 400);
    BOOST_CHECK_EQUAL(again.last_seq(), queue.last_seq());
    BOOST_CHECK_EQUAL(check_work_from(again, last - 399), queue.last_seq() + 1);
  }
}

BOOST_AUTO_TEST_CASE(a_log_at_rest_takes_what_its_last_work_takes_and_goes_on_from_there) {
  const temporary_folder folder;
  const auto path = folder.path() / "queue";
  recovery_report report;
  const auto bytes = [&] {
    std::uintmax_t sum = 0;
    for (const auto& one : std::filesystem::directory_iterator{path}) {
      sum += one.file_size();
    }
    return sum;
  };
  std::uint64_t last = 0;
  for (int life = 0; life < 6; ++life) {
    auto queue = storage::log::open(posix_file_system(), path, database_id, {last, 0}, {1024 * 1024, 2}, report);
    require_ok(queue);
    BOOST_CHECK_EQUAL(report.last_seq, last);
    BOOST_CHECK(report.findings.empty());
    if (life % 2 == 1) {
      BOOST_CHECK_LT(bytes(), 16 * 1024u); // Opening it takes nothing.
    } else {
      require_ok(queue->append(batch_of(last + 1, 10)));
      require_ok(queue->shrink());
      require_ok(queue->append(batch_of(last + 11, 10))); // It need not be the end.
      last += 20;
      BOOST_CHECK_EQUAL(check_work_from(*queue, last - 9), last + 1);
      BOOST_CHECK_GE(bytes(), 2 * 1024 * 1024u); // And room for a restart on a full disk.
    }
    require_ok(queue->shrink());
    BOOST_CHECK_LT(bytes(), 16 * 1024u);
  }
}

BOOST_AUTO_TEST_CASE(every_life_of_a_file_has_a_salt_of_its_own) {
  auto queue = open_log(files);
  std::vector<std::string> salts;
  for (std::uint64_t last = 500; last <= 5000; last += 500) {
    fill(queue, last);
    for (const auto& name : files_ending(disk, ".waq")) {
      salts.push_back(disk.bytes(queue_path / name).substr(48, 8));
    }
    require_ok(queue.release(last));
    // The segment that is active now is seen again in the next round.
    salts.pop_back();
  }
  const auto seen = salts.size();
  std::sort(salts.begin(), salts.end());
  salts.erase(std::unique(salts.begin(), salts.end()), salts.end());
  BOOST_CHECK_EQUAL(salts.size(), seen);
}

BOOST_AUTO_TEST_CASE(a_cursor_left_behind_by_a_release_says_so) {
  auto queue = open_log(files);
  fill(queue, 500);
  auto cursor = queue.read_from(1);
  require_ok(cursor);
  require_ok((*cursor)->next());
  require_ok(queue.release(500));
  BOOST_CHECK((*cursor)->next().error().code == errc::file_not_found);
}

BOOST_AUTO_TEST_CASE(the_witness_is_written_once) {
  auto queue = open_log(files);
  const auto before = files.changes();
  require_ok(queue.append_witness());
  BOOST_CHECK_EQUAL(files.changes(), before);
  require_ok(queue.append(batch_of(1, 3)));
  require_ok(queue.append_witness());
  const auto after = files.changes();
  require_ok(queue.append_witness());
  BOOST_CHECK_EQUAL(files.changes(), after);
  fill(queue, 500);
  require_ok(queue.append_witness());
  BOOST_CHECK_EQUAL(check_work_from(queue, 1), queue.last_seq() + 1);
  auto again = open_log(files);
  BOOST_CHECK_EQUAL(again.last_seq(), queue.last_seq());
}

BOOST_AUTO_TEST_CASE(a_failed_sync_poisons_the_log_whatever_made_it_fail) {
  for (const auto code : {errc::io_error, errc::disk_full}) {
    memory_file_system fresh;
    faulty_file_system faults{fresh};
    auto queue = open_log(faults);
    require_ok(queue.append(batch_of(1, 3)));
    faults.fail(operation::sync, code, 0, 1);
    const auto failed = queue.append(batch_of(4, 1));
    BOOST_REQUIRE(!failed);
    BOOST_CHECK(failed.error().code == errc::io_error);
    const auto again = queue.append(batch_of(4, 1));
    BOOST_REQUIRE(!again);
    BOOST_CHECK(again.error() == failed.error());
    const auto witness = queue.append_witness();
    BOOST_REQUIRE(!witness);
    BOOST_CHECK(witness.error() == failed.error());
    BOOST_CHECK_EQUAL(queue.last_seq(), 3u);
    BOOST_CHECK_EQUAL(check_work_from(queue, 1), 4u);
  }
}

BOOST_AUTO_TEST_CASE(what_a_failed_sync_left_in_memory_alone_is_not_taken_for_durable) {
  {
    auto queue = open_log(files);
    require_ok(queue.append(batch_of(1, 3)));
    disk.lose_next_sync();
    BOOST_REQUIRE(!queue.append(batch_of(4, 1)));
  }
  {
    auto again = open_log(files);
    BOOST_CHECK_EQUAL(again.last_seq(), 3u);
    require_ok(again.append(batch_of(again.last_seq() + 1, 2)));
  }
  std::mt19937_64 random{1};
  for (int i = 0; i < 100; ++i) {
    auto left = disk.after_power_loss(random);
    auto recovered = open_log(left);
    BOOST_REQUIRE_EQUAL(recovered.last_seq(), 5u);
    BOOST_REQUIRE_EQUAL(check_work_from(recovered, 1), 6u);
  }
}

BOOST_AUTO_TEST_CASE(a_failed_write_poisons_the_log) {
  auto queue = open_log(files);
  require_ok(queue.append(batch_of(1, 3)));
  files.fail(operation::write, errc::io_error, 0, 1, 20);
  const auto failed = queue.append(batch_of(4, 2));
  BOOST_CHECK(failed.error().code == errc::io_error);
  BOOST_CHECK(queue.append(batch_of(4, 2)).error() == failed.error());
  BOOST_CHECK_EQUAL(check_work_from(queue, 1), 4u);
  files.heal();
  auto again = open_log(files);
  BOOST_CHECK_EQUAL(again.last_seq(), 3u);
  BOOST_CHECK_EQUAL(check_work_from(again, 1), 4u);
}

BOOST_AUTO_TEST_CASE(a_full_disk_during_a_write_has_no_effect_and_may_be_tried_again) {
  auto queue = open_log(files);
  require_ok(queue.append(batch_of(1, 3)));
  batch added{4, 0, {execute("NEW TEXT", 1)}};
  // All but the padding is written, and the padding is zeroes that stand there already.
  files.fail(operation::write, errc::disk_full, 0, 1, 77);
  BOOST_CHECK(queue.append(added).error().code == errc::disk_full);
  auto crashed = disk.copy();
  auto recovered = open_log(crashed);
  BOOST_CHECK_EQUAL(recovered.last_seq(), 3u);
  require_ok(queue.append(added));
  require_ok(queue.append(batch_of(5, 1)));
  auto cursor = queue.read_from(4);
  BOOST_CHECK((*cursor)->next().value()->items == added.items);
  BOOST_CHECK_EQUAL(check_work_from(queue, 5), 6u);
}

BOOST_AUTO_TEST_CASE(a_full_disk_at_roll_over_has_no_effect_and_may_be_tried_again) {
  auto queue = open_log(files);
  BOOST_REQUIRE_EQUAL(spares(), 1u);
  files.fail(operation::preallocate, errc::disk_full);
  result<std::uint64_t> appended;
  while (appended && queue.last_seq() < 5000) {
    appended = queue.append(batch_of(queue.last_seq() + 1, 10));
  }
  BOOST_REQUIRE(!appended);
  BOOST_CHECK(appended.error().code == errc::disk_full);
  const auto last = queue.last_seq();
  BOOST_CHECK(queue.append(batch_of(last + 1, 10)).error().code == errc::disk_full);
  // The last spare is for recovery.
  BOOST_CHECK_EQUAL(spares(), 1u);
  BOOST_CHECK_EQUAL(segments(), 1u);
  BOOST_CHECK(files_ending(disk, ".new").empty());
  files.heal();
  fill(queue, last + 500);
  BOOST_CHECK_EQUAL(check_work_from(queue, 1), queue.last_seq() + 1);
}

/// A text stands once in each segment, and what a refused frame would have defined is not defined.
BOOST_AUTO_TEST_CASE(texts_keep_their_meaning_wherever_a_full_disk_refuses_a_roll_over) {
  const std::string no_segment_holds_more(small_segments.segment_bytes, 'x');
  std::uint64_t refused = 0;
  for (const auto kind : {operation::create, operation::preallocate, operation::write}) {
    for (std::uint64_t after = 0; after < 6; ++after) {
      memory_file_system place;
      faulty_file_system disk_of_this{place};
      std::vector<batch> expected;
      const auto append = [&](storage::log& queue, const std::vector<std::string>& texts) {
        batch added{queue.last_seq() + 1, 0, {}};
        for (const auto& text : texts) {
          added.items.emplace_back(execute(text));
        }
        const auto done = queue.append(added);
        if (done) {
          expected.push_back(std::move(added));
        }
        BOOST_REQUIRE(done || done.error().code == errc::disk_full);
        return done.has_value();
      };
      {
        auto queue = open_log(disk_of_this);
        append(queue, {"A", "B"});
        disk_of_this.fail(kind, errc::disk_full, after, 1);
        refused += append(queue, {"C", "D", no_segment_holds_more}) ? 0 : 1;
        disk_of_this.heal();
        append(queue, {"D"});
        append(queue, {"B", "C", "A", "D"});
      }
      auto queue = open_log(place);
      auto cursor = queue.read_from(1);
      require_ok(cursor);
      for (const auto& added : expected) {
        const auto read = (*cursor)->next();
        require_ok(read);
        BOOST_REQUIRE(*read);
        BOOST_REQUIRE((*read)->items == added.items);
      }
    }
  }
  BOOST_TEST(refused >= 4u);
}

BOOST_AUTO_TEST_CASE(recovery_uses_the_spare_when_the_disk_is_full) {
  std::uint64_t last = 0;
  {
    auto queue = open_log(files);
    fill(queue, 300);
    last = queue.last_seq();
  }
  files.fail(operation::preallocate, errc::disk_full);
  files.fail(operation::create, errc::disk_full);
  auto queue = open_log(files);
  BOOST_CHECK_EQUAL(spares(), 0u);
  require_ok(queue.append(batch_of(last + 1, 10)));
  BOOST_CHECK_EQUAL(check_work_from(queue, 1), last + 11);
  // A checkpoint brings spares back, the disk being as full as before.
  require_ok(queue.release(last));
  BOOST_CHECK_GT(spares(), 0u);
  auto again = open_log(files, last);
  BOOST_CHECK_EQUAL(check_work_from(again, last + 1), last + 11);
}

BOOST_AUTO_TEST_CASE(a_frame_that_cannot_be_taken_back_on_a_full_disk_poisons_the_log) {
  auto queue = open_log(files);
  files.fail(operation::write, errc::disk_full, 0, 2);
  const auto appended = queue.append(batch_of(1, 1));
  BOOST_REQUIRE(!appended);
  BOOST_CHECK(appended.error().code == errc::io_error);
  BOOST_CHECK(queue.append(batch_of(1, 1)).error() == appended.error());
}

BOOST_AUTO_TEST_CASE(a_sync_that_fails_while_a_segment_is_made_is_final) {
  auto queue = open_log(files);
  fill(queue, 50);
  files.fail(operation::sync_folder, errc::disk_full, 0, 1);
  result<std::uint64_t> appended;
  while (appended && queue.last_seq() < 5000) {
    appended = queue.append(batch_of(queue.last_seq() + 1, 10));
  }
  BOOST_REQUIRE(!appended);
  BOOST_CHECK(appended.error().code == errc::io_error);
  BOOST_CHECK(queue.append(batch_of(queue.last_seq() + 1, 10)).error() == appended.error());
  files.heal();
  auto again = open_log(files);
  BOOST_CHECK_EQUAL(check_work_from(again, 1), queue.last_seq() + 1);
}

BOOST_AUTO_TEST_CASE(wherever_the_disk_dies_everything_acknowledged_is_there) {
  const auto seed = std::random_device{}();
  BOOST_TEST_MESSAGE("seed " << seed);
  std::mt19937_64 random{seed};
  for (int round = 0; round < 2000; ++round) {
    BOOST_TEST_CONTEXT("seed " << seed << ", round " << round) {
      memory_file_system power;
      std::uint64_t acknowledged = 0;
      std::uint64_t sent = 0;
      std::uint64_t applied = 0;
      // Several lives: each goes on with what the one before it left.
      for (int life = 0; life < 4; ++life) {
        faulty_file_system faults{power};
        faults.die(random() % 60);
        // Where there is a segment already, a full disk keeps nobody from opening the queue.
        if (acknowledged > 0 && random() % 3 == 0) {
          faults.fail(operation::preallocate, errc::disk_full);
        }
        auto opened = try_open(faults, applied);
        if (opened.log) {
          auto& queue = *opened.log;
          BOOST_REQUIRE_GE(queue.last_seq(), acknowledged);
          BOOST_REQUIRE_LE(queue.last_seq(), sent);
          acknowledged = queue.last_seq();
          while (!faults.dead()) {
            const auto count = 1 + random() % 60;
            sent = acknowledged + count;
            if (queue.append(batch_of(acknowledged + 1, count))) {
              acknowledged = sent;
            }
            if (random() % 8 == 0) {
              static_cast<void>(queue.append_witness());
            }
            if (random() % 4 == 0) {
              applied += random() % (acknowledged - applied + 1);
              static_cast<void>(queue.release(applied));
            }
          }
        } else {
          BOOST_REQUIRE_MESSAGE(faults.dead(), opened.log.error().detail);
        }
        // Otherwise only the process dies: the next one sees what was never synced.
        if (random() % 2 == 0) {
          power = power.after_power_loss(random);
        }
      }
      power = power.after_power_loss(random);
      auto last = open_log(power, applied);
      BOOST_REQUIRE_GE(last.last_seq(), acknowledged);
      BOOST_REQUIRE_LE(last.last_seq(), sent);
      BOOST_REQUIRE_EQUAL(check_work_from(last, applied + 1), last.last_seq() + 1);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
