#include "whose_file.hpp"

#include "error.hpp"
#include "hardening.hpp"
#include "meta.hpp"
#include "prepared_statement.hpp"
#include "rows.hpp"
#include "temporary_files.hpp"

#include <cctype>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace millrace::storage::sqlite {

namespace {

constexpr int cache_kib = 256;

result<std::int64_t> number(sqlite3* database, const char* sql) {
  auto statement = prepared_statement::prepare(database, sql);
  return statement ? statement->run_for_number() : tl::unexpected{std::move(statement).error()};
}

/// SQLite then takes the file for the whole database, and makes and locks nothing (SQLite: uri.html).
std::string immutable_uri(const std::filesystem::path& file) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  const auto path = std::filesystem::absolute(file);
  std::string uri = "file://";
  for (const char one : path.native()) {
    const auto byte = static_cast<unsigned char>(one);
    if (std::isalnum(byte) != 0 || one == '/') {
      uri += one;
    } else {
      uri += {'%', digits[byte / 16], digits[byte % 16]};
    }
  }
  return uri + "?immutable=1";
}

/// As `look_at_file_alone`, with all that cannot be told.
result<bool> look(sqlite3* database, const std::optional<uuid>& wanted) {
  const auto format = format_of(database);
  if (format && *format > 0 && wanted) {
    if (auto same = check_identity(database, *wanted); !same) {
      return tl::unexpected{std::move(same).error()};
    }
  }
  return format.map([](std::int64_t known) { return known > 0; });
}

} // namespace

result<std::int64_t> format_of(sqlite3* database) {
  const auto ours = number(database,
                           "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = "
                           "'millrace_meta'");
  if (!ours) {
    return tl::unexpected{ours.error()};
  }
  if (*ours == 0) {
    const auto others = number(database, "SELECT count(*) FROM sqlite_schema");
    if (!others) {
      return tl::unexpected{others.error()};
    }
    return *others == 0 ? result<std::int64_t>{0}
                        : fail(errc::folder_foreign, "the database holds tables, but none of Millrace's");
  }
  auto version = number(database, "SELECT format_version FROM millrace_meta WHERE id = 1");
  if (version && *version > meta::format_version) {
    return fail(errc::folder_newer, "the database has format " + std::to_string(*version)
                                      + "; this program reads format " + std::to_string(meta::format_version));
  }
  return version;
}

result<> check_identity(sqlite3* database, const uuid& wanted) {
  auto read = prepared_statement::prepare(database, meta::read_identity);
  if (!read && read.error().code != errc::bad_sql) {
    return tl::unexpected{std::move(read).error()};
  }
  const int code = read ? read->step() : SQLITE_DONE;
  if (code != SQLITE_ROW && code != SQLITE_DONE) {
    return tl::unexpected{failure_of(database, code)};
  }
  const std::string_view expected{reinterpret_cast<const char*>(wanted.data()), wanted.size()};
  if (code == SQLITE_DONE || blob_at(read->get(), 0) != expected) {
    return fail(errc::database_gone,
                "it is another database than the one whose log is beside it; put that back, or move "
                "the log away where that is the one that is lost");
  }
  return {};
}

result<bool> look_at_file_alone(const std::filesystem::path& file, const std::optional<uuid>& wanted) {
  std::error_code unknown;
  if (std::filesystem::file_size(file, unknown) == 0) {
    return true;
  }
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(immutable_uri(file).c_str(), &opened,
                                   SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                                   paid_temporary_vfs());
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> database{opened, &sqlite3_close_v2};
  if (code != SQLITE_OK || !harden(opened, role::reader, cache_kib)) {
    return false;
  }
  auto found = look(opened, wanted);
  if (found) {
    return found;
  }
  auto& why = found.error();
  if (why.code == errc::folder_foreign && wanted) {
    why.code = errc::database_gone;
  }
  if (why.code != errc::folder_foreign && why.code != errc::folder_newer && why.code != errc::database_gone) {
    return false;
  }
  why.detail = file.string() + ": " + why.detail;
  return found;
}

} // namespace millrace::storage::sqlite
