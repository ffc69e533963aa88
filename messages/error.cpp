#include "error.hpp"

#include <algorithm>
#include <array>

namespace millrace {

namespace {

struct entry {
  errc code;
  std::string_view name;
  error_kind kind;
  std::string_view sentence;
};

using enum error_kind;

constexpr std::array table{
  entry{errc::none, "none", rejected, "Nothing is wrong."},
  entry{errc::bad_sql, "bad_sql", rejected, "The database does not understand this SQL; correct the statement."},
  entry{errc::parameter_mismatch, "parameter_mismatch", rejected,
        "The parameters do not fit the statement; give exactly one value for each."},
  entry{errc::constraint, "constraint", rejected,
        "The transaction breaks a rule of the schema, so nothing of it was kept."},
  entry{errc::row_count_mismatch, "row_count_mismatch", rejected,
        "Another number of rows changed than was expected, so nothing was kept; read again and retry."},
  entry{errc::not_permitted, "not_permitted", rejected,
        "This SQL is not allowed here, so nothing was done; the detail says what of it, and why."},
  entry{errc::too_large, "too_large", rejected, "The request is larger than the limits allow; split it."},
  entry{errc::malformed, "malformed", rejected, "The request is not well formed."},
  entry{errc::deadline_exceeded, "deadline_exceeded", rejected,
        "The deadline passed before the work was done; it had no effect."},
  entry{errc::not_a_query, "not_a_query", rejected,
        "A query may only read; send what changes the database as a transaction."},
  entry{errc::value_type, "value_type", rejected, "A value has the wrong type for its place."},
  entry{errc::quarantined, "quarantined", rejected,
        "The transaction could not be applied though others could, so it was set aside; look at it, then resubmit or "
        "discard it."},
  entry{errc::not_found, "not_found", rejected, "There is nothing under this number."},
  entry{errc::wrong_role, "wrong_role", rejected,
        "The server does not let this program do that; connect where its role allows it."},
  entry{errc::version_mismatch, "version_mismatch", rejected,
        "The server and this program speak no version in common; use releases that do."},
  entry{errc::name_taken, "name_taken", rejected,
        "This number of the client was given to another transaction; nothing of this one took effect, so send it under "
        "a number, or a client's id, that nobody has used."},
  entry{errc::schema_conflict, "schema_conflict", rejected,
        "The schema is not in the state that the change was made for; look at it again."},
  entry{errc::over_budget, "over_budget", rejected,
        "This needs more than one query or transaction may take; make it smaller, or split it."},
  entry{errc::out_of_step, "out_of_step", rejected,
        "A full-text or R-tree table does not agree with what it indexes; rebuild it."},
  entry{errc::overloaded, "overloaded", retryable, "There is no room for more work now; try again a little later."},
  entry{errc::unavailable, "unavailable", retryable,
        "The part of the engine that does this is being restarted, or cannot be reached; try again."},
  entry{errc::shutting_down, "shutting_down", retryable, "The engine is closing and takes no new work."},
  entry{errc::reader_failed, "reader_failed", retryable, "The reader that ran the query failed; send it again."},
  entry{errc::locked, "locked", retryable, "Another process holds the database's lock; try again."},
  entry{errc::disk_full, "disk_full", retryable, "The disk is full; make room, then try again."},
  entry{errc::io_error, "io_error", retryable,
        "Reading or writing a file failed; look at the disk, and whether this user may use the file."},
  entry{errc::breaker_open, "breaker_open", retryable,
        "Too much has failed lately, so this is refused for a moment; try again a little later."},
  entry{errc::lease_expired, "lease_expired", retryable,
        "The query read for so long that the database's log could not be emptied, or that others had to wait; make it "
        "shorter."},
  entry{errc::cursor_lost, "cursor_lost", retryable,
        "The state that these pages came from is gone; start again from the first page."},
  entry{errc::database_gone, "database_gone", retryable,
        "The database file was moved, removed or replaced while it was in use; put it back, the work then goes on by "
        "itself."},
  entry{
    errc::out_of_memory, "out_of_memory", retryable,
    "The machine has no memory left for this; end what else takes it, or let caches and readers be smaller, then try "
    "again."},
  entry{errc::outcome_unknown, "outcome_unknown", unknown,
        "Whether this took effect is not known; look before sending it again."},
  entry{errc::name_forgotten, "name_forgotten", unknown,
        "The transaction was sent so long ago that its outcome is no longer recorded; look whether it took effect."},
  entry{errc::folder_missing, "folder_missing", rejected,
        "There is no data folder of this name, and none may be made; name one that there is."},
  entry{
    errc::folder_not_writable, "folder_not_writable", rejected,
    "This user may not use the data folder, or a file in it; run this as its owner, or give this user the right to."},
  entry{errc::folder_locked, "folder_locked", retryable,
        "Another process uses the data folder; stop it, or use another folder."},
  entry{errc::folder_foreign, "folder_foreign", rejected,
        "The folder holds something that is not Millrace's; name an empty or a Millrace folder."},
  entry{errc::folder_newer, "folder_newer", rejected,
        "A newer version of Millrace wrote this folder; open it with that version."},
  entry{errc::folder_damaged, "folder_damaged", rejected, "The data folder is incomplete; restore it from a backup."},
  entry{errc::schema_changed, "schema_changed", rejected,
        "A schema script changed after it was applied; restore its text and add a new script instead."},
  entry{errc::corrupt, "corrupt", rejected, "Stored data is damaged; nothing was skipped, restore from a backup."},
  entry{errc::file_not_found, "file_not_found", rejected, "The file does not exist."},
  entry{errc::bad_option, "bad_option", rejected, "An option has a value that cannot be used."},
};

constexpr entry stranger{errc::none, "unknown_code", unknown,
                         "A newer version sent an error that this version does not know."};

const entry& find(errc code) noexcept {
  const auto* found = std::ranges::find(table, code, &entry::code);
  return found == table.end() ? stranger : *found;
}

} // namespace

std::string_view name(errc code) noexcept {
  return find(code).name;
}

std::string_view sentence(errc code) noexcept {
  return find(code).sentence;
}

error_kind kind(errc code) noexcept {
  return find(code).kind;
}

std::string to_string(const failure& error) {
  std::string text{sentence(error.code)};
  if (!error.detail.empty()) {
    text += " (" + error.detail + ")";
  }
  return text;
}

} // namespace millrace
