#include "connection.hpp"

#include "determinism.hpp"
#include "error.hpp"

namespace millrace::storage::sqlite {

result<connection> connection::open(const std::filesystem::path& file, role purpose, const sqlite_options& options) {
  const char* const clock = purpose == role::writer ? log_clock_vfs() : nullptr;
  const int access = purpose == role::writer ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
  connection made;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &handle, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, clock);
  made.handle_.reset(handle);
  if (code != SQLITE_OK) {
    auto reason = failure_of(handle, code);
    reason.detail = file.string() + ": " + reason.detail;
    return tl::unexpected{std::move(reason)};
  }
  if (auto done = harden(handle, purpose, options); !done) {
    return tl::unexpected{std::move(done).error()};
  }
  made.rights_ = std::make_unique<authorizer>();
  made.rights_->install(handle);
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
