#include "writer.hpp"

#include <millrace/storage/base/failpoint.hpp>

#include <string>
#include <utility>

/// What others may have done to the writer's database, and what the machine does for Millrace itself.
namespace millrace::storage::sqlite {

/// After some failures SQLite tells what it rolled back itself like somebody else's commit. Nobody else could commit
/// before the rollback.
void writer::forget_own_rollback() {
  if (const auto version = read_data_version_.run_for_number()) {
    data_version_ = *version;
  }
}

/// What others may have done since the last commit. Where they put back a copy, by SQLite's own means, what it lacks
/// must be applied again, and nothing of that be taken for checkpointed.
result<> writer::look_around() {
  if (auto trouble = guard_.trouble()) {
    return tl::unexpected{give_up_connection(std::move(*trouble))};
  }
  const auto version = read_data_version_.run_for_number();
  if (!version) {
    return tl::unexpected{version.error()};
  }
  if (*version == data_version_) {
    return {};
  }
  const auto found = read_position();
  if (!found) {
    return tl::unexpected{found.error()};
  }
  if (*found != applied()) {
    const auto other = found->seq == applied_seq_ ? std::string{", of another history"}
                                                  : ", instead of " + std::to_string(applied_seq_);
    return tl::unexpected{
      give_up_connection({errc::database_gone, "somebody put a copy in its place that holds what was applied up to seq "
                                                 + std::to_string(found->seq) + other})};
  }
  if (auto looked = functions_.find_full_tables(); !looked) {
    return looked;
  }
  data_version_ = *version;
  foreign_commit_ = true;
  schema_in_doubt_ = true;
  return {};
}

/// From now on the connection does nothing; closing it writes nothing either.
failure writer::give_up_connection(failure reason) {
  database_.abandon();
  useless_ = reason;
  return reason;
}

tl::expected<void, trouble> writer::probe(std::uint64_t bytes) {
  const auto inside = enter();
  if (!inside) {
    return tl::unexpected{in_trouble(*useless_)};
  }
  if (auto ready = look_around(); !ready) {
    return tl::unexpected{in_trouble(std::move(ready).error())};
  }
  const auto put =
    "INSERT OR REPLACE INTO millrace_quarantine(seq, accept_time_ms, deaths, record) VALUES (0, 0, 0, "
    "zeroblob("
    + std::to_string(bytes) + "))";
  const auto done = database_.execute(put.c_str()).and_then([this] {
    failpoint("probe.committed");
    return database_.execute("DELETE FROM millrace_quarantine WHERE seq = 0");
  });
  if (!done) {
    return tl::unexpected{
      in_trouble(done.error().code == errc::locked ? done.error() : give_up_connection(done.error()))};
  }
  return {};
}

} // namespace millrace::storage::sqlite
