#include <millrace/tests/support/storage/sqlite_fixture.hpp>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <new>
#include <string>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::storage::testing;

namespace {

/// The allocation that fails on this thread, counted from 1; none where it is 0.
thread_local std::uint64_t allocations_until_failure = 0;

} // namespace

// Replaced for the whole test program, so that every allocation of C++ can be made to fail once. Not inlined: g++ would
// then see `new` answered by `free` and warn.
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (allocations_until_failure != 0 && --allocations_until_failure == 0) {
    throw std::bad_alloc{};
  }
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) {
    return memory;
  }
  throw std::bad_alloc{};
}

[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}

[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

BOOST_FIXTURE_TEST_SUITE(sqlite_exception_suite, database_fixture)

BOOST_AUTO_TEST_CASE(memory_that_runs_out_anywhere_rolls_back_and_the_same_batch_succeeds_later) {
  schema("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a UNIQUE)");
  auto grouped = execute("INSERT INTO t(a) VALUES (?1) RETURNING id, a", std::string(100, 'x'));
  grouped.in_group(on_error::continue_after, [](transaction& group) { group.add("INSERT INTO t(a) VALUES (1)"); });
  const batch_ptr next = next_batch({execute("INSERT INTO t(a) VALUES (1)"), grouped, execute("CREATE TABLE u(a)"),
                                     execute("INSERT OR ROLLBACK INTO t(a) VALUES (1)"),
                                     schema_script{"s", "CREATE TABLE v(a)"}, execute("INSERT INTO v VALUES (2)")});
  std::uint64_t failures = 0;
  std::vector<answer> replies;
  for (std::uint64_t at = 1; writer->applied_seq() < next->last_seq(); ++at) {
    const auto applied_before = writer->applied_seq();
    const auto rows_before = rows("SELECT * FROM t");
    allocations_until_failure = at;
    try {
      auto answers = try_to_apply(next);
      const bool failed = allocations_until_failure == 0;
      allocations_until_failure = 0;
      BOOST_REQUIRE_MESSAGE(!failed, "the failed allocation " << at << " went unnoticed");
      BOOST_REQUIRE(answers);
      BOOST_TEST(mark.now.ended);
      std::ranges::move(*answers, std::back_inserter(replies));
      at = 0;
    } catch (const std::bad_alloc&) {
      ++failures;
      BOOST_REQUIRE(writer->applied_seq() == applied_before);
      BOOST_REQUIRE(rows("SELECT * FROM t") == rows_before);
      BOOST_REQUIRE(!mark.now.ended);
    }
  }
  BOOST_REQUIRE(replies.size() == 6u);
  BOOST_TEST(code_of(replies[3]) == errc::constraint);
  BOOST_TEST(code_of(replies[5]) == errc::none);
  BOOST_TEST(failures > 20u);
  BOOST_TEST(rows("SELECT id, length(a) FROM t") == "1|1\n2|100");
  BOOST_TEST(rows("SELECT applied_seq FROM millrace_meta") == "7");
}

BOOST_AUTO_TEST_SUITE_END()
