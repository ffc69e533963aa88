#include "damage_search.hpp"

#include <millrace/storage/sqlite/common/error.hpp>
#include <millrace/storage/sqlite/common/prepared_statement.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <sstream>
#include <stop_token>
#include <thread>
#include <utility>

namespace millrace::storage::sqlite {

namespace {

constexpr std::chrono::milliseconds between_looks{20};

/// Interrupts what runs once a limit has passed: SQLite 3.40 checks a whole tree in one step, in which it asks no
/// progress handler.
class limit_keeper {
public:
  limit_keeper(sqlite3* database, const read_watch& limits)
    : thread_([this, database, &limits](const std::stop_token& ended) { keep(database, limits, ended); }) {}

  /// The limit that had passed first, `none` so far. What came of an interrupted step means nothing.
  errc passed() const noexcept { return passed_; }

private:
  void keep(sqlite3* database, const read_watch& limits, const std::stop_token& ended) {
    std::unique_lock lock{mutex_};
    while (!ended.stop_requested()) {
      if (passed_ == errc::none) {
        passed_ = limits.look();
      }
      if (passed_ != errc::none) {
        sqlite3_interrupt(database); // Again each time: before the first step it is forgotten.
      }
      wake_.wait_for(lock, ended, between_looks, [] { return false; });
    }
  }

  std::atomic<errc> passed_ = errc::none;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_; ///< Ends before what it uses does.
};

/// Adds each line of what SQLite says in one row.
void add_lines(const char* text, std::vector<std::string>& lines) {
  std::istringstream all{text == nullptr ? "" : text};
  for (std::string line; std::getline(all, line);) {
    lines.push_back(line);
  }
}

} // namespace

result<std::vector<std::string>> find_damage(connection& database, const read_watch& limits) {
  if (const auto passed = limits.look(); passed != errc::none) {
    return fail(passed, "the search for damage was not begun");
  }
  auto check = prepared_statement::prepare(database.get(), "PRAGMA integrity_check");
  if (!check) {
    return tl::unexpected{std::move(check).error()};
  }
  const limit_keeper keeper{database.get(), limits};
  std::vector<std::string> found;
  int code = check->step();
  for (; code == SQLITE_ROW && keeper.passed() == errc::none; code = check->step()) {
    add_lines(reinterpret_cast<const char*>(sqlite3_column_text(check->get(), 0)), found);
  }
  auto passed = keeper.passed();
  if (passed == errc::none && (code & 0xff) == SQLITE_INTERRUPT) {
    passed = limits.interruption(); // Between two steps its own handler may have been first.
  }
  if (passed != errc::none) {
    return fail(passed, "the search for damage was interrupted");
  }
  if (code != SQLITE_DONE) {
    return tl::unexpected{failure_of(database.get(), code)};
  }
  if (found.size() == 1 && found.front() == "ok") {
    found.clear();
  }
  return found;
}

} // namespace millrace::storage::sqlite
