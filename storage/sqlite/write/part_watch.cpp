#include "part_watch.hpp"

#include <millrace/storage/sqlite/common/names.hpp>

#include <algorithm>
#include <limits>
#include <string_view>

/// SQLite declares these where one says that it was compiled with them, as Debian's was.
extern "C" {
void* sqlite3_preupdate_hook(sqlite3*,
                             void (*)(void*, sqlite3*, int, char const*, char const*, sqlite3_int64, sqlite3_int64),
                             void*);
int sqlite3_preupdate_old(sqlite3*, int, sqlite3_value**);
int sqlite3_preupdate_new(sqlite3*, int, sqlite3_value**);
}

namespace millrace::storage::sqlite {

namespace {

/// By which values of different types follow each other (SQLite: datatype3.html §4.1).
int order_of(sqlite3_value* value) noexcept {
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
    case SQLITE_FLOAT:
      return 1;
    case SQLITE_TEXT:
      return 2;
    default:
      return 3;
  }
}

long double number_of(sqlite3_value* value) noexcept {
  static_assert(std::numeric_limits<long double>::digits >= 63, "64-bit integers must fit");
  return sqlite3_value_type(value) == SQLITE_INTEGER ? static_cast<long double>(sqlite3_value_int64(value))
                                                     : static_cast<long double>(sqlite3_value_double(value));
}

std::string_view bytes_of(sqlite3_value* value) noexcept {
  const auto* const bytes = static_cast<const char*>(sqlite3_value_blob(value));
  return {bytes == nullptr ? "" : bytes, static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

/// As SQLite's own collations have it (datatype3.html §7).
int compare_texts(std::string_view one, std::string_view other, std::string_view collation) noexcept {
  if (same(collation, "NOCASE")) {
    const auto common = static_cast<int>(std::min(one.size(), other.size()));
    const int order = sqlite3_strnicmp(one.data(), other.data(), common);
    return order != 0 ? order : static_cast<int>(one.size()) - static_cast<int>(other.size());
  }
  if (same(collation, "RTRIM")) {
    for (auto* const text : {&one, &other}) {
      text->remove_suffix(text->size() - (text->find_last_not_of(' ') + 1));
    }
  }
  return one.compare(other);
}

int compare(sqlite3_value* one, sqlite3_value* other, const std::string& collation) noexcept {
  const int order = order_of(one);
  if (order != order_of(other)) {
    return order - order_of(other);
  }
  if (order == 1) {
    const auto left = number_of(one);
    const auto right = number_of(other);
    return left < right ? -1 : left > right ? 1 : 0;
  }
  return order == 2 ? compare_texts(bytes_of(one), bytes_of(other), collation) : bytes_of(one).compare(bytes_of(other));
}

} // namespace

part_watch::part_watch(connection& owner, const std::string& table, const table_key& key,
                       const key_range& part) noexcept
  : database_(owner.get()), table_(table), key_(key), part_(part) {
  if (part_.rows > 0) {
    sqlite3_preupdate_hook(database_, &part_watch::row_changes, this);
  }
}

part_watch::~part_watch() {
  sqlite3_preupdate_hook(database_, nullptr, nullptr);
}

progress<> part_watch::look() const {
  if (!strayed_) {
    return {};
  }
  return set_back({errc::parameter_mismatch,
                   "it changed " + (stray_id_ ? "row " + std::to_string(*stray_id_) + ", which" : "a row that")
                     + " is none of its part; say `WHERE " + key_.sql + " BETWEEN :first AND :last`"
                     + (stray_id_ ? ", or the INTEGER PRIMARY KEY" : "") + ", and give no row a new key"});
}

bool part_watch::has(sqlite3_int64 id) const noexcept {
  return id >= sqlite3_value_int64(part_.first.get()) && id <= sqlite3_value_int64(part_.last.get());
}

bool part_watch::has(sqlite3_value* value) const noexcept {
  return compare(value, part_.first.get(), key_.collation) >= 0
         && compare(value, part_.last.get(), key_.collation) <= 0;
}

void part_watch::row_changes(void* self, sqlite3* database, int action, const char*, const char* table,
                             sqlite3_int64 old_id, sqlite3_int64 new_id) noexcept {
  auto& watch = *static_cast<part_watch*>(self);
  if (!same(table, watch.table_)) {
    return;
  }
  const bool was = action != SQLITE_INSERT;
  const bool is = action != SQLITE_DELETE;
  if (!watch.key_.place) {
    for (const auto& [known, id] : {std::pair{was, old_id}, std::pair{is, new_id}}) {
      if (known && !watch.has(id)) {
        watch.strayed_ = true;
        watch.stray_id_ = id;
      }
    }
    return;
  }
  const auto& [column, stored] = *watch.key_.place;
  sqlite3_value* value = nullptr;
  if (was && (sqlite3_preupdate_old(database, column, &value) != SQLITE_OK || !watch.has(value))) {
    watch.strayed_ = true;
  }
  // Of what an UPDATE makes of a row SQLite counts the columns as they are stored.
  if (is && (sqlite3_preupdate_new(database, was ? stored : column, &value) != SQLITE_OK || !watch.has(value))) {
    watch.strayed_ = true;
  }
}

} // namespace millrace::storage::sqlite
