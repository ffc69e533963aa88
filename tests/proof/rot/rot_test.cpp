#include "rot_queue.hpp"

#include <millrace/tests/proof/report.hpp>
#include <millrace/tests/support/environment.hpp>

#include <array>
#include <random>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::test;

namespace {

/// What became of all damages of one kind.
struct tally {
  std::array<std::uint64_t, 3> counts{};
  std::uint64_t failures = 0;

  void add(came_to what) { ++counts[static_cast<std::size_t>(what)]; }

  std::uint64_t total() const { return counts[0] + counts[1] + counts[2] + failures; }

  std::string sentence() const {
    return std::to_string(counts[0]) + " unharmed, " + std::to_string(counts[1]) + " served and reported, "
           + std::to_string(counts[2]) + " refused by file and seq";
  }
};

struct rot_fixture {
  std::uint64_t seed = from_environment("MILLRACE_TEST_SEED", std::random_device{}());
  std::mt19937_64 random{seed};

  /// Up to where the database has applied the queue: nothing of it, all, or something between.
  std::uint64_t draw_applied(const rotting_queue& queue) {
    switch (random() % 3) {
      case 0:
        return queue.first - 1;
      case 1:
        return queue.last;
      default:
        return queue.first + random() % (queue.last - queue.first);
    }
  }

  void attempt(const rotting_queue& queue, memory_file_system& disk, std::uint64_t applied, const permitted& allowed,
               const std::string& what, tally& sums) {
    try {
      sums.add(recover_damaged(disk, queue, applied, allowed, random() % 4 == 0));
    } catch (const std::exception& problem) {
      ++sums.failures;
      BOOST_ERROR(what << " of " << allowed.file.filename().string() << ", applied up to seq " << applied << " of "
                       << queue.first << " to " << queue.last << ": " << problem.what()
                       << "; repeat with MILLRACE_TEST_SEED=" << seed << " test_proof --run_test=rot_suite");
      BOOST_REQUIRE_MESSAGE(sums.failures < 20, "too many failures");
    }
  }

  void flip(const rotting_queue& queue, const placed_segment& segment, std::size_t offset, std::uint64_t masks,
            tally& sums) {
    for (std::uint64_t i = 0; i < masks; ++i) {
      const auto mask = static_cast<unsigned char>(masks == 255 ? i + 1 : 1 + random() % 255);
      const auto applied = draw_applied(queue);
      auto disk = queue.disk.copy();
      auto& byte = disk.bytes(segment.path)[offset];
      byte = static_cast<char>(static_cast<unsigned char>(byte) ^ mask);
      attempt(queue, disk, applied, after_flip(queue, segment, offset, applied),
              "byte " + std::to_string(offset) + " ^ " + std::to_string(mask), sums);
    }
  }
};

} // namespace

/// Storage that decays.
BOOST_FIXTURE_TEST_SUITE(rot_suite, rot_fixture)

BOOST_AUTO_TEST_CASE(no_byte_of_a_queue_can_be_wrong_without_being_noticed_where_it_matters) {
  const auto masks = from_environment("MILLRACE_PROOF_MASKS", 1);
  tally sums;
  std::size_t bytes = 0;
  for (const bool with_witness : {true, false}) {
    const rotting_queue queue{with_witness};
    for (const auto& segment : queue.segments) {
      // Without a witness only the end of the newest segment is another matter.
      const auto from = with_witness ? 0 : segment.frames_end - std::min(segment.frames_end, std::size_t{1024});
      const auto newest = segment.path == queue.segments.back().path;
      for (auto offset = from; offset < segment.bytes && (with_witness || newest); ++offset) {
        flip(queue, segment, offset, masks, sums);
      }
      bytes += with_witness ? segment.bytes : 0;
    }
  }
  BOOST_TEST(bytes >= 64u * 1024);
  BOOST_TEST((sums.counts[0] > 0 && sums.counts[1] > 0 && sums.counts[2] > 0));
  report({"rot in the queue", "wrong bytes", sums.total(), sums.failures,
          sums.sentence() + "; " + std::to_string(bytes) + " bytes, seed " + std::to_string(seed)});
}

BOOST_AUTO_TEST_CASE(a_queue_that_is_cut_short_anywhere_says_so_where_it_matters) {
  tally sums;
  for (const bool with_witness : {true, false}) {
    const rotting_queue queue{with_witness};
    for (const auto& segment : queue.segments) {
      const auto newest = segment.path == queue.segments.back().path;
      for (std::size_t size = 0; size < segment.bytes && (with_witness || newest); ++size) {
        const auto applied = draw_applied(queue);
        auto disk = queue.disk.copy();
        disk.bytes(segment.path).resize(size);
        attempt(queue, disk, applied, after_cut(queue, segment, size, applied), "the first " + std::to_string(size),
                sums);
      }
    }
  }
  BOOST_TEST((sums.counts[0] > 0 && sums.counts[1] > 0 && sums.counts[2] > 0));
  report({"rot in the queue", "files cut short", sums.total(), sums.failures,
          sums.sentence() + "; seed " + std::to_string(seed)});
}

BOOST_AUTO_TEST_SUITE_END()
