#pragma once

#include <millrace/tests/support/actors/answer_recorder.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace::test {

/// One row of the table that a sequence writes to.
struct entry_row {
  std::int64_t id = 0; ///< Rises with each row, so it shows the order of application.
  std::int64_t client = 0;
  std::int64_t number = 0;
  std::int64_t part = 0; ///< From 1.

  friend bool operator==(const entry_row&, const entry_row&) = default;
};

/// One sending of a write. What it does to the table is known by (client, number): a resend has the same.
struct sent_write {
  std::size_t exchange = 0; ///< Index into the history's exchanges.
  std::int64_t client = 0;
  std::int64_t number = 0;
  std::int64_t parts = 1;
  bool named = false;
  bool fails = false;       ///< It breaks a rule of the schema.
  bool durable = false;     ///< Asks for `ack::durable`.
  bool may_be_late = false; ///< Its deadline may pass.
  bool is_late = false;     ///< Its deadline had passed when it was sent.
};

/// One sending of a query for all rows of the sequence.
struct sent_query {
  std::size_t exchange = 0;
  millrace::consistency consistency = consistency::any;
  std::uint64_t at_least_seq = 0;
};

/// All that was sent and answered, and the table as it is at last.
struct history {
  std::vector<exchange> exchanges;
  std::vector<sent_write> writes;
  std::vector<sent_query> queries;
  std::vector<entry_row> rows; ///< By rising `id`.
  std::size_t strays = 0;      ///< Messages that answered nothing.
};

/// What contradicts actors/DESIGN.md §5 and §11 in it, a sentence each: every request has exactly one answer; each
/// acknowledged write has exactly one effect, each refused one none, an unknown one none or one; named writes have one
/// effect and one outcome however often they were sent; clients' writes stand in the order they were sent; queries saw
/// one state and in it all that they had to.
std::vector<std::string> contradictions(const history& all);

/// A line for each write and query: what was sent, what was answered, what is there. For who looks into a failure.
std::string story(const history& all);

} // namespace millrace::test
