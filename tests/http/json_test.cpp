#include <millrace/actors/network/http/json_reader.hpp>
#include <millrace/actors/network/http/json_writer.hpp>
#include <millrace/messages/limits.hpp>
#include <millrace/tests/support/printing.hpp>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::network::http;

namespace {

transaction read_one(const std::string& body) {
  const auto read = read_transactions(body);
  BOOST_REQUIRE_MESSAGE(read, (read ? "" : to_string(read.error())));
  BOOST_REQUIRE_EQUAL(read->all.size(), 1u);
  return read->all.front();
}

failure refusal_of(const std::string& body) {
  const auto read = read_transactions(body);
  BOOST_REQUIRE(!read);
  return read.error();
}

std::string with_parameter(const std::string& value) {
  return R"({"statements":[{"sql":"x","parameters":[)" + value + "]}]}";
}

} // namespace

BOOST_AUTO_TEST_SUITE(json_suite)

BOOST_AUTO_TEST_CASE(a_transaction_is_read_with_all_it_can_say) {
  const auto read = read_one(R"j({
    "name": {"client": "018b0203-0405-8607-8809-0a0b0c0d0e0f", "number": 300},
    "ack": "durable", "deadline_ms": 250,
    "statements": [
      "DELETE FROM t",
      {"sql": "INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5)", "parameters": [null, -300, 2.5, "Käse", {"blob": "01ff"}]},
      {"group": [{"sql": "UPDATE t SET b = :b", "parameters": {"b": 7}, "expected_rows": 1}, {"group": ["x"]}],
       "on_error": "continue"}]})j");
  auto meant = execute("DELETE FROM t");
  meant.add("INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5)", nullptr, -300, 2.5, "Käse", blob{"\x01\xff"});
  meant.in_group(on_error::continue_after, [](transaction& inner) {
    inner.add("UPDATE t SET b = :b", named{":b", 7}).expect_rows(1);
    inner.in_group(on_error::abort_transaction, [](transaction& innermost) { innermost.add("x"); });
  });
  meant.name = {{0x01, 0x8b, 2, 3, 4, 5, 0x86, 7, 0x88, 9, 10, 11, 12, 13, 14, 15}, 300};
  meant.acknowledgement = ack::durable;
  meant.deadline = std::chrono::milliseconds{250};
  BOOST_CHECK(read == meant);
}

BOOST_AUTO_TEST_CASE(an_array_is_many_transactions) {
  const auto read = read_transactions(R"([{"statements":["a"]},{"statements":["b"]}])");
  BOOST_REQUIRE(read);
  BOOST_TEST(read->many);
  BOOST_REQUIRE_EQUAL(read->all.size(), 2u);
  BOOST_TEST(read->all[1].statements.at(0).sql == "b");
  BOOST_TEST(read_transactions("[]").value().all.empty());
}

