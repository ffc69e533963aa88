#pragma once

#include "authorizer.hpp"
#include "hardening.hpp"
#include "settings.hpp"

#include <memory>

#include <sqlite3.h>

namespace millrace::storage::sqlite {

/// Owns one hardened connection and what decides on its rights. Used by one thread at a time.
class connection {
public:
  /// Opens an existing file; `database_gone` where it has another identity than is asked for. The writer's
  /// connection goes through the clock (determinism.hpp).
  [[nodiscard]] static result<connection> open(const settings& chosen, role purpose);

  sqlite3* get() const noexcept { return handle_.get(); }
  authorizer& rights() const noexcept { return *rights_; }

  /// Runs statements of our own.
  [[nodiscard]] result<> execute(const char* sql);

  /// Keeps the connection from writing anything when it is closed: after a failed commit only a fresh one knows what
  /// the file holds.
  void abandon() noexcept;

private:
  struct closer {
    void operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }
  };

  std::shared_ptr<temporary_space> space_; ///< Outlives its temporary files.
  std::unique_ptr<authorizer> rights_;
  std::unique_ptr<sqlite3, closer> handle_;
};

} // namespace millrace::storage::sqlite
