#pragma once

#include <millrace/storage/base/result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

#include <sqlite3.h>

namespace millrace::storage::sqlite {

/// Owns one prepared statement. It must not outlive its connection.
class prepared_statement {
public:
  /// Compiles the one statement that begins at `sql`, `bytes` long with its terminating zero. `tail` receives where it
  /// ends. The handle is null where there was nothing but spaces and comments.
  [[nodiscard]] static result<prepared_statement> prepare(sqlite3* database, const char* sql, int bytes,
                                                          const char** tail);

  /// Compiles a statement of our own that is kept for as long as the connection.
  [[nodiscard]] static result<prepared_statement> prepare(sqlite3* database, const char* sql);

  sqlite3_stmt* get() const noexcept { return handle_.get(); }
  int step() noexcept { return sqlite3_step(handle_.get()); }
  /// Makes it ready for the next run; the bindings stay.
  void reset() noexcept { sqlite3_reset(handle_.get()); }

  /// Runs to the end and resets; SQLITE_OK, or the code it failed with.
  int run() noexcept;

  /// Steps to a row that must be there and takes its first column as a number.
  [[nodiscard]] result<std::int64_t> first_number();

  /// The same, and resets.
  [[nodiscard]] result<std::int64_t> run_for_number();

private:
  struct finalizer {
    void operator()(sqlite3_stmt* handle) const noexcept { sqlite3_finalize(handle); }
  };

  std::unique_ptr<sqlite3_stmt, finalizer> handle_;
};

/// Resets a statement when it goes out of scope, exceptions included.
class reset_at_end {
public:
  explicit reset_at_end(prepared_statement& target) noexcept : target_(target) {}
  reset_at_end(const reset_at_end&) = delete;
  reset_at_end& operator=(const reset_at_end&) = delete;
  ~reset_at_end() { target_.reset(); }

private:
  prepared_statement& target_;
};

} // namespace millrace::storage::sqlite
