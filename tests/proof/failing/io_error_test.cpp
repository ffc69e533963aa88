#include "failing_workload.hpp"

#include <millrace/messages/wire/registry.hpp>
#include <millrace/storage/sqlite/database.hpp>
#include <millrace/tests/proof/report.hpp>
#include <millrace/tests/support/environment.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <memory>
#include <random>
#include <string>

#include <spdlog/spdlog.h>
#include <boost/test/unit_test.hpp>
#include <caf/actor_system.hpp>

using namespace millrace;
using namespace millrace::test;

namespace {

struct io_fixture {
  system_config config;
  caf::actor_system system{config};
  const std::uint64_t seed = from_environment("MILLRACE_PROOF_SEED", std::random_device{}());
  const std::uint64_t stride = from_environment("MILLRACE_PROOF_IO_STRIDE", 0);
  const std::uint64_t only = from_environment("MILLRACE_PROOF_IO_ONLY", 0);
  std::uint64_t runs = 0;
  std::uint64_t struck = 0;
  std::uint64_t failures = 0;
  std::uint64_t escalations = 0;
  std::uint64_t refused_opens = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t unknown = 0;

  /// A thousand warnings would say what is known.
  io_fixture() { spdlog::default_logger()->set_level(spdlog::level::off); }
  ~io_fixture() { spdlog::default_logger()->set_level(spdlog::level::info); }

  /// One of the ways in which an operation can fail.
  file_fault variant(file_owner owner, std::uint64_t nth, unsigned which) const {
    return {.owner = owner,
            .nth = nth,
            .lasts = (which & 1) != 0,
            .full = (which & 2) != 0,
            .torn = (which & 4) != 0,
            .drops = (which & 8) != 0};
  }

  workload_result run(const file_fault& fault) {
    const temporary_folder folder{fast_place()};
    auto result = run_workload(system, folder.path(), fault);
    ++runs;
    struck += result.struck.empty() ? 0 : 1;
    escalations += result.escalations;
    refused_opens += result.refused_opens;
    acknowledged += result.acknowledged;
    unknown += result.unknown;
    failures += result.broken.empty() ? 0 : 1;
    for (const auto& sentence : result.broken) {
      BOOST_ERROR(describe(fault) << " (" << result.struck << "): " << sentence);
    }
    return result;
  }

  /// Each operation in turn, or every so-many-th of them, in ways drawn by the seed or in all ways.
  void sweep(file_owner owner, const std::string& test, std::uint64_t usual_stride, unsigned ways) {
    std::mt19937_64 random{seed};
    const auto unharmed = run({.owner = owner});
    BOOST_REQUIRE(unharmed.broken.empty());
    BOOST_REQUIRE_EQUAL(unharmed.escalations + unharmed.refused_opens + unharmed.unknown, 0u);
    const auto step = stride != 0 ? stride : usual_stride;
    for (auto nth = only != 0 ? only : 1 + random() % step;; nth += step) {
      BOOST_TEST_INFO_SCOPE("repeat with MILLRACE_PROOF_SEED=" << seed << " MILLRACE_PROOF_IO_ONLY=" << nth
                                                               << " test_proof --run_test=io_error_suite/" << test);
      bool reached = false;
      const auto drawn = static_cast<unsigned>(std::mt19937_64{seed + nth}() % 16);
      for (unsigned which = 0; which < 16; ++which) {
        // Four ways in a row would differ in two respects only; these differ in all.
        if (stride == 1 || only != 0 || (which + 16 - drawn) % 16 * 5 % 16 < ways) {
          reached = !run(variant(owner, nth, which)).struck.empty() || reached;
        }
      }
      if (only != 0 || !reached) {
        break;
      }
    }
    report({.proof = "I/O errors",
            .injected = owner == file_owner::queue ? "failed operations of the queue" : "failed operations of SQLite",
            .times = struck,
            .failures = failures,
            .detail = "stride " + std::to_string(step) + " through " + std::to_string(unharmed.operations)
                      + " operations, seed " + std::to_string(seed) + ": " + std::to_string(acknowledged)
                      + " transactions acknowledged, " + std::to_string(unknown) + " unknown, "
                      + std::to_string(refused_opens) + " openings refused, " + std::to_string(escalations)
                      + " escalations"});
  }
};

/// Says nothing to anybody.
class silent_mark final : public storage::attempt_mark {
public:
  void begin(std::uint64_t, std::uint64_t) noexcept override {}
  void at(std::uint64_t) noexcept override {}
  void end() noexcept override {}
};

/// A database with one table, whose checkpoint is still to come.
struct small_database {
  temporary_folder folder{fast_place()};
  std::filesystem::path file = folder.path() / "database.sqlite3";
  fault_plan plan;
  failing_database observer{plan};
  vfs_shim shim{observer};
  std::unique_ptr<storage::database_writer> writer;

  explicit small_database(const file_fault& fault) : plan(fault) {
    BOOST_REQUIRE(storage::sqlite::make_database(file)->prepare(true));
    auto opened = storage::sqlite::make_database(file)->open_writer();
    BOOST_REQUIRE(opened);
    writer = std::move(*opened);
    auto made = std::make_shared<storage::batch>();
    made->first_seq = 1;
    made->items.emplace_back(schema_script{"0001", "CREATE TABLE t(a)"});
    const storage::batch_ptr work = made;
    silent_mark mark;
    BOOST_REQUIRE(writer->apply({&work, 1}, mark, {}));
  }
};

} // namespace

/// A workload on the whole engine, of which one file operation after the other fails.
BOOST_FIXTURE_TEST_SUITE(io_error_suite, io_fixture)

BOOST_AUTO_TEST_CASE(any_file_operation_of_the_queue_may_fail) {
  sweep(file_owner::queue, "any_file_operation_of_the_queue_may_fail", 1, 4);
}

BOOST_AUTO_TEST_CASE(any_file_operation_of_the_database_may_fail) {
  sweep(file_owner::database, "any_file_operation_of_the_database_may_fail", 2, 1);
}

BOOST_AUTO_TEST_CASE(a_table_that_cannot_be_looked_for_is_not_said_to_be_missing) {
  small_database tested{{}};
  auto reader = storage::sqlite::make_database(tested.file)->open_reader();
  BOOST_REQUIRE(reader);
  tested.plan.die();
  const auto refused = (*reader)->run(select("SELECT a FROM t"), {});
  BOOST_REQUIRE(!refused);
  BOOST_TEST(name(refused.error().code) == "io_error");
  tested.plan.revive();
  BOOST_TEST((*reader)->run(select("SELECT a FROM t"), {}).has_value());
}

/// The queue's log is released up to a checkpoint.
BOOST_AUTO_TEST_CASE(a_checkpoint_that_fails_anywhere_counts_nothing_and_says_which_sync_failed) {
  const auto before = small_database{{.owner = file_owner::database}}.plan.operations(file_owner::database);
  std::uint64_t failed = 0;
  for (auto nth = before + 1;; ++nth) {
    small_database tested{{.owner = file_owner::database, .nth = nth}};
    const auto done = tested.writer->checkpoint();
    const auto hit = tested.plan.struck();
    BOOST_TEST_INFO_SCOPE(hit);
    if (hit.empty()) {
      BOOST_REQUIRE(done);
      BOOST_TEST(done->checkpointed_seq == 1u);
      break;
    }
    ++failed;
    BOOST_REQUIRE(!done);
    BOOST_TEST((done.error().why.code == errc::outcome_unknown) == hit.starts_with("syncing"));
  }
  BOOST_TEST(failed > 3u);
}

BOOST_AUTO_TEST_SUITE_END()
