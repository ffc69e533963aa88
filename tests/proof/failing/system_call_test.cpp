#include "failing_calls.hpp"

#include <millrace/storage/base/folder.hpp>
#include <millrace/storage/queue/attempt_page.hpp>
#include <millrace/storage/sqlite/database.hpp>
#include <millrace/tests/proof/report.hpp>
#include <millrace/tests/support/storage/log_fixture.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <cerrno>
#include <set>
#include <string>
#include <string_view>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::test;

namespace {

constexpr log_options short_segments{8'192, 1};

/// Opens a data folder as the engine does, writes into its queue and reads it back. Gives the failure that it ended
/// with; `acknowledged` is raised by what was synced.
result<> use_folder(const std::filesystem::path& path, std::uint64_t& acknowledged) {
  auto data = folder::open(path, folder_mode::create);
  if (!data) {
    return tl::unexpected{data.error()};
  }
  if (auto identity = sqlite::make_database(data->database_file())->prepare(true); !identity) {
    return tl::unexpected{identity.error()};
  }
  if (auto page = attempt_page::open(data->attempt_file(), database_id); !page) {
    return tl::unexpected{page.error()};
  }
  data->keep_reserve();
  recovery_report found;
  auto queue = storage::log::open(posix_file_system(), data->queue_folder(), database_id, 0, short_segments, found);
  if (!queue) {
    return tl::unexpected{queue.error()};
  }
  BOOST_REQUIRE_GE(queue->last_seq(), acknowledged);
  for (int i = 0; i < 20; ++i) {
    const auto work = batch_of(queue->last_seq() + 1, 4);
    if (auto written = queue->append(work); !written) {
      return tl::unexpected{written.error()};
    }
    acknowledged = work.last_seq();
  }
  data->give_up_reserve();
  return queue->append_witness();
}

/// Without any fault: everything acknowledged is there.
void check_folder(const std::filesystem::path& path, std::uint64_t acknowledged) {
  auto data = folder::open(path, folder_mode::create);
  BOOST_REQUIRE_MESSAGE(data, (data ? "" : to_string(data.error())));
  recovery_report found;
  auto queue = storage::log::open(posix_file_system(), data->queue_folder(), database_id, 0, short_segments, found);
  BOOST_REQUIRE_MESSAGE(queue, (queue ? "" : to_string(queue.error())));
  BOOST_REQUIRE_GE(queue->last_seq(), acknowledged);
  BOOST_REQUIRE_EQUAL(check_work_from(*queue, 1), queue->last_seq() + 1);
}

} // namespace

/// The system calls on files that the engine makes itself, one by one.
BOOST_AUTO_TEST_SUITE(system_call_suite)

BOOST_AUTO_TEST_CASE(interrupted_and_short_transfers_change_nothing) {
  std::uint64_t interruptions = 0;
  for (const std::uint64_t bytes : {100, 4'096, 61}) {
    const temporary_folder place;
    const auto path = place.path() / "data";
    std::uint64_t acknowledged = 0;
    {
      // LOCK's text is written at once or not at all; no local file system interrupts that.
      const auto data = folder::open(path, folder_mode::create);
      BOOST_REQUIRE(data);
      failing_calls calls{{.interruptions = 3, .bytes_max = bytes}};
      recovery_report found;
      auto queue = storage::log::open(posix_file_system(), data->queue_folder(), database_id, 0, short_segments, found);
      BOOST_REQUIRE_MESSAGE(queue, (queue ? "" : to_string(queue.error())));
      BOOST_REQUIRE(attempt_page::open(data->attempt_file(), database_id));
      for (int i = 0; i < 20; ++i) {
        require_ok(queue->append(batch_of(queue->last_seq() + 1, 4)));
      }
      acknowledged = queue->last_seq();
      BOOST_REQUIRE_EQUAL(check_work_from(*queue, 1), acknowledged + 1);
      interruptions += calls.interruptions();
    }
    check_folder(path, acknowledged);
  }
  BOOST_TEST(interruptions > 1'000u);
  report({.proof = "I/O errors",
          .injected = "interrupted system calls (EINTR), each transfer cut short",
          .times = interruptions,
          .detail = ""});
}

BOOST_AUTO_TEST_CASE(what_is_acknowledged_was_synced_by_a_system_call_with_the_names_that_lead_to_it) {
  const auto nothing = std::set<std::string>{};
  for (const auto* name : {"data", "data/"}) {
    const temporary_folder place{fast_place()};
    const failing_calls calls{{}};
    const auto data = folder::open(place.path() / name, folder_mode::create);
    BOOST_REQUIRE(data);
    BOOST_TEST(calls.unsynced_paths() == nothing, boost::test_tools::per_element());
    recovery_report found;
    auto queue = storage::log::open(posix_file_system(), data->queue_folder(), database_id, 0, short_segments, found);
    require_ok(queue);
    BOOST_TEST(calls.unsynced_paths() == nothing, boost::test_tools::per_element());
    for (int i = 0; i < 100; ++i) {
      require_ok(queue->append(batch_of(queue->last_seq() + 1, 4)));
      BOOST_TEST(calls.unsynced_paths() == nothing, boost::test_tools::per_element());
    }
    require_ok(queue->append_witness());
    BOOST_TEST(calls.unsynced_paths() == nothing, boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(any_system_call_may_fail) {
  std::uint64_t struck = 0;
  for (const int error : {EIO, ENOSPC}) {
    for (const bool lasts : {false, true}) {
      for (std::uint64_t nth = 1;; ++nth) {
        const temporary_folder place{fast_place()};
        const auto path = place.path() / "data";
        std::uint64_t acknowledged = 0;
        const char* call = nullptr;
        BOOST_TEST_INFO_SCOPE("call " << nth << (lasts ? " and all after it" : "") << ", errno " << error);
        {
          failing_calls calls{{.nth = nth, .error = error, .lasts = lasts}};
          bool failed = false;
          for (int life = 0; life < 2; ++life) {
            const auto used = use_folder(path, acknowledged);
            failed = failed || !used;
            BOOST_REQUIRE_MESSAGE(used || kind(used.error().code) != error_kind::rejected,
                                  (calls.struck() == nullptr ? "none" : calls.struck())
                                    << ": " << (used ? "" : to_string(used.error())));
          }
          call = calls.struck();
          const bool sync = call != nullptr && std::string_view{call}.ends_with("sync");
          BOOST_REQUIRE_MESSAGE(failed || !sync || error != EIO, call << " failed and nothing came of it");
        }
        check_folder(path, acknowledged);
        if (call == nullptr) {
          break;
        }
        ++struck;
      }
    }
  }
  report({.proof = "I/O errors",
          .injected = "failed system calls on the data folder",
          .times = struck,
          .detail = "EIO and ENOSPC, once and lasting, at every call"});
}

BOOST_AUTO_TEST_SUITE_END()