BOOST_AUTO_TEST_CASE(every_value_comes_back_as_it_was_written) {
  constexpr auto infinity = std::numeric_limits<double>::infinity();
  const std::vector<value> values{nullptr, INT64_MAX, INT64_MIN, std::int64_t{1} << 53, 0,   0.1,    1.0,
                                  1e300,   -infinity, "",        "\"\\\n\x01",          "ü", "\xff", blob{"\0\xff"}};
  for (const auto as : {big_integers::numbers, big_integers::texts}) {
    row_set rows{std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"v"})};
    for (const auto& one : values) {
      rows.begin_row();
      std::visit(
        [&]<class T>(const T& payload) {
          if constexpr (std::is_same_v<T, std::monostate>) {
            rows.add_null();
          } else if constexpr (std::is_same_v<T, std::int64_t>) {
            rows.add_integer(payload);
          } else if constexpr (std::is_same_v<T, double>) {
            rows.add_real(payload);
          } else if constexpr (std::is_same_v<T, std::string>) {
            rows.add_text(payload);
          } else {
            rows.add_blob(payload.bytes);
          }
        },
        one.data());
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      std::string text;
      write_row(text, rows[i], as);
      const auto read = read_one(R"({"statements":[{"sql":"x","parameters":)" + text + "}]}");
      BOOST_TEST_CONTEXT(text) {
        BOOST_CHECK(read.statements.at(0).parameters.at(0) == values[i]);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_told_with_its_place) {
  const std::vector<std::pair<std::string, std::string>> cases{
    {"", "it is no JSON"},
    {"{", "it is no JSON, at byte 2"},
    {"{} {}", "\"statements\" is missing"},
    {"7", "an object is wanted"},
    {"[7]", "[0]: an object is wanted"},
    {R"({"statement":[]})", "statement: there is no such key; there are statements, ack, deadline_ms, name"},
    {R"({"statements":[],"statements":[]})", "statements: the key is there twice"},
    {R"({"statements":"x"})", "statements: an array or an object is wanted here"},
    {R"({"statements":["x",{"parameters":[]}]})", "statements[1]: \"sql\" is missing"},
    {R"({"statements":[{"sql":"x","group":[]}]})", "statements[0]: a statement has sql"},
    {R"({"statements":[{"sql":"x","on_error":"abort"}]})", "statements[0]: a statement has sql"},
    {R"({"statements":[],"ack":"never"})", R"(ack: one of "applied", "durable" is wanted)"},
    {R"({"statements":[],"deadline_ms":-1})", "deadline_ms: a whole number from 0 on is wanted"},
    {R"({"statements":[],"name":{"client":"7","number":1}})", "name.client: a UUID is wanted"},
    {R"({"statements":[],"name":{"number":1}})", "name: a name has \"client\" and \"number\""},
    {with_parameter("9223372036854775808"), "statements[0].parameters[0]: the number is beyond 64 bits"},
    {with_parameter("98765432109876543210987654321"), "statements[0].parameters[0]: the number is beyond 64 bits"},
    {with_parameter("1, [2]"), "statements[0].parameters[1]: no array is wanted here"},
    {with_parameter("{}"), "statements[0].parameters[0]: a value that is an object has one of the keys"},
    {with_parameter(R"({"blob":"0"})"), "statements[0].parameters[0].blob: it is no hexadecimal"},
    {with_parameter(R"({"blob":"00","hex":"00"})"), "statements[0].parameters[0].hex: a value has one key"},
    {with_parameter(R"({"integer":"1.0"})"), "statements[0].parameters[0].integer: it is no integer"},
    {"{\"statements\":[\"\xff\"]}", "it is no JSON"},
  };
  for (const auto& [body, why] : cases) {
    const auto refused = refusal_of(body);
    BOOST_CHECK(refused.code == errc::malformed);
    BOOST_TEST(refused.detail.starts_with(why), body << " -> " << refused.detail);
  }
}

BOOST_AUTO_TEST_CASE(what_goes_beyond_a_limit_is_refused_where_it_stands) {
  const auto times = [](std::size_t count, const std::string& part) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
      text += (i == 0 ? "" : ",") + part;
    }
    return text;
  };
  std::string nested = "\"x\"";
  for (std::size_t i = 0; i <= limits::group_depth_max; ++i) {
    nested = R"({"group":[)" + nested + "]}";
  }
  for (const auto& body : {"[" + times(transactions_max + 1, R"({"statements":[]})") + "]",
                           R"({"statements":[)" + times(limits::statements_max + 1, "\"\"") + "]}",
                           with_parameter(times(limits::parameters_max + 1, "1")),
                           R"({"statements":[")" + std::string(limits::sql_bytes_max + 1, 'x') + "\"]}",
                           R"({"statements":[)" + nested + "]}",
                           // Each is within its limits, and all are more than one may be.
                           R"({"statements":[)"
                             + times(limits::transaction_bytes_max / 16 / limits::parameters_max + 1,
                                     R"({"sql":"","parameters":[)" + times(limits::parameters_max, "1") + "]}")
                             + "]}"}) {
    BOOST_CHECK(refusal_of(body).code == errc::too_large);
  }
}

BOOST_AUTO_TEST_CASE(a_query_is_read_with_all_it_can_say) {
  const auto read = read_query(
    R"({"sql":"SELECT :a","parameters":{":a":1},"at_least_seq":7,"deadline_ms":5,"max_rows":9})");
  BOOST_REQUIRE(read);
  auto meant = select("SELECT :a", named{":a", 1});
  meant.consistency = consistency::at_least;
  meant.at_least_seq = 7;
  meant.deadline = std::chrono::milliseconds{5};
  meant.max_rows = 9;
  BOOST_CHECK(read->question == meant);
  BOOST_TEST(read->bounded);
  const auto newest = read_query(R"({"sql":"x","consistency":"linearizable"})").value();
  BOOST_CHECK(newest.question.consistency == consistency::linearizable);
  BOOST_TEST(!newest.bounded);
  for (const auto* const order :
       {R"({"sql":"x","at_least_seq":1,"consistency":"any"})", R"({"sql":"x","consistency":"any","at_least_seq":1})"}) {
    BOOST_TEST(read_query(order).error().detail.starts_with("\"at_least_seq\" goes with"));
  }
  BOOST_TEST(read_query("{\"" + std::string(1'000'000, 'a') + "\":1}").error().detail.size() < 500u);
  BOOST_TEST(read_query("{}").error().detail == "\"sql\" is missing");
  BOOST_TEST(read_query("[]").error().detail == "an object is wanted");
}

BOOST_AUTO_TEST_SUITE_END()
