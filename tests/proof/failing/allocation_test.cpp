#include "failing_allocations.hpp"

#include <millrace/storage/base/folder.hpp>
#include <millrace/storage/queue/attempt_page.hpp>
#include <millrace/storage/sqlite/database.hpp>
#include <millrace/tests/proof/report.hpp>
#include <millrace/tests/support/environment.hpp>
#include <millrace/tests/support/storage/log_fixture.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <algorithm>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <sqlite3.h>
#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::test;

namespace {

std::size_t open_descriptors() {
  return static_cast<std::size_t>(
    std::distance(std::filesystem::directory_iterator{"/proc/self/fd"}, std::filesystem::directory_iterator{}));
}

/// What an attempt gave; nothing where the memory was not there. What storage throws of its own is a defect.
template <class Attempt>
auto without_memory(Attempt attempt) -> std::optional<decltype(attempt())> {
  try {
    return attempt();
  } catch (const std::bad_alloc&) {
    return std::nullopt;
  }
}

/// Runs a scenario with the first allocation failing, the second, and so on until none does; each once, and each with
/// all that follow.
struct allocation_fixture {
  const std::uint64_t seed = from_environment("MILLRACE_PROOF_SEED", std::random_device{}());
  const std::uint64_t stride = from_environment("MILLRACE_PROOF_IO_STRIDE", 0);
  const std::uint64_t only = from_environment("MILLRACE_PROOF_IO_ONLY", 0);

