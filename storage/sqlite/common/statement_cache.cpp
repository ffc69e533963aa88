#include "statement_cache.hpp"

#include "error.hpp"
#include "index_tables.hpp"
#include "refusal.hpp"

#include <millrace/messages/limits.hpp>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace millrace::storage::sqlite {

namespace {

constexpr std::size_t bytes_max = 32 * 1024 * 1024;

} // namespace

void cached_statement::describe() {
  const int count = sqlite3_column_count(prepared.get());
  if (count == 0) {
    columns = nullptr;
    return;
  }
  std::vector<std::string> names;
  names.reserve(static_cast<std::size_t>(count));
  for (int column = 0; column < count; ++column) {
    const char* const name = sqlite3_column_name(prepared.get(), column);
    names.emplace_back(name == nullptr ? "" : name);
  }
  columns = std::make_shared<const std::vector<std::string>>(std::move(names));
}

statement_cache::statement_cache(connection& owner, authority who, int capacity)
  : owner_(&owner), who_(who), capacity_(static_cast<std::size_t>(std::max(capacity, 1))) {
  by_text_.reserve(capacity_);
}

result<cached_statement*> statement_cache::find(const std::string& sql) {
  if (const auto known = by_text_.find(sql); known != by_text_.end()) {
    if (known->second != statements_.begin()) {
      statements_.splice(statements_.begin(), statements_, known->second);
    }
    return &statements_.front();
  }
  auto compiled = compile(sql);
  if (!compiled) {
    return tl::unexpected{std::move(compiled).error()};
  }
  make_room(compiled->bytes);
  statements_.push_front(std::move(*compiled));
  try {
    by_text_.emplace(statements_.front().sql, statements_.begin());
  } catch (...) {
    statements_.pop_front();
    throw;
  }
  bytes_ += statements_.front().bytes;
  return &statements_.front();
}

void statement_cache::clear() noexcept {
  by_text_.clear();
  statements_.clear();
  bytes_ = 0;
}

/// For one more statement.
void statement_cache::make_room(std::size_t bytes) noexcept {
  while (!statements_.empty() && (statements_.size() >= capacity_ || bytes_ + bytes > bytes_max)) {
    bytes_ -= statements_.back().bytes;
    by_text_.erase(statements_.back().sql);
    statements_.pop_back();
  }
}

result<cached_statement> statement_cache::compile(const std::string& sql) {
  if (sql.size() > limits::sql_bytes_max) {
    return fail(errc::too_large, "the SQL text has " + std::to_string(sql.size()) + " bytes; at most "
                                   + std::to_string(limits::sql_bytes_max) + " are allowed");
  }
  if (sql.find('\0') != std::string::npos) {
    return fail(errc::bad_sql, "the SQL text contains a zero byte");
  }
  authorizer::scope acting{owner_->rights(), who_};
  const char* tail = nullptr;
  auto prepared = prepared_statement::prepare(owner_->get(), sql.c_str(), static_cast<int>(sql.size()) + 1, &tail);
  if (!prepared) {
    const auto& refusal = owner_->rights().refusal();
    return tl::unexpected{refusal ? *refusal : std::move(prepared).error()};
  }
  cached_statement made;
  made.prepared = std::move(*prepared);
  if (auto admitted = admit(made, tail); !admitted) {
    return tl::unexpected{std::move(admitted).error()};
  }
  made.sql = sql;
  made.parameters = sqlite3_bind_parameter_count(made.prepared.get());
  made.reads_only = sqlite3_stmt_readonly(made.prepared.get()) != 0;
  made.uses_changes = owner_->rights().saw_changes();
  made.bytes = static_cast<std::size_t>(sqlite3_stmt_status(made.prepared.get(), SQLITE_STMTSTATUS_MEMUSED, 0));
  made.sorts = who_ == authority::query && sorts(sql);
  made.describe();
  if (auto refused = who_ == authority::transaction ? index_read_refused(*owner_) : std::nullopt) {
    return tl::unexpected{*std::move(refused)};
  }
  return made;
}

bool statement_cache::sorts(const std::string& sql) const {
  auto program = prepared_statement::prepare(owner_->get(), ("EXPLAIN " + sql).c_str());
  while (program && program->step() == SQLITE_ROW) {
    const auto* const operation = reinterpret_cast<const char*>(sqlite3_column_text(program->get(), 1));
    if (operation != nullptr && std::string_view{operation} == "SorterOpen") {
      return true;
    }
  }
  return false;
}

result<> statement_cache::admit(const cached_statement& candidate, const char* tail) {
  auto* const handle = candidate.prepared.get();
  if (handle == nullptr) {
    return fail(errc::bad_sql, "the SQL text is empty");
  }
  const auto& rights = owner_->rights();
  const bool explains = sqlite3_stmt_isexplain(handle) != 0;
  if (rights.is_module_pragma()) {
    return tl::unexpected{module_pragma_refused(who_)};
  }
  if (rights.is_vacuum(handle)) {
    return tl::unexpected{vacuum_refused()};
  }
  if (who_ == authority::query && sqlite3_stmt_readonly(handle) == 0 && !explains) {
    return fail(errc::not_a_query, rights.change());
  }
  if (who_ == authority::transaction && explains) {
    return fail(errc::not_permitted, "EXPLAIN: its answer depends on SQLite's version; ask it as a query");
  }
  // Comments and spaces may follow, so what follows is compiled too.
  while (*tail != '\0') {
    const auto rest = prepared_statement::prepare(owner_->get(), tail, -1, &tail);
    if (!rest && !is_outcome(rest.error().code)) {
      return tl::unexpected{rest.error()};
    }
    if (!rest || rest->get() != nullptr) {
      return fail(errc::bad_sql, "one statement at a time: a second one follows the first");
    }
  }
  return {};
}

} // namespace millrace::storage::sqlite
