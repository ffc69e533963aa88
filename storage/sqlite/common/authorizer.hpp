#pragma once

#include <millrace/messages/error.hpp>

#include <optional>
#include <string>
#include <string_view>

#include <sqlite3.h>

namespace millrace::storage::sqlite {

/// On whose behalf SQL is being compiled.
enum class authority {
  internal,    ///< Our own statements: everything.
  transaction, ///< A client's transaction: reads and row changes, nothing that is no function of the log.
  script,      ///< A schema script: the same, and schema changes.
  query,       ///< A client's query: reads.
};

/// Decides what SQL may do while it is compiled, and remembers what it refused so that the error can name it.
/// Its address is registered with the connection: it neither moves nor dies before it.
class authorizer {
public:
  authorizer() = default;
  authorizer(const authorizer&) = delete;
  authorizer& operator=(const authorizer&) = delete;

  void install(sqlite3* database) noexcept;

  /// Acts for `who` as long as it lives, and forgets what was seen before.
  class scope {
  public:
    scope(authorizer& owner, authority who) noexcept;
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;
    ~scope() { owner_.who_ = before_; }

  private:
    authorizer& owner_;
    authority before_;
  };

  /// What was refused since the last scope began.
  const std::optional<failure>& refusal() const noexcept { return refusal_; }
  /// Whether the SQL compiled since the last scope began calls `changes()`, in a trigger perhaps.
  bool saw_changes() const noexcept { return saw_changes_; }
  /// Whether the SQL compiled since the last scope began is itself one of the pragmas that are only allowed because
  /// SQLite's modules ask them while a statement on one of their tables is compiled.
  bool is_module_pragma() const noexcept { return saw_module_pragma_ && actions_ == 1; }

private:
  static int on_action(void* self, int action, const char* first, const char* second, const char* database,
                       const char* trigger) noexcept;
  int decide(int action, std::string_view first, std::string_view second);
  int decide_transaction(int action, std::string_view first, std::string_view second);
  int decide_script(int action, std::string_view first, std::string_view second);
  int decide_query(int action, std::string_view first, std::string_view second);
  int decide_pragma(std::string_view pragma, std::string_view argument);
  int decide_function(std::string_view function);
  int decide_log_read(std::string_view table);
  int refuse(std::string what, errc code = errc::not_permitted);
  int refuse_action(int action, std::string_view first, std::string_view second, errc code);

  authority who_ = authority::internal;
  bool saw_changes_ = false;
  bool saw_module_pragma_ = false;
  int actions_ = 0;
  std::optional<failure> refusal_;
};

} // namespace millrace::storage::sqlite
