#include "quarantine_table.hpp"

#include "bind.hpp"
#include "error.hpp"
#include "rows.hpp"

#include <millrace/storage/base/failpoint.hpp>
#include <millrace/storage/codec/codec.hpp>

#include <string>
#include <utility>

namespace millrace::storage::sqlite {

result<quarantine_table> quarantine_table::make(connection& owner) {
  quarantine_table made{owner};
  const std::pair<prepared_statement*, const char*> statements[] = {
    {&made.insert_,
     "INSERT INTO millrace_quarantine(seq, accept_time_ms, deaths, record, reason) VALUES (?1, ?2, ?3, ?4, ?5)"},
    {&made.remove_, "DELETE FROM millrace_quarantine WHERE seq = ?1 RETURNING record"},
    {&made.count_, "SELECT count(*) FROM millrace_quarantine WHERE seq > 0"},
  };
  for (const auto& [place, sql] : statements) {
    auto compiled = prepared_statement::prepare(owner.get(), sql);
    if (!compiled) {
      return tl::unexpected{std::move(compiled).error()};
    }
    *place = std::move(*compiled);
  }
  if (auto done = made.count(); !done) {
    return tl::unexpected{std::move(done).error()};
  }
  made.committed();
  return made;
}

result<> quarantine_table::put(const skipped_work& order, std::int64_t accept_time_ms, const work& item) {
  encoder_dictionary texts;
  record_.clear();
  if (auto done = encode(record_, texts, item); !done) {
    return done;
  }
  changed_ = true;
  auto* const insert = insert_.get();
  sqlite3_bind_int64(insert, 1, static_cast<sqlite3_int64>(order.seq));
  sqlite3_bind_int64(insert, 2, accept_time_ms);
  sqlite3_bind_int64(insert, 3, order.deaths);
  int code = sqlite3_bind_blob64(insert, 4, record_.view().data(), record_.size(), SQLITE_STATIC);
  bind_to(insert_, 5, order.reason);
  code = code == SQLITE_OK ? insert_.run() : code;
  failpoint("quarantine.put");
  return code == SQLITE_OK ? result<>{} : tl::unexpected{failure_of(owner_->get(), code)};
}

result<work> quarantine_table::take(std::uint64_t seq) {
  changed_ = true;
  reset_at_end guard{remove_};
  sqlite3_bind_int64(remove_.get(), 1, static_cast<sqlite3_int64>(seq));
  int code = remove_.step();
  if (code == SQLITE_DONE) {
    return fail(errc::not_found, "seq " + std::to_string(seq) + " is not in quarantine");
  }
  failpoint("quarantine.taken");
  auto item = code == SQLITE_ROW ? decode_quarantined(seq, blob_at(remove_.get(), 0)) : work{};
  code = code == SQLITE_ROW ? remove_.step() : code;
  if (code != SQLITE_DONE) {
    return tl::unexpected{failure_of(owner_->get(), code)};
  }
  return item;
}

result<> quarantine_table::count() {
  if (!changed_) {
    return {};
  }
  const auto number = count_.run_for_number();
  if (!number) {
    return tl::unexpected{number.error()};
  }
  counted_ = static_cast<std::uint64_t>(*number);
  return {};
}

void quarantine_table::committed() noexcept {
  size_ = counted_;
  changed_ = false;
}

result<work> decode_quarantined(std::uint64_t seq, std::string_view record) {
  byte_reader in{record};
  const auto body = in.text(record.size());
  decoder_dictionary texts;
  auto item = decode(body, texts);
  if (!item) {
    return fail(errc::malformed,
                "the quarantined transaction of seq " + std::to_string(seq) + " is damaged: " + item.error().detail);
  }
  return item;
}

} // namespace millrace::storage::sqlite
