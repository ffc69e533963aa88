#include "damage_search.hpp"

#include "error.hpp"
#include "prepared_statement.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
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

private:
  void keep(sqlite3* database, const read_watch& limits, const std::stop_token& ended) {
    std::unique_lock lock{mutex_};
    while (!ended.stop_requested()) {
      if (limits.look() != errc::none) {
        sqlite3_interrupt(database); // Again each time: between two steps it is forgotten.
      }
      wake_.wait_for(lock, ended, between_looks, [] { return false; });
    }
  }

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_; ///< Ends before what it uses does.
};

} // namespace

result<std::vector<std::string>> find_damage(connection& database, const read_watch& limits) {
  auto check = prepared_statement::prepare(database.get(), "PRAGMA integrity_check");
  if (!check) {
    return tl::unexpected{std::move(check).error()};
  }
  const limit_keeper keeper{database.get(), limits};
  std::vector<std::string> found;
  int code = SQLITE_ROW;
  auto passed = limits.look();
  while (passed == errc::none && (code = check->step()) == SQLITE_ROW) {
    const auto* const sentence = reinterpret_cast<const char*>(sqlite3_column_text(check->get(), 0));
    found.emplace_back(sentence == nullptr ? "" : sentence);
    passed = limits.look();
  }
  if (passed != errc::none || (code & 0xff) == SQLITE_INTERRUPT) {
    return fail(passed == errc::none ? limits.look() : passed, "the search for damage was interrupted");
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
