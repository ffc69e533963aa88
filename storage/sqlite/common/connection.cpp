#include "connection.hpp"

#include "budget.hpp"
#include "determinism.hpp"
#include "error.hpp"
#include "patient_functions.hpp"
#include "temporary_files.hpp"
#include "whose_file.hpp"

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

namespace millrace::storage::sqlite {

result<connection> connection::open(const settings& chosen, role purpose) {
  if (!budget::holds()) {
    return fail(errc::io_error,
                "this program used SQLite before Millrace was loaded, so its memory could not be bounded; "
                "link Millrace into the program, or load it first");
  }
  if (chosen.identity && purpose == role::writer) {
    if (auto looked = look_at_file_alone(chosen.file, chosen.identity); !looked) {
      return tl::unexpected{std::move(looked).error()};
    }
  }
  const char* const vfs = purpose == role::writer ? log_clock_vfs() : paid_temporary_vfs();
  const int access = purpose == role::writer ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
  connection made;
  made.space_ = chosen.space;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(chosen.file.c_str(), &handle, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                                   vfs);
  made.handle_.reset(handle);
  if (code != SQLITE_OK) {
    auto reason = failure_of(handle, code);
    reason.detail = chosen.file.string() + ": " + reason.detail;
    std::error_code unknown;
    if ((code & 0xff) == SQLITE_CANTOPEN && !std::filesystem::exists(chosen.file, unknown) && !unknown) {
      reason = {errc::database_gone, chosen.file.string() + " is missing"};
    }
    return tl::unexpected{std::move(reason)};
  }
  if (auto done = harden(handle, purpose, chosen.cache_kib); !done) {
    return tl::unexpected{std::move(done).error()};
  }
  if (auto done = install_patient_functions(handle); !done) {
    return tl::unexpected{std::move(done).error()};
  }
  made.rights_ = std::make_unique<authorizer>();
  made.rights_->install(handle);
  if (chosen.identity) {
    if (auto same = check_identity(handle, *chosen.identity); !same) {
      made.abandon();
      same.error().detail = chosen.file.string() + ": " + same.error().detail;
      return tl::unexpected{std::move(same).error()};
    }
  }
  return made;
}

result<> connection::execute(const char* sql) {
  if (const int code = sqlite3_exec(get(), sql, nullptr, nullptr, nullptr); code != SQLITE_OK) {
    return tl::unexpected{failure_of(get(), code)};
  }
  return {};
}

void connection::abandon() noexcept {
  sqlite3_db_config(get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

} // namespace millrace::storage::sqlite
