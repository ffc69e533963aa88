#pragma once

#include "statement.hpp"
#include "uuid.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

/// When a transaction is answered.
enum class ack : std::uint8_t {
  /// Its effect is committed and visible to readers; the outcome carries the statements' results.
  applied,
  /// It is synced in the write-ahead queue and will be applied; the outcome carries only its `seq`.
  durable,
};

/// What a failure inside a group does.
enum class on_error : std::uint8_t {
  /// The whole transaction fails.
  abort_transaction,
  /// The group alone is rolled back; what follows it goes on.
  continue_after,
};

/// A range of statements inside a savepoint of its own. Groups nest or stand apart, they never overlap.
struct group {
  std::uint32_t first = 0; ///< Index of the first statement.
  std::uint32_t count = 0; ///< How many statements belong to it.
  on_error policy = on_error::abort_transaction;

  friend bool operator==(const group&, const group&) = default;
};

/// What a client calls one of its transactions, so that it may send it again when it does not know what became of it:
/// the engine applies it once and answers every resend with the outcome that it recorded, through restarts of actors
/// and of the process, within a window (`outcome_window`); beyond that it answers `name_forgotten`.
struct transaction_name {
  /// From the engine (`client_id_request`). One of the program's own serves as long as the engine has forgotten
  /// nothing.
  uuid client{};
  std::uint64_t number = 0; ///< Rises with each transaction of the client; 0 means that the transaction has no name.

  bool given() const noexcept { return number != 0; }
  friend bool operator==(const transaction_name&, const transaction_name&) = default;
};

/// Asks an engine for the id of a new client.
struct client_id_request {
  friend bool operator==(const client_id_request&, const client_id_request&) = default;
};

/// An id that no other client has. It carries the last `seq` that was durable then (`issued_at_seq`), so the engine
/// knows: there is no outcome of this client up to that one.
struct client_id {
  uuid id{};

  friend bool operator==(const client_id&, const client_id&) = default;
};

/// What goes first when there is much to do.
enum class priority : std::uint8_t {
  bulk,
  /// Overtakes bulk work that is not accepted yet, and is admitted when that is refused.
  operations,
};

/// A typed message that changes the database: atomic, never interactive, serialisable by construction because a
/// single writer applies all of them in the order of their sequence numbers.
struct transaction {
  std::vector<statement> statements{};
  /// Outer groups before the groups inside them.
  std::vector<group> groups{};
  ack acknowledgement = ack::applied;
  /// How long the transaction may wait before it is tried, from when the front takes it; zero means no deadline. One
  /// that has passed it is answered `deadline_exceeded` and had no effect.
  std::chrono::milliseconds deadline{0};
  transaction_name name{};
  millrace::priority priority = millrace::priority::bulk;

  template <parameter... Ts>
  transaction& add(std::string_view sql, Ts&&... parameters) & {
    statements.push_back(make_statement(sql, std::forward<Ts>(parameters)...));
    return *this;
  }
  template <parameter... Ts>
  transaction&& add(std::string_view sql, Ts&&... parameters) && {
    return std::move(add(sql, std::forward<Ts>(parameters)...));
  }

  /// Demands that the statement added last changes exactly `rows` rows. Throws `std::logic_error` before the first
  /// `add`, and for less than no row.
  transaction& expect_rows(std::int64_t rows) &;
  transaction&& expect_rows(std::int64_t rows) && { return std::move(expect_rows(rows)); }

  /// Puts what `fill(transaction&)` adds into a savepoint group.
  template <class Fill>
  transaction& in_group(on_error policy, Fill&& fill) & {
    const auto position = groups.size();
    const auto first = static_cast<std::uint32_t>(statements.size());
    groups.push_back({first, 0, policy});
    std::forward<Fill>(fill)(*this);
    groups[position].count = static_cast<std::uint32_t>(statements.size()) - first;
    return *this;
  }
  template <class Fill>
  transaction&& in_group(on_error policy, Fill&& fill) && {
    return std::move(in_group(policy, std::forward<Fill>(fill)));
  }

  friend bool operator==(const transaction&, const transaction&) = default;
};

/// A transaction of one statement: `execute("INSERT INTO idea(title, score) VALUES (?1, ?2)", "Solar kettle", 8.5)`.
template <parameter... Ts>
transaction execute(std::string_view sql, Ts&&... parameters) {
  transaction result;
  result.add(sql, std::forward<Ts>(parameters)...);
  return result;
}

/// How deep a transaction's groups lie inside each other, 0 where it has none; nothing where they leave the
/// transaction, overlap, or do not stand in order.
std::optional<std::size_t> group_depth(const transaction& work);

/// The bytes that a transaction's texts and values take; what admission counts and limits bound.
inline std::size_t payload_bytes(const transaction& work) noexcept {
  std::size_t bytes = 0;
  for (const auto& step : work.statements) {
    bytes += payload_bytes(step);
  }
  return bytes;
}

/// A script of DDL (and data) that is applied once under its name. It travels through the log like a transaction.
struct schema_script {
  std::string name{};
  std::string sql{};

  friend bool operator==(const schema_script&, const schema_script&) = default;
};

} // namespace millrace
