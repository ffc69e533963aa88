#include "identity.hpp"

#include "connection.hpp"
#include "error.hpp"
#include "meta.hpp"
#include "outcome_record.hpp"
#include "prepared_statement.hpp"
#include "rows.hpp"
#include "whose_file.hpp"

#include <millrace/storage/base/failpoint.hpp>
#include <millrace/storage/base/system_error.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace millrace::storage::sqlite {

namespace {

tl::unexpected<failure> refuse(const std::filesystem::path& file, int error) {
  return fail(code_of_system_error(error), file.string() + ": " + system_words(error, file));
}

/// Makes the file with the right mode, whatever the umask is; SQLite gives its log and shared memory the same. One that
/// exists is not opened: closing it would drop the locks that this process has on it (SQLite: howtocorrupt.html §2.2).
result<> make_file(const std::filesystem::path& file) {
  const int made = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const bool exists = made < 0 && errno == EEXIST;
  if (made < 0 && !exists) {
    return refuse(file, errno);
  }
  if (exists) {
    return {};
  }
  const bool done = ::fchmod(made, 0600) == 0;
  ::close(made);
  failpoint("database.file_made");
  return done ? result<>{} : refuse(file, errno);
}

result<uuid> random_uuid() {
  uuid id{};
  if (::getrandom(id.data(), id.size(), 0) != static_cast<ssize_t>(id.size())) {
    return fail(errc::io_error, "no random numbers: " + std::generic_category().message(errno));
  }
  // Version 4, variant 1 (RFC 4122 §4.4).
  id[6] = static_cast<std::uint8_t>((id[6] & 0x0f) | 0x40);
  id[8] = static_cast<std::uint8_t>((id[8] & 0x3f) | 0x80);
  return id;
}

result<> create_tables(connection& database) {
  const auto id = random_uuid();
  if (!id) {
    return tl::unexpected{id.error()};
  }
  if (auto done = database.execute(meta::create); !done) {
    return done;
  }
  auto insert = prepared_statement::prepare(
    database.get(), "INSERT INTO millrace_meta(id, format_version, uuid, applied_seq) VALUES (1, 1, ?1, 0)");
  if (!insert) {
    return tl::unexpected{std::move(insert).error()};
  }
  sqlite3_bind_blob(insert->get(), 1, id->data(), static_cast<int>(id->size()), SQLITE_STATIC);
  const int code = insert->run();
  return code == SQLITE_OK ? result<>{} : tl::unexpected{failure_of(database.get(), code)};
}

/// Makes the tables that are missing, all in one step. Under the write lock, because another process may just do the
/// same.
result<> bring_up_to_date(connection& database) {
  if (auto done = database.execute("BEGIN IMMEDIATE"); !done) {
    return done;
  }
  // A connection that is closed rolls back, so errors may simply return.
  const auto format = format_of(database.get());
  if (!format) {
    return tl::unexpected{format.error()};
  }
  if (*format == 0) {
    if (auto done = create_tables(database); !done) {
      return done;
    }
  }
  for (const auto& [made, upgrade] : {std::pair{2, meta::upgrade_to_2}, std::pair{3, meta::upgrade_to_3},
                                      std::pair{4, meta::upgrade_to_4}, std::pair{5, meta::upgrade_to_5}}) {
    if (*format < made) {
      if (auto done = database.execute(upgrade); !done) {
        return done;
      }
    }
  }
  failpoint("database.tables_made");
  return database.execute("COMMIT");
}

result<> read_names(connection& database, std::vector<recorded_name>& into) {
  auto records = prepared_statement::prepare(
    database.get(),
    "SELECT first_seq, outcomes, accept_time_ms, contents FROM millrace_outcomes "
    "ORDER BY first_seq");
  if (!records) {
    return tl::unexpected{std::move(records).error()};
  }
  int code = records->step();
  for (; code == SQLITE_ROW; code = records->step()) {
    const auto first_seq = static_cast<std::uint64_t>(sqlite3_column_int64(records->get(), 0));
    const auto accepted_ms = sqlite3_column_int64(records->get(), 2);
    outcome_record_reader record{first_seq, blob_at(records->get(), 1)};
    byte_reader contents{blob_at(records->get(), 3)};
    const bool known = contents.left() > 0;
    while (const auto entry = record.next()) {
      const auto content = known ? contents.fixed<std::uint64_t>() : 0;
      into.push_back({.name = entry->name, .seq = entry->seq, .accepted_ms = accepted_ms, .content = content});
    }
    if (!record.ok() || !contents.ok() || contents.left() > 0) {
      return fail(errc::corrupt, "the outcomes recorded from seq " + std::to_string(first_seq) + " on are damaged");
    }
  }
  return code == SQLITE_DONE ? result<>{} : tl::unexpected{failure_of(database.get(), code)};
}

result<database_identity> read_identity(connection& database) {
  auto meta = prepared_statement::prepare(
    database.get(), "SELECT applied_seq, uuid, forgotten_upto, applied_chain FROM millrace_meta WHERE id = 1");
  auto scripts = prepared_statement::prepare(database.get(),
                                             "SELECT name, seq, sql_hash FROM millrace_schema "
                                             "ORDER BY seq");
  if (!meta || !scripts) {
    return tl::unexpected{!meta ? meta.error() : scripts.error()};
  }
  database_identity identity;
  int code = meta->step();
  if (code != SQLITE_ROW && code != SQLITE_DONE) {
    return tl::unexpected{failure_of(database.get(), code)};
  }
  if (code == SQLITE_DONE || sqlite3_column_bytes(meta->get(), 1) != static_cast<int>(identity.id.size())) {
    return fail(errc::corrupt, "the database does not hold its identity");
  }
  identity.applied = {static_cast<std::uint64_t>(sqlite3_column_int64(meta->get(), 0)),
                      static_cast<std::uint64_t>(sqlite3_column_int64(meta->get(), 3))};
  std::memcpy(identity.id.data(), sqlite3_column_blob(meta->get(), 1), identity.id.size());
  identity.forgotten_upto = static_cast<std::uint64_t>(sqlite3_column_int64(meta->get(), 2));
  code = scripts->step();
  for (; code == SQLITE_ROW; code = scripts->step()) {
    const auto* const name = reinterpret_cast<const char*>(sqlite3_column_text(scripts->get(), 0));
    identity.scripts.push_back({.name = name == nullptr ? "" : name,
                                .seq = static_cast<std::uint64_t>(sqlite3_column_int64(scripts->get(), 1)),
                                .sql_hash = static_cast<std::uint64_t>(sqlite3_column_int64(scripts->get(), 2))});
  }
  if (code != SQLITE_DONE) {
    return tl::unexpected{failure_of(database.get(), code)};
  }
  if (auto named = read_names(database, identity.names); !named) {
    return tl::unexpected{std::move(named).error()};
  }
  return identity;
}

result<database_identity> prepare(connection& database, bool create) {
  // Recovery decides what is moved and when; this only looks.
  database.abandon();
  const auto format = format_of(database.get());
  if (!format) {
    return tl::unexpected{format.error()};
  }
  if (*format == 0 && !create) {
    return fail(errc::database_gone, "the file is empty");
  }
  // The log is synced and bears this database's identity: neither a power loss nor the loss of SQLite's log may leave
  // it without one. So the tables of a new database are made before it is in WAL mode.
  auto done = database.execute("PRAGMA synchronous = EXTRA");
  if (done && *format < meta::format_version) {
    done = bring_up_to_date(database);
  }
  if (done) {
    // A database of something else is left as it is, so this comes after the look.
    done = database.execute("PRAGMA journal_mode = WAL");
    failpoint("database.in_wal_mode");
  }
  return done ? read_identity(database) : tl::unexpected{std::move(done).error()};
}

} // namespace

