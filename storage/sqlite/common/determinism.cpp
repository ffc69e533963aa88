#include "determinism.hpp"

#include "default_vfs.hpp"
#include "error.hpp"
#include "names.hpp"
#include "prepared_statement.hpp"
#include "sql_tokens.hpp"
#include "temporary_files.hpp"

#include <millrace/storage/base/full_disk.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <limits>
#include <string_view>

namespace millrace::storage::sqlite {

namespace {

constexpr std::int64_t unix_epoch_as_julian_ms = 210'866'760'000'000;
constexpr std::int64_t day_ms = 86'400'000;
constexpr auto largest_row_id = std::numeric_limits<sqlite3_int64>::max();

thread_local bool clock_is_fixed = false;
thread_local std::int64_t fixed_julian_ms = 0;

int current_time_ms(sqlite3_vfs*, sqlite3_int64* julian_ms) noexcept {
  if (clock_is_fixed) {
    *julian_ms = fixed_julian_ms;
    return SQLITE_OK;
  }
  return default_vfs().xCurrentTimeInt64(&default_vfs(), julian_ms);
}

int current_time(sqlite3_vfs* vfs, double* julian_days) noexcept {
  sqlite3_int64 julian_ms = 0;
  const int code = current_time_ms(vfs, &julian_ms);
  *julian_days = static_cast<double>(julian_ms) / static_cast<double>(day_ms);
  return code;
}

/// SQLite's hook for local time, which it has for its own tests: fails on a thread whose clock is fixed.
int local_time(const void* seconds, void* parts) noexcept {
  if (clock_is_fixed) {
    return 1;
  }
  return localtime_r(static_cast<const std::time_t*>(seconds), static_cast<std::tm*>(parts)) == nullptr ? 1 : 0;
}

/// Whether one of a table's rows has the largest row id; never where its rows have none.
result<bool> is_full(sqlite3* database, const std::string& table) {
  const auto sql = "SELECT 1 FROM main." + quoted_name(table) + " WHERE _rowid_ = " + std::to_string(largest_row_id);
  auto look = prepared_statement::prepare(database, sql.c_str());
  if (!look) {
    return look.error().code == errc::bad_sql ? result<bool>{false} : tl::unexpected{std::move(look).error()};
  }
  const int code = look->step();
  return code == SQLITE_ROW || code == SQLITE_DONE ? result<bool>{code == SQLITE_ROW}
                                                   : tl::unexpected{failure_of(database, code)};
}

/// Those of the tables that are full.
result<std::vector<std::string>> full_among(sqlite3* database, const std::vector<std::string>& tables) {
  std::vector<std::string> found;
  for (const auto& table : tables) {
    const auto full = is_full(database, table);
    if (!full) {
      return tl::unexpected{full.error()};
    }
    if (*full) {
      found.push_back(table);
    }
  }
  return found;
}

const char* register_vfs() {
  static sqlite3_vfs shim;
  shim = *sqlite3_vfs_find(paid_temporary_vfs());
  shim.zName = "millrace";
  shim.pNext = nullptr;
  shim.xCurrentTime = &current_time;
  shim.xCurrentTimeInt64 = &current_time_ms;
  sqlite3_vfs_register(&shim, 0);
  sqlite3_test_control(SQLITE_TESTCTRL_LOCALTIME_FAULT, 2, &local_time);
  return shim.zName;
}

} // namespace

const char* log_clock_vfs() {
  static const char* const name = register_vfs();
  return name;
}

fixed_clock::fixed_clock(std::int64_t unix_time_ms) noexcept {
  fixed_julian_ms = unix_time_ms + unix_epoch_as_julian_ms;
  clock_is_fixed = true;
}

fixed_clock::~fixed_clock() {
  clock_is_fixed = false;
}

void random_source::seed(std::uint64_t number) noexcept {
  for (auto& word : state_) {
    number += 0x9e3779b97f4a7c15;
    auto mixed = number;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    word = mixed ^ (mixed >> 31);
  }
}

std::uint64_t random_source::next() noexcept {
  const auto rotate = [](std::uint64_t word, int by) { return (word << by) | (word >> (64 - by)); };
  const auto result = rotate(state_[1] * 5, 7) * 9;
  const auto shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = rotate(state_[3], 45);
  return result;
}

result<> log_functions::install(sqlite3* database) {
  database_ = database;
  struct definition {
    const char* name;
    int arguments;
    void (*function)(sqlite3_context*, int, sqlite3_value**);
  };
  // Innocuous, so that they work in defaults and triggers although the schema is not trusted.
  constexpr int flags = SQLITE_UTF8 | SQLITE_INNOCUOUS;
  for (const auto& [name, arguments, function] :
       {definition{"random", 0, &log_functions::random}, definition{"randomblob", 1, &log_functions::random_blob},
        definition{"last_insert_rowid", 0, &log_functions::last_insert_row_id}}) {
    const int code = sqlite3_create_function_v2(database, name, arguments, flags, this, function, nullptr, nullptr,
                                                nullptr);
    if (code != SQLITE_OK) {
      return tl::unexpected{failure_of(database, code)};
    }
  }
  sqlite3_update_hook(database, &log_functions::row_changed, this);
  return {};
}

result<> log_functions::find_full_tables() {
  auto list = prepared_statement::prepare(database_,
                                          "SELECT name FROM sqlite_schema WHERE type='table' AND rootpage>0");
  if (!list) {
    return tl::unexpected{std::move(list).error()};
  }
  full_now_.clear();
  std::vector<std::string> tables;
  int code = list->step();
  for (; code == SQLITE_ROW; code = list->step()) {
    const auto* const name = reinterpret_cast<const char*>(sqlite3_column_text(list->get(), 0));
    tables.emplace_back(name == nullptr ? "" : name);
  }
  if (code != SQLITE_DONE) {
    return tl::unexpected{failure_of(database_, code)};
  }
  return full_among(database_, tables).map([this](auto found) { full_tables_ = std::move(found); });
}

result<> log_functions::begin_work(std::uint64_t seq) {
  errno = 0; // By which a full disk is known (`explain`).
  random_.seed(seq);
  carried_row_id = 0;
  gave_largest_id_ = false;
  overfilled_ = nullptr;
  if (full_tables_.empty()) {
    return {};
  }
  return full_among(database_, full_tables_).map([this](auto found) { full_now_ = std::move(found); });
}

std::string log_functions::take_row_id_fault() {
  const auto* const full = std::exchange(overfilled_, nullptr);
  if (std::exchange(gave_largest_id_, false)) {
    return "the row id " + std::to_string(largest_row_id) + ", after which SQLite draws row ids at random";
  }
  return full == nullptr ? ""
                         : "a new row of " + *full + ", in which somebody gave a row the id "
                             + std::to_string(largest_row_id)
                             + ", after which SQLite draws row ids at random; give that row another id, or delete it, "
                               "in a transaction before";
}

failure log_functions::explain(failure met) {
  if (met.code != errc::disk_full || means_full_disk(errno)) {
    return met;
  }
  if (auto fault = take_row_id_fault(); !fault.empty()) {
    return {errc::not_permitted, std::move(fault)};
  }
  const auto sql = "SELECT name FROM sqlite_sequence WHERE CAST(seq AS INTEGER) = " + std::to_string(largest_row_id);
  auto look = prepared_statement::prepare(database_, sql.c_str());
  if (!look || look->step() != SQLITE_ROW) {
    return met;
  }
  const auto* const table = reinterpret_cast<const char*>(sqlite3_column_text(look->get(), 0));
  return {errc::constraint, "AUTOINCREMENT has no row id left in " + std::string{table == nullptr ? "" : table}
                              + ", as sqlite_sequence says that it gave " + std::to_string(largest_row_id)
                              + "; give new rows ids of their own"};
}

void log_functions::row_changed(void* self, int action, const char*, const char* table, sqlite3_int64 row_id) noexcept {
  auto& seen = *static_cast<log_functions*>(self);
  if (seen.full_now_.empty() && row_id != largest_row_id) {
    return; // As nearly always; asking for the table's name costs more than the rest.
  }
  const auto full = std::ranges::find(seen.full_now_, std::string_view{table});
  const bool is_full = full != seen.full_now_.end();
  if (action == SQLITE_INSERT && is_full) {
    seen.overfilled_ = &*full;
  } else if (row_id == largest_row_id && action != SQLITE_DELETE && !is_full) {
    seen.gave_largest_id_ = true;
  }
}

void log_functions::random(sqlite3_context* context, int, sqlite3_value**) noexcept {
  auto& self = *static_cast<log_functions*>(sqlite3_user_data(context));
  sqlite3_result_int64(context, static_cast<sqlite3_int64>(self.random_.next()));
}

void log_functions::random_blob(sqlite3_context* context, int, sqlite3_value** arguments) noexcept {
  auto& self = *static_cast<log_functions*>(sqlite3_user_data(context));
  const auto size = std::max<sqlite3_int64>(sqlite3_value_int64(arguments[0]), 1);
  if (size > sqlite3_limit(sqlite3_context_db_handle(context), SQLITE_LIMIT_LENGTH, -1)) {
    sqlite3_result_error_toobig(context);
    return;
  }
  auto* const bytes = static_cast<char*>(sqlite3_malloc64(static_cast<sqlite3_uint64>(size)));
  if (bytes == nullptr) {
    sqlite3_result_error_nomem(context);
    return;
  }
  for (sqlite3_int64 at = 0; at < size; at += 8) {
    const auto word = self.random_.next();
    std::memcpy(bytes + at, &word, static_cast<std::size_t>(std::min<sqlite3_int64>(8, size - at)));
  }
  sqlite3_result_blob64(context, bytes, static_cast<sqlite3_uint64>(size), &sqlite3_free);
}

void log_functions::last_insert_row_id(sqlite3_context* context, int, sqlite3_value**) noexcept {
  const auto& self = *static_cast<const log_functions*>(sqlite3_user_data(context));
  const auto inserted = sqlite3_last_insert_rowid(sqlite3_context_db_handle(context));
  sqlite3_result_int64(context, inserted != 0 ? inserted : self.carried_row_id);
}

} // namespace millrace::storage::sqlite
