#pragma once

#include <millrace/messages/error.hpp>
#include <millrace/messages/query.hpp>
#include <millrace/messages/transaction.hpp>
#include <millrace/tests/support/line_file.hpp>

#include <compare>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

/// What clients saw: a line for each request before it is sent and for each answer after it came. It is written outside
/// of the engine and in the order in which it happened, so an answer that stands before a request was there before it.
namespace millrace::test::histories {

/// One operation of a logical client, and the value that it appends. A client begins its next operation when it knows
/// what became of the last one; where that stays unknown it never continues.
struct operation_id {
  std::uint32_t client = 0;
  std::uint32_t number = 0; ///< Rises within the client.

  auto operator<=>(const operation_id&) const = default;
};

std::string to_string(const operation_id& who);

enum class action : std::uint8_t {
  append,   ///< Appends its value to a list.
  transfer, ///< Moves an amount from one account to another, and appends its value to list 0.
  refused,  ///< Would append its value and then breaks a constraint.
  read,     ///< Reads a list.
  sum,      ///< Reads the sum of all accounts.
  impostor, ///< Would append its value under the name of the client's operation before it, which was acknowledged.
};

enum class event_kind : std::uint8_t {
  invoke, ///< A request is about to be sent. Again where a named transaction is sent again.
  ok,
  fail, ///< Answered: it had no effect.
  info, ///< Answered: nobody knows.
};

struct event {
  event_kind kind = event_kind::invoke;
  operation_id who;

  // Of an invoke.
  histories::action action = histories::action::append;
  std::uint64_t list = 0;
  ack acknowledgement = ack::applied;
  consistency level = consistency::any;
  bool named = false;

  std::uint64_t seq = 0;            ///< Of an `at_least` query's invoke, or of a transaction's ok.
  std::vector<operation_id> values; ///< Of an ok: the list read, or what a transaction that is applied returned.
  std::int64_t total = 0;           ///< Of an ok of `sum`.
  errc why = errc::none;            ///< Of fail and info.

  friend bool operator==(const event&, const event&) = default;
};

std::string to_line(const event& what);

/// Writes to the end of a file, one write(2) for each event, so that what is written outlives the process. Any thread.
class history_writer {
public:
  explicit history_writer(const std::filesystem::path& file) : lines_(file) {}

  void add(const event& what) const;

private:
  line_file lines_;
};

/// All events of a file, or none where there is no file. A line that its writer could not finish is left out.
std::vector<event> read_history(const std::filesystem::path& file);

} // namespace millrace::test::histories

template <>
struct std::hash<millrace::test::histories::operation_id> {
  std::size_t operator()(const millrace::test::histories::operation_id& who) const noexcept {
    return std::hash<std::uint64_t>{}(std::uint64_t{who.client} << 32 | who.number);
  }
};
