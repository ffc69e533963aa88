#pragma once

#include "authority.hpp"

#include <millrace/messages/error.hpp>

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sqlite3.h>

namespace millrace::storage::sqlite {

/// What frames a schema script as other programs write it, and does nothing in one of ours: a script is a transaction
/// already, and foreign keys are always looked at. `PRAGMA foreign_key_check` has them looked at there and then.
enum class script_frame : std::uint8_t { none, begin, commit, foreign_keys_off, foreign_keys_on, foreign_key_check };

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

  /// What was refused since the last scope began. Throws what kept it from being put into words, such as a lack of
  /// memory.
  const std::optional<failure>& refusal() const;
  /// Whether the SQL compiled since the last scope began calls `changes()`, in a trigger perhaps.
  bool saw_changes() const noexcept { return saw_changes_; }
  /// Whether the SQL compiled since the last scope began is itself one of the pragmas that are only allowed because
  /// SQLite's modules ask them while a statement on one of their tables is compiled.
  bool is_module_pragma() const noexcept { return saw_module_pragma_ && actions_ == 1; }

  /// What the SQL of a query compiled since the last scope began would change, were it run: `INSERT INTO t`; empty
  /// where it only reads. SQLite compiles what is only to be explained like everything else, so whoever runs it must
  /// look.
  const std::string& change() const noexcept { return change_; }
  /// Tables read by the SQL compiled since the last scope began that by their names may be the indexes of full-text
  /// tables.
  const std::vector<std::string>& indexes_read() const noexcept { return indexes_read_; }
  /// Tables that the SQL compiled since the last scope began drops.
  const std::vector<std::string>& drops() const noexcept { return drops_; }
  /// What of a script's frame the SQL compiled since the last scope began is. It was compiled to nothing.
  script_frame frame() const noexcept { return frame_; }
  /// Whether `compiled`, the SQL compiled since the last scope began, is VACUUM: all else that writes is asked about.
  bool is_vacuum(sqlite3_stmt* compiled) const noexcept;

private:
  static int on_action(void* self, int action, const char* first, const char* second, const char* database,
                       const char* trigger) noexcept;
  int decide(int action, std::string_view first, std::string_view second, std::string_view database);
  int decide_transaction(int action, std::string_view first, std::string_view second);
  int decide_script(int action, std::string_view first, std::string_view second, std::string_view database);
  int decide_seed(int action, std::string_view first, std::string_view second, std::string_view database);
  int decide_query(int action, std::string_view first, std::string_view second);
  int decide_pragma(std::string_view pragma, std::string_view argument);
  int decide_function(std::string_view function);
  int decide_log_read(std::string_view table, std::string_view column);
  int decide_read(std::string_view table);
  int note_frame(script_frame seen) noexcept;
  int refuse(std::string_view what, std::string_view why);
  int refuse_action(int action, std::string_view first, std::string_view second);

  authority who_ = authority::internal;
  bool saw_changes_ = false;
  bool saw_module_pragma_ = false;
  int actions_ = 0;
  bool alters_ = false;     ///< Whether the SQL compiled since the last scope began is ALTER TABLE.
  bool moves_page_ = false; ///< Whether the last action was that a schema table gets the page on which a table begins.
  std::string trigger_;     ///< That the SQL makes.
  std::string change_;
  std::vector<std::string> indexes_read_;
  std::vector<std::string> drops_;
  script_frame frame_ = script_frame::none;
  std::optional<failure> refusal_;
  std::exception_ptr trouble_; ///< An exception must not pass through SQLite.
};

} // namespace millrace::storage::sqlite
