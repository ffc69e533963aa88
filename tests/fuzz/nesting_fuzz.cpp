/// A query that nests. Of the first byte comes how many constructs stand in one another at each level, of the others
/// which; the levels come in turn until the text is as long as one may be. It leaves a quarter of the stack, and the
/// reader goes on.

#include "fuzz.hpp"

#include <millrace/messages/limits.hpp>
#include <millrace/storage/sqlite/database.hpp>
#include <millrace/tests/support/process/painted_stack.hpp>
#include <millrace/tests/support/storage/nesting.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

using namespace millrace;
using namespace millrace::test;

namespace {

std::unique_ptr<storage::database_reader> open_reader() {
  static const temporary_folder folder{fast_place()};
  // Less memory than the fuzzer takes for too much.
  const auto database = storage::sqlite::make_database(folder.path() / "database.sqlite3", {}, {.memory_kib = 49'152});
  require(database->prepare(true).has_value(), "a database can be made");
  auto opened = database->open_reader();
  require(opened.has_value(), "a database can be read");
  return std::move(*opened);
}

/// Each construct stands in the one before.
storage::testing::nesting one_in_another(const std::vector<storage::testing::nesting>& constructs) {
  storage::testing::nesting all;
  for (const auto& each : constructs) {
    all.before += each.before;
    all.after.insert(0, each.after);
  }
  return all;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto reader = open_reader();
  if (size < 2 || size > 64) {
    return 0;
  }
  const auto& known = storage::testing::nestings();
  const std::size_t depth = 1 + data[0] % 8;
  std::vector<storage::testing::nesting> levels;
  for (std::size_t at = 1; at < size; at += depth) {
    std::vector<storage::testing::nesting> constructs;
    for (auto index = at; index < std::min(at + depth, size); ++index) {
      constructs.push_back(known[data[index] % known.size()]);
    }
    levels.push_back(one_in_another(constructs));
  }
  const auto question = select(storage::testing::nested_query(levels, 1, limits::sql_bytes_max));
  const auto used = stack_used([&] {
    using namespace std::chrono_literals;
    static_cast<void>(reader->run(question, {.deadline = std::chrono::steady_clock::now() + 500ms}));
  });
  require(used < usual_stack_bytes * 3 / 4, "a quarter of the stack is left");
  require(reader->run(select("SELECT 1"), {}).has_value(), "the reader goes on");
  return 0;
}
