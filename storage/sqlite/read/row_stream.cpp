#include "row_stream.hpp"

#include <millrace/storage/sqlite/common/rows.hpp>

namespace millrace::storage::sqlite {

namespace {

int repreparations(sqlite3_stmt* statement) noexcept {
  return sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_REPREPARE, 0);
}

} // namespace

int row_stream::take(std::uint32_t most, row_set& into) {
  // What SQLite compiles by itself while this runs (a schema that changed, a full-text table) is the query's too.
  authorizer::scope acting{owner_->rights(), authority::query};
  begin();
  auto& prepared = source_->prepared;
  into = row_set{source_->columns};
  while (code_ == SQLITE_ROW && into.size() < most && append_row(prepared.get(), into)) {
    code_ = prepared.step();
  }
  return code_;
}

int row_stream::skip(std::uint64_t count) {
  authorizer::scope acting{owner_->rights(), authority::query};
  begin();
  for (; code_ == SQLITE_ROW && count > 0; --count) {
    code_ = source_->prepared.step();
  }
  return code_;
}

/// The first step, at which SQLite compiles a statement anew where the schema changed.
void row_stream::begin() {
  if (begun_) {
    return;
  }
  begun_ = true;
  auto& prepared = source_->prepared;
  const int compiled_before = repreparations(prepared.get());
  code_ = prepared.step();
  if (repreparations(prepared.get()) != compiled_before) {
    source_->describe();
  }
}

} // namespace millrace::storage::sqlite