result<database_identity> prepare_file(const settings& chosen, bool create) {
  const auto& file = chosen.file;
  if (create) {
    if (auto made = make_file(file); !made) {
      return tl::unexpected{std::move(made).error()};
    }
  } else if (::access(file.c_str(), F_OK) != 0 && errno == ENOENT) {
    return fail(errc::database_gone, file.string() + " is missing");
  }
  // SQLite removes the log beside a file that is empty, and that may hold what nothing else does.
  std::error_code unknown;
  if (!create && std::filesystem::file_size(file, unknown) == 0) {
    return fail(errc::database_gone, file.string() + ": the file is empty");
  }
  const auto ours = look_at_file_alone(file, chosen.identity);
  if (!ours) {
    return tl::unexpected{ours.error()};
  }
  if (create && *ours) {
    ::chmod(file.c_str(), 0600); // Whoever put it there may have given it another.
  }
  // SQLite tells that it cannot open the file, and not whose it is.
  if (::faccessat(AT_FDCWD, file.c_str(), R_OK | W_OK, AT_EACCESS) != 0) {
    return refuse(file, errno);
  }
  auto any = chosen;
  any.identity.reset();
  auto database = connection::open(any, role::writer);
  if (!database) {
    return tl::unexpected{std::move(database).error()};
  }
  auto identity = prepare(*database, create);
  if (!identity) {
    identity.error().detail = file.string() + ": " + identity.error().detail;
  }
  return identity;
}

} // namespace millrace::storage::sqlite
