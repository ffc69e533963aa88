#pragma once

#include <millrace/storage/base/result.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <sqlite3.h>

/// What makes the same log give the same database (storage/DESIGN.md §1 rule 1): a clock that shows the accept time,
/// random numbers that follow from the sequence number, and nothing that leaks from one piece of work into the next.
namespace millrace::storage::sqlite {

/// The name of the VFS whose clock shows the accept time while a `fixed_clock` lives on the calling thread, and the
/// real time otherwise. Registered at the first call. Everything but the clock is `paid_temporary_vfs`.
const char* log_clock_vfs();

/// Stops this thread's clock for SQL run through `log_clock_vfs` connections. Local time is unavailable meanwhile,
/// because it depends on the machine's time zone.
class fixed_clock {
public:
  explicit fixed_clock(std::int64_t unix_time_ms) noexcept;
  fixed_clock(const fixed_clock&) = delete;
  fixed_clock& operator=(const fixed_clock&) = delete;
  ~fixed_clock();
};

/// xoshiro256**, seeded through splitmix64 (Blackman and Vigna, prng.di.unimi.it). Not for secrets.
class random_source {
public:
  void seed(std::uint64_t number) noexcept;
  std::uint64_t next() noexcept;

private:
  std::array<std::uint64_t, 4> state_{};
};

/// Overrides of SQL functions on one connection. Its address is registered with the connection: it neither moves nor
/// dies before it.
class log_functions {
public:
  log_functions() = default;
  log_functions(const log_functions&) = delete;
  log_functions& operator=(const log_functions&) = delete;

  /// Installs random(), randomblob() and last_insert_rowid(), and watches row ids.
  [[nodiscard]] result<> install(sqlite3* database);

  /// Finds the tables in which a row has the largest row id there is. Somebody else put it there, so it is due when the
  /// database was opened and after each commit of theirs.
  [[nodiscard]] result<> find_full_tables();

  /// Before each piece of work.
  [[nodiscard]] result<> begin_work(std::uint64_t seq);

  /// Why the rows that were made since this was last asked cannot be: empty where nothing is wrong. Beyond the largest
  /// row id SQLite draws those of a table's new rows at random from the machine, or reports a full disk (SQLite:
  /// autoinc.html), so no row may get that one, nor one be added beside it.
  std::string take_row_id_fault();
  bool has_row_id_fault() const noexcept { return gave_largest_id_ || overfilled_ != nullptr; }

  /// `met`, or what is wrong where SQLite calls it a full disk that a table has no row id left.
  failure explain(failure met);

  /// What last_insert_rowid() gives inside a statement that has inserted nothing yet: the row id that an earlier
  /// statement of the same work inserted, 0 where there was none.
  std::int64_t carried_row_id = 0;

private:
  static void random(sqlite3_context* context, int, sqlite3_value**) noexcept;
  static void random_blob(sqlite3_context* context, int, sqlite3_value** arguments) noexcept;
  static void last_insert_row_id(sqlite3_context* context, int, sqlite3_value**) noexcept;

  static void row_changed(void* self, int action, const char*, const char* table, sqlite3_int64 row_id) noexcept;

  sqlite3* database_ = nullptr;
  random_source random_;
  std::vector<std::string> full_tables_; ///< As somebody else left them, most often none.
  std::vector<std::string> full_now_;    ///< Those that still were when the work began.
  bool gave_largest_id_ = false;
  const std::string* overfilled_ = nullptr; ///< To which of them a row was added.
};

} // namespace millrace::storage::sqlite
