#pragma once

#include <millrace/messages/operations/quarantine.hpp>
#include <millrace/messages/paging.hpp>
#include <millrace/messages/query.hpp>
#include <millrace/messages/transaction.hpp>

#include <random>
#include <variant>

namespace millrace::test::guests {

/// The tables that hostile requests know: of 1,000 rows, full-text, and with a trigger that fires itself.
inline constexpr auto hostile_schema =
  "CREATE TABLE heap(id INTEGER PRIMARY KEY, k INTEGER, v);"
  "CREATE VIRTUAL TABLE docs USING fts5(body);"
  "INSERT INTO docs(docs, rank) VALUES ('automerge', 0);"
  "CREATE TABLE ping(n INTEGER);"
  "CREATE TRIGGER pong AFTER INSERT ON ping WHEN new.n > 0 BEGIN"
  " INSERT INTO ping VALUES (new.n - 1); INSERT INTO ping VALUES (new.n - 1); END;"
  "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000)"
  " INSERT INTO heap(k, v) SELECT n, hex(zeroblob(200)) FROM c";

using hostile_request = std::variant<query, page_query, transaction, quarantine_list>;

/// What a role lets somebody do who wishes others ill: take memory, time, disk, stack or readers, and ask for what is
/// not theirs. It keeps off the tables of others, which a program that may write may empty.
class hostile_requests {
public:
  enum class rights : std::uint8_t { read, write, operate };

  hostile_requests(rights may, std::uint64_t seed) : may_(may), random_(seed) {}

  hostile_request next();

private:
  std::size_t below(std::size_t end) { return random_() % end; }
  std::string bytes(std::size_t least, std::size_t most);
  query ask();
  transaction change();

  rights may_;
  std::mt19937_64 random_;
};

} // namespace millrace::test::guests
