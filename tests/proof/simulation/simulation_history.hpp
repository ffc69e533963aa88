#pragma once

#include <millrace/messages/health.hpp>
#include <millrace/messages/operations/quarantine.hpp>
#include <millrace/messages/outcome.hpp>
#include <millrace/messages/paging.hpp>
#include <millrace/messages/query.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

/// What was sent to a simulated engine, what it answered, and what its database held in the end.
namespace millrace::test::simulated {

using reply_content = std::variant<outcome, row_set, row_page, quarantine_listing, health_report, failure>;

/// One request and what was answered. Moments are events counted over the whole run.
struct exchange {
  struct reply {
    std::uint64_t at = 0;
    reply_content content;
  };
  std::uint64_t sent_at = 0;
  std::uint64_t cut_at = 0; ///< When the machine stopped before there was an answer; 0 where it did not.
  std::vector<reply> replies;
};

struct entry {
  std::int64_t id = 0;
  std::int64_t client = 0;
  std::int64_t number = 0;
  std::int64_t part = 0;

  friend bool operator==(const entry&, const entry&) = default;
};

/// A transaction, with all its sendings.
struct write {
  std::int64_t client = 0;
  std::int64_t number = 0;
  std::int64_t parts = 1;
  bool fails = false; ///< Whether it breaks a rule of the schema.
  bool may_be_late = false;
  bool in_order = true; ///< Whether nothing may overtake it but what was sent before.
  std::vector<std::size_t> exchanges;
  std::vector<bool> durable; ///< Of each sending, whether `ack::durable` was asked for.
};

/// A query, or a result that was read page by page.
struct read {
  std::int64_t client = 0;
  millrace::consistency consistency = consistency::any;
  std::uint64_t at_least_seq = 0;
  std::vector<std::size_t> exchanges; ///< More than one where there were pages.
};

struct history {
  std::vector<exchange> exchanges;
  std::vector<write> writes;
  std::vector<read> reads;
  std::uint64_t events = 0; ///< Requests and answers so far.
  std::uint64_t strays = 0; ///< Messages that answer nothing.
  bool clock_was_set_back = false;
  std::vector<entry> rows;             ///< In the end, by rising id.
  std::vector<std::string> complaints; ///< What the engine was caught at while it ran.
};

/// The code of an answer; `none` where it is no failure.
errc code_of(const reply_content& answer);

/// A sentence for each promise that was broken.
std::vector<std::string> check(const history& all);

} // namespace millrace::test::simulated
