#include "hostile_requests.hpp"

#include <millrace/messages/limits.hpp>
#include <millrace/tests/support/storage/nesting.hpp>

#include <array>
#include <string>

namespace millrace::test::guests {

namespace {

constexpr auto endless = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) ";

std::string twice(std::string text, std::size_t times) {
  std::string sql = "WITH t0(x) AS (SELECT " + std::move(text) + ")";
  for (std::size_t i = 0; i < times; ++i) {
    const auto before = "t" + std::to_string(i);
    sql += ",t" + std::to_string(i + 1) + "(x) AS (SELECT a.x||b.x FROM " + before + " a," + before + " b)";
  }
  return sql + " SELECT length(x) FROM t" + std::to_string(times);
}

std::string wide(const std::string& column, std::size_t times) {
  std::string sql = "SELECT " + column;
  for (std::size_t i = 1; i < times; ++i) {
    sql += "," + column;
  }
  return sql;
}

} // namespace

/// So many bytes, as SQL.
std::string hostile_requests::bytes(std::size_t least, std::size_t most) {
  return "hex(zeroblob(" + std::to_string((least + below(most - least)) / 2) + "))";
}

query hostile_requests::ask() {
  static constexpr std::array forbidden{"SELECT * FROM millrace_outcomes",
                                        "SELECT * FROM millrace_quarantine",
                                        "SELECT * FROM sqlite_stmt",
                                        "SELECT * FROM docs_data",
                                        "ATTACH 'x' AS x",
                                        "PRAGMA cache_size = -100000000",
                                        "PRAGMA journal_mode = DELETE",
                                        "SELECT load_extension('x')",
                                        "SELECT readfile('/etc/passwd')",
                                        "DROP TABLE heap",
                                        "VACUUM",
                                        "SELECT",
                                        ""};
  const auto size = [this] { return bytes(100'000, 4'000'000); };
  switch (below(17)) {
    case 0:
      return select(std::string{endless} + "SELECT count(*) FROM c");
    case 1:
      return select(storage::testing::nested_query(storage::testing::nestings(), 1 + below(8), limits::sql_bytes_max));
    case 2:
      return select(wide(size(), 200));
    case 3:
      return select("SELECT a.v, b.v FROM heap a, heap b, heap c ORDER BY a.k * b.k % 7, c.v");
    case 4:
      return select("SELECT trim(" + size() + "," + size() + ")");
    case 5:
      return select("SELECT instr(" + size() + "||'x'," + size() + "||'y')");
    case 6:
      return select("SELECT " + size() + " LIKE '%' || replace(" + bytes(1'000, 40'000) + ",'0','%0_')");
    case 7:
      return select(twice(size(), 1 + below(25)));
    case 8:
      return select("SELECT printf('%.*c', 1000000000, 'x')");
    case 9:
      return select("SELECT group_concat(a.v||b.v) FROM heap a, heap b, heap c");
    case 10:
      return select("SELECT count(*) FROM json_each('[' || trim(replace(" + size() + ",'0','0,'),',') || ']')");
    case 11:
      return select(std::string{endless} + "SELECT n, " + bytes(100'000, 1'000'000) + " FROM c LIMIT 60");
    case 12:
      return select(forbidden.at(below(forbidden.size())));
    case 13:
      return select("SELECT DISTINCT a.k + b.k * 1000 + c.k * 1000000 FROM heap a, heap b, heap c");
    case 14:
      return select("SELECT docs MATCH 'a*' FROM docs, heap, heap");
    case 15:
      return select(std::string{endless} + ", d AS MATERIALIZED (SELECT * FROM c LIMIT 1000000000)"
                                                  "SELECT count(*) FROM d a, d b");
    default: {
      auto many = select("SELECT ?1");
      many.statement.parameters.resize(below(2'000'000));
      return many;
    }
  }
}

transaction hostile_requests::change() {
  const auto size = [this] { return bytes(100'000, 4'000'000); };
  transaction work;
  switch (below(14)) {
    case 0:
      return execute(std::string{endless} + "INSERT INTO heap(k) SELECT n FROM c");
    case 1:
      return execute("UPDATE heap SET v = " + size());
    case 2:
      for (int i = 0; i < 60; ++i) {
        work.add("INSERT INTO heap(k, v) VALUES (?1, " + size() + ") RETURNING v", i);
      }
      return work;
    case 3:
      for (std::size_t i = 0; i < limits::statements_max; ++i) {
        work.add("UPDATE heap SET k = k + 1");
      }
      return work;
    case 4:
      return execute("INSERT INTO ping VALUES (?1)", 90);
    case 5:
      return execute("INSERT INTO docs(body) SELECT group_concat(a.v || b.k, ' ') FROM heap a, heap b");
    case 6:
      return execute("INSERT INTO heap(id, k) VALUES (9223372036854775807, 1)");
    case 7:
      return execute("DELETE FROM heap WHERE id > 1000");
    case 8:
      return execute("INSERT INTO heap(v) SELECT trim(" + size() + "," + size() + ")");
    case 9:
      return execute("INSERT INTO heap(k, v) SELECT a.k, b.v FROM heap a, heap b ORDER BY a.v || b.v");
    case 10: {
      work = execute("INSERT INTO heap(k) VALUES (1)");
      uuid somebody{};
      for (auto& one : somebody) {
        one = static_cast<std::remove_reference_t<decltype(one)>>(random_());
      }
      work.name = {somebody, random_()};
      return work;
    }
    case 11:
      return execute("INSERT INTO millrace_meta SELECT * FROM millrace_meta");
    case 12:
      work.groups.resize(below(2 * limits::groups_max));
      work.add("INSERT INTO heap(k) VALUES (?1)", std::string(below(limits::value_bytes_max), 'x'));
      return work;
    default:
      return execute(ask().statement.sql);
  }
}

hostile_request hostile_requests::next() {
  const auto what = below(10);
  if (may_ == rights::operate && what == 0) {
    return quarantine_list{.limit = static_cast<std::uint32_t>(random_())};
  }
  if (may_ != rights::read && what < 6) {
    auto work = change();
    work.acknowledgement = below(2) == 0 ? ack::applied : ack::durable;
    work.priority = below(4) == 0 ? priority::operations : priority::bulk;
    return work;
  }
  auto question = ask();
  question.deadline = std::chrono::hours{24 * 365};
  question.max_rows = limits::rows_max;
  question.consistency = below(4) == 0 ? consistency::linearizable : consistency::any;
  if (below(4) == 0) {
    return page_query{std::move(question), static_cast<std::uint32_t>(1 + below(limits::rows_max))};
  }
  return question;
}

} // namespace millrace::test::guests