  void sweep(const std::string& what, std::uint64_t usual_stride,
             const std::function<bool(std::uint64_t, bool)>& scenario) {
    const auto& test = boost::unit_test::framework::current_test_case();
    const auto step = stride != 0 ? stride : usual_stride;
    std::uint64_t struck = 0;
    const auto descriptors = open_descriptors();
    for (auto nth = only != 0 ? only : 1 + std::mt19937_64{seed}() % step;; nth += step) {
      bool reached = false;
      for (const bool lasts : {false, true}) {
        BOOST_TEST_INFO_SCOPE("allocation " << nth << (lasts ? " and all after it" : "") << ", repeat with"
                                            << " MILLRACE_PROOF_IO_ONLY=" << nth << " MILLRACE_PROOF_SEED=" << seed
                                            << " test_proof --run_test=allocation_suite/" << test.p_name.get());
        const bool hit = scenario(nth, lasts);
        reached = reached || hit;
        struck += hit ? 1 : 0;
        BOOST_REQUIRE_EQUAL(open_descriptors(), descriptors);
        BOOST_REQUIRE_EQUAL(sqlite3_memory_used(), 0);
      }
      if (only != 0 || !reached) {
        break;
      }
    }
    BOOST_TEST(struck > 0u);
    report({.proof = "allocation failures",
            .injected = "failed allocations in " + what,
            .times = struck,
            .detail = "stride " + std::to_string(step)});
  }
};

constexpr log_options short_segments{8'192, 1};

result<storage::log> open_log_in(const std::filesystem::path& folder, std::uint64_t applied_seq) {
  recovery_report report;
  return storage::log::open(posix_file_system(), folder, database_id, applied_seq, short_segments, report);
}

/// Writes until `last`, with as many attempts as are worth while. Gives what is acknowledged.
std::uint64_t write_log(storage::log& queue, std::uint64_t last) {
  std::uint64_t acknowledged = queue.last_seq();
  for (int failures = 0; acknowledged < last && failures < 3;) {
    const auto work = [&] {
      const unfailing_scope ours;
      return batch_of(acknowledged + 1, 3);
    }();
    const auto done = without_memory([&] { return queue.append(work); });
    const unfailing_scope ours;
    if (done && *done) {
      acknowledged = work.last_seq();
    } else {
      ++failures;
    }
  }
  return acknowledged;
}

/// Opens, writes, reads back and releases while the memory may fail; then all that was acknowledged must be there.
bool try_log(std::uint64_t nth, bool lasts) {
  const temporary_folder folder{fast_place()};
  const auto path = folder.path() / "queue";
  std::uint64_t acknowledged = 0;
  bool struck = false;
  {
    allocation_fault fault{nth, lasts};
    for (int life = 0; life < 2; ++life) {
      auto queue = without_memory([&] { return open_log_in(path, 0); });
      if (!queue || !*queue) {
        continue;
      }
      acknowledged = std::max(acknowledged, write_log(**queue, acknowledged + 60));
      without_memory([&] { return (*queue)->append_witness(); });
      without_memory([&]() -> result<> {
        auto cursor = (*queue)->read_from(1);
        while (cursor) {
          auto work = (*cursor)->next();
          if (!work || !*work) {
            return work ? result<>{} : tl::unexpected{work.error()};
          }
        }
        return tl::unexpected{cursor.error()};
      });
    }
    struck = fault.struck();
  }
  auto queue = open_log_in(path, 0);
  BOOST_REQUIRE_MESSAGE(queue, (queue ? "" : queue.error().detail));
  BOOST_REQUIRE_GE(queue->last_seq(), acknowledged);
  BOOST_REQUIRE_EQUAL(check_work_from(*queue, 1), queue->last_seq() + 1);
  // Releasing may be broken off as well.
  {
    allocation_fault fault{nth, lasts};
    without_memory([&] { return queue->release(acknowledged / 2); });
    struck = struck || fault.struck();
  }
  const auto half = acknowledged / 2;
  auto again = open_log_in(path, half);
  BOOST_REQUIRE_MESSAGE(again, (again ? "" : again.error().detail));
  BOOST_REQUIRE_EQUAL(check_work_from(*again, half + 1), again->last_seq() + 1);
  return struck;
}

/// Says nothing to anybody.
class silent_mark final : public attempt_mark {
public:
  void begin(std::uint64_t, std::uint64_t) noexcept override {}
  void at(std::uint64_t) noexcept override {}
  void end() noexcept override {}
};

/// All kinds of work, some of which is rejected.
std::vector<batch_ptr> all_kinds_of_work() {
  const uuid client{9, 9, 9};
  std::vector<std::vector<work>> batches;
  batches.push_back({schema_script{"0001",
                                   "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT UNIQUE CHECK (a <> 'no'));"
                                   "CREATE INDEX t_a ON t(a)"}});
  const auto insert = "INSERT INTO t(a) VALUES (?1) RETURNING id, a";
  auto named = execute(insert, "named");
  named.name = {client, 1};
  batches.push_back({execute(insert, "one"), execute(insert, "no"), named, execute("INSRT")});
  auto groups = execute(insert, std::string(3'000, 'x'));
  groups.in_group(on_error::continue_after, [&](transaction& inner) { inner.add(insert, "one"); });
  groups.add("UPDATE t SET a = a || random() WHERE a = 'one'");
  batches.push_back({groups, execute("INSERT OR ROLLBACK INTO t(a) VALUES ('named')"), execute(insert, "two"),
                     execute("DELETE FROM nowhere"), execute("PRAGMA user_version = 3")});
  std::vector<batch_ptr> all;
  std::uint64_t seq = 1;
  for (auto& items : batches) {
    auto made = std::make_shared<batch>();
    made->first_seq = seq;
    made->accept_time_ms = 1'700'000'000'000;
    made->items = std::move(items);
    seq = made->last_seq() + 1;
    all.push_back(std::move(made));
  }
  return all;
}

/// The codes that the work comes to, by `seq`.
using verdicts = std::vector<std::optional<errc>>;

/// Applies what is left. After an exception, or where nobody knows, another writer goes on.
bool apply_rest(const std::filesystem::path& file, const std::vector<batch_ptr>& work, verdicts& found) {
  const auto last = work.back()->last_seq();
  silent_mark mark;
  for (int failures = 0; failures < 4;) {
    auto opened = without_memory([&] { return sqlite::make_database(file)->open_writer(); });
    if (!opened || !*opened) {
      ++failures;
      continue;
    }
    auto& writer = ***opened;
    while (failures < 4) {
      const auto first = writer.applied_seq() + 1;
      if (first > last) {
        without_memory([&] { return writer.checkpoint(); });
        return true;
      }
      const auto answers = without_memory([&] { return writer.apply(work, mark, {}); });
      const unfailing_scope ours;
      for (std::size_t i = 0; answers && *answers && i < (*answers)->size(); ++i) {
        const auto& one = (**answers)[i];
        auto& verdict = found.at(first - 1 + i);
        BOOST_REQUIRE_MESSAGE(!verdict, "seq " << first + i << " was answered twice");
        verdict = one ? errc::none : one.error().code;
      }
      if (!answers || !*answers) {
        ++failures;
        break;
      }
    }
  }
  return false;
}

std::string text_of(const row_set& rows) {
  std::string text;
  for (const auto row : rows) {
    text += std::to_string(row[std::size_t{0}].as_integer()) + "|" + std::string{row[std::size_t{1}].as_text()} + "\n";
  }
  return text;
}

constexpr auto everything = "SELECT id, a FROM t ORDER BY a, id";

std::string read_all(const std::filesystem::path& file) {
  auto reader = sqlite::make_database(file)->open_reader();
  BOOST_REQUIRE(reader);
  auto rows = (*reader)->run(select(everything), {});
  BOOST_REQUIRE_MESSAGE(rows, (rows ? "" : rows.error().detail));
  return text_of(*rows);
}

struct expectation {
  verdicts codes;
  std::string rows;
};

/// What the work comes to with all the memory there is.
expectation undisturbed(const std::vector<batch_ptr>& work) {
  const temporary_folder folder{fast_place()};
  const auto file = folder.path() / "database.sqlite3";
  BOOST_REQUIRE(sqlite::make_database(file)->prepare(true));
  expectation result;
  result.codes.resize(work.back()->last_seq());
  BOOST_REQUIRE(apply_rest(file, work, result.codes));
  result.rows = read_all(file);
  return result;
}

/// Prepares and applies while the memory may fail; then the rest is applied, and all is as if it had not.
bool try_writer(std::uint64_t nth, bool lasts, const std::vector<batch_ptr>& work, const expectation& expected) {
  const temporary_folder folder{fast_place()};
  const auto file = folder.path() / "database.sqlite3";
  verdicts found(expected.codes.size());
  bool struck = false;
  {
    allocation_fault fault{nth, lasts};
    const auto prepared = without_memory(
      [&] { return sqlite::make_database(file)->prepare(true).map([](const auto&) {}); });
    const unfailing_scope outer;
    if (prepared && !*prepared) {
      BOOST_REQUIRE_MESSAGE(kind(prepared->error().code) != error_kind::rejected, to_string(prepared->error()));
    }
    struck = fault.struck();
  }
  if (!struck) {
    allocation_fault fault{nth, lasts};
    apply_rest(file, work, found);
    struck = fault.struck();
  }
  BOOST_REQUIRE(sqlite::make_database(file)->prepare(true));
  BOOST_REQUIRE(apply_rest(file, work, found));
  for (std::size_t i = 0; i < found.size(); ++i) {
    // What was committed before an exception is not answered, only applied.
    BOOST_REQUIRE_MESSAGE(!found[i] || *found[i] == expected.codes[i],
                          "seq " << i + 1 << " came to " << name(*found[i]) << ", not " << name(*expected.codes[i]));
  }
  BOOST_REQUIRE(read_all(file) == expected.rows);
  return struck;
}

/// Reads in all ways while the memory may fail: what comes is right, or an error that may pass.
bool try_reader(std::uint64_t nth, bool lasts, const std::filesystem::path& file, const std::string& expected) {
  const auto right_or_refused = [](const auto& given, auto&& right) {
    const unfailing_scope ours;
    if (given && *given) {
      BOOST_REQUIRE(right(**given));
    } else if (given) {
      BOOST_REQUIRE_MESSAGE(kind(given->error().code) != error_kind::rejected, to_string(given->error()));
    }
  };
  const auto is_all = [&](const row_set& rows) { return text_of(rows) == expected; };
  allocation_fault fault{nth, lasts};
  for (int life = 0; life < 2; ++life) {
    auto opened = without_memory([&] { return sqlite::make_database(file)->open_reader(); });
    right_or_refused(opened, [](const auto&) { return true; });
    if (!opened || !*opened) {
      continue;
    }
    auto& reader = ***opened;
    for (int time = 0; time < 2; ++time) {
      right_or_refused(without_memory([&] { return reader.run(select(everything), {}); }), is_all);
      right_or_refused(without_memory([&] { return reader.recorded_outcome(4); }),
                       [](const auto& recorded) { return recorded && *recorded; });
      right_or_refused(without_memory([&] { return reader.applied_seq(); }), [](auto seq) { return seq == 10; });
      auto cursor = without_memory([&] { return reader.start(select(everything), {}); });
      right_or_refused(cursor, [](const auto&) { return true; });
      if (cursor && *cursor) {
        right_or_refused(without_memory([&] { return (**cursor)->next(100, {}); }), is_all);
      }
    }
  }
  return fault.struck();
}

/// Locks a new folder and maps its attempt page while the memory may fail.
bool try_folder(std::uint64_t nth, bool lasts) {
  const temporary_folder place{fast_place()};
  const auto path = place.path() / "data";
  const auto open = [&]() -> result<> {
    auto data = folder::open(path, folder_mode::create);
    if (!data) {
      return tl::unexpected{data.error()};
    }
    auto page = attempt_page::open(data->attempt_file(), database_id);
    return page ? result<>{} : tl::unexpected{page.error()};
  };
  bool struck = false;
  {
    allocation_fault fault{nth, lasts};
    without_memory(open);
    struck = fault.struck();
  }
  const auto opened = open();
  BOOST_REQUIRE_MESSAGE(opened, (opened ? "" : to_string(opened.error())));
  return struck;
}

} // namespace

/// Memory that is not there when storage asks for it. Storage may throw `std::bad_alloc` or say no; it never ends the
/// process, loses what it acknowledged, or takes the machine's want for the work's own fault.
BOOST_FIXTURE_TEST_SUITE(allocation_suite, allocation_fixture)

BOOST_AUTO_TEST_CASE(the_log_survives_any_failed_allocation) {
  sweep("the log", 1, try_log);
}

BOOST_AUTO_TEST_CASE(the_database_survives_any_failed_allocation) {
  const auto work = all_kinds_of_work();
  const auto expected = undisturbed(work);
  BOOST_REQUIRE_EQUAL(expected.codes.size(), 10u);
  sweep("the database's writer", 3,
        [&](std::uint64_t nth, bool lasts) { return try_writer(nth, lasts, work, expected); });
}

BOOST_AUTO_TEST_CASE(reading_survives_any_failed_allocation) {
  const temporary_folder folder{fast_place()};
  const auto file = folder.path() / "database.sqlite3";
  BOOST_REQUIRE(sqlite::make_database(file)->prepare(true));
  const auto work = all_kinds_of_work();
  verdicts codes(work.back()->last_seq());
  BOOST_REQUIRE(apply_rest(file, work, codes));
  const auto expected = read_all(file);
  sweep("a reader", 1, [&](std::uint64_t nth, bool lasts) { return try_reader(nth, lasts, file, expected); });
}

BOOST_AUTO_TEST_CASE(opening_a_folder_survives_any_failed_allocation) {
  sweep("opening a folder", 1, try_folder);
}

BOOST_AUTO_TEST_SUITE_END()
