#include "http_server_fixture.hpp"

#include <millrace/actors/network/http/openapi.hpp>
#include <millrace/actors/network/http/routes.hpp>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

using namespace millrace;
using namespace millrace::test;

namespace {

using nlohmann::json;

const std::string lines_wanted = "Accept: application/x-ndjson\r\n";

/// As a part of a JSON pointer.
std::string escaped(std::string text) {
  for (std::size_t at = 0; (at = text.find('/', at)) != std::string::npos;) {
    text.replace(at, 1, "~1");
  }
  return text;
}

void add_keys(std::set<std::string>& to, const json& given) {
  for (auto one = given.begin(); one != given.end(); ++one) {
    if (given.is_object()) {
      to.insert(one.key());
    }
    if (one->is_structured()) {
      add_keys(to, *one);
    }
  }
}

/// The server's description, and what was seen of it.
struct openapi_fixture : http_server_fixture {
  json described = json::parse(network::http::openapi());
  std::set<std::string> sent;
  std::set<std::string> answered;

  openapi_fixture() { let_in("operator"); }

  /// Whether a text is as the schema at a place in the description.
  bool fits(const std::string& place, const json& given) const {
    auto root = described;
    root["$ref"] = "#" + place;
    valijson::Schema schema;
    valijson::SchemaParser{}.populateSchema(valijson::adapters::NlohmannJsonAdapter{root}, schema);
    valijson::Validator validator;
    return validator.validate(schema, valijson::adapters::NlohmannJsonAdapter{given}, nullptr);
  }

  bool may_be_sent(const std::string& path, const json& body) const {
    return fits("/paths/" + escaped(path) + "/post/requestBody/content/application~1json/schema", body);
  }

  /// Sends it, and holds the answer against what is said of it.
  unsigned exchange(const std::string& method, const std::string& path, const json& body = {},
                    const std::string& headers = {}) {
    add_keys(sent, body);
    auto program = connect();
    const auto got = method == "GET" ? program.get(path, secret)
                                     : program.post(path, body.is_null() ? "" : body.dump(), secret + headers);
    const auto operation = "/paths/" + escaped(path.substr(0, path.find('?'))) + (method == "GET" ? "/get" : "/post");
    const auto status = std::to_string(got.status);
    const bool own = described[json::json_pointer{operation + "/responses"}].contains(status);
    const bool by_line = own && headers == lines_wanted;
    const auto place = own ? operation + "/responses/" + status + "/content/"
                               + (by_line ? "application~1x-ndjson" : "application~1json") + "/schema"
                           : "/components/schemas/failure";
    std::istringstream lines{got.body};
    for (std::string line; std::getline(lines, line);) {
      const auto one = json::parse(by_line ? line : got.body);
      add_keys(answered, one);
      BOOST_TEST(fits(place, one), method << ' ' << path << ' ' << body.dump() << ": " << got.body);
      if (!by_line) {
        break;
      }
    }
    return got.status;
  }

  /// The names of all that a kind of object is said to have.
  std::set<std::string> properties_of(const std::vector<std::string>& kinds) const {
    std::set<std::string> all;
    const auto add = [&](const auto& self, const json& schema) -> void {
      for (auto one = schema.begin(); one != schema.end(); ++one) {
        if (schema.is_object() && one.key() == "properties") {
          for (auto property = one->begin(); property != one->end(); ++property) {
            all.insert(property.key());
          }
        }
        if (one->is_structured()) {
          self(self, *one);
        }
      }
    };
    for (const auto& kind : kinds) {
      add(add, described["components"]["schemas"][kind]);
    }
    return all;
  }
};

std::string missing_in(const std::set<std::string>& seen, const std::set<std::string>& said) {
  std::string missing;
  for (const auto& one : said) {
    missing += seen.contains(one) ? "" : one + ' ';
  }
  return missing;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(openapi_suite, openapi_fixture)

BOOST_AUTO_TEST_CASE(every_route_is_described_and_nothing_else) {
  std::set<std::string> there;
  for (const auto& one : network::http::routes()) {
    there.insert(std::string{one.path} + (one.method == "GET" ? " get" : " post"));
  }
  std::set<std::string> said;
  for (const auto& [path, operations] : described["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) {
      said.insert(path + ' ' + method);
    }
  }
  BOOST_TEST(there == said, boost::test_tools::per_element());
  BOOST_TEST(connect().get("/openapi.json").body == network::http::openapi());
}

BOOST_AUTO_TEST_CASE(what_is_sent_and_answered_is_as_described_and_all_that_is_described_is_there) {
  BOOST_TEST(set_one_aside().status == 422u);
  BOOST_TEST(exchange("GET", "/admin/quarantine") == 200u);
  BOOST_TEST(exchange("POST", "/admin/quarantine/set-aside?seq=2") == 404u);
  BOOST_TEST(exchange("POST", "/admin/quarantine/resubmit?seq=3") == 404u);
  BOOST_TEST(exchange("POST", "/admin/quarantine/discard?seq=2") == 200u);
  const auto client = json::parse(connect().post("/v1/clients", "", secret).body).at("client");
  BOOST_TEST(exchange("POST", "/v1/clients") == 200u);
  const std::vector<json> transactions{
    json::parse(R"j({"statements": ["SELECT 1 AS one", {"sql": "INSERT INTO t VALUES (?1, ?2)", "parameters":
      [1, {"blob": "00ff"}], "expected_rows": 1}, {"group": ["INSERT INTO t VALUES (1, 1)"], "on_error": "continue"},
      {"sql": "INSERT INTO t VALUES (:a, :b)", "parameters": {"a": {"integer": "7"}, "b": {"real": "1e999"}}},
      {"sql": "INSERT INTO t VALUES (9, ?1)", "parameters": [{"hex": "ff"}]}], "ack": "applied", "deadline_ms": 60000})j"),
    json::parse(R"j({"statements": ["DELETE FROM t WHERE a = 100"], "ack": "durable"})j"),
    json::parse(
      R"j([{"statements": ["INSERT INTO t VALUES (20, 1)"]}, {"statements": ["INSERT INTO t VALUES (20, 1)"]}])j")};
  for (auto body : transactions) {
    BOOST_TEST(may_be_sent("/v1/transactions", body), body.dump());
    BOOST_TEST(exchange("POST", "/v1/transactions", body) == 200u, body.dump());
  }
  const json named{{"statements", {"DELETE FROM t WHERE a = 100"}}, {"name", {{"client", client}, {"number", 1}}}};
  BOOST_TEST(may_be_sent("/v1/transactions", named));
  BOOST_TEST(exchange("POST", "/v1/transactions", named) == 200u);
  const auto query = json::parse(R"j({"sql": "SELECT * FROM t WHERE a > :least", "parameters": {"least": 0},
    "consistency": "at_least", "at_least_seq": 1, "deadline_ms": 60000, "max_rows": 2})j");
  BOOST_TEST(may_be_sent("/v1/queries", query));
  BOOST_TEST(exchange("POST", "/v1/queries", query) == 200u);
  BOOST_TEST(exchange("POST", "/v1/queries", query, lines_wanted) == 200u);
  BOOST_TEST(exchange("POST", "/v1/queries", {{"sql", "SELECT nothing"}}) == 400u);
  BOOST_TEST(exchange("GET", "/health") == 200u);
  BOOST_TEST(missing_in(sent, properties_of({"value", "statement", "group", "transaction", "query"})) == "");
  auto said = properties_of(
    {"result", "outcome", "rows", "rows_begin", "rows_end", "client", "quarantine", "failure", "health", "error"});
  said.erase("retry_after_ms"); // Nothing here is too much.
  BOOST_TEST(missing_in(answered, said) == "");
}

BOOST_AUTO_TEST_CASE(what_is_not_described_is_refused) {
  for (const std::string body :
       {R"({})", R"([{}])", R"({"statements": "SELECT 1"})", R"({"statements": [1]})",
        R"({"statements": [], "acknowledge": "applied"})", R"({"statements": [], "ack": "soon"})",
        R"({"statements": [{"sql": 1}]})", R"({"statements": [{"group": [], "sql": "SELECT 1"}]})",
        R"({"statements": [{"sql": "SELECT 1", "on_error": "abort"}]})",
        R"({"statements": [{"sql": "SELECT ?1", "parameters": [{"blob": "0"}]}]})",
        R"({"statements": [{"sql": "SELECT ?1", "parameters": [{"blob": "00", "hex": "00"}]}]})",
        R"({"statements": [{"sql": "SELECT ?1", "parameters": [[1]]}]})",
        R"({"statements": [], "name": {"number": 1}})", R"({"statements": [], "deadline_ms": "1"})"}) {
    BOOST_TEST(!may_be_sent("/v1/transactions", json::parse(body)), body);
    BOOST_TEST(exchange("POST", "/v1/transactions", json::parse(body)) == 400u, body);
  }
  for (const std::string body : {R"({})", R"({"sql": "SELECT 1", "rows": 1})", R"({"sql": "SELECT 1", "max_rows": 0})",
                                 R"({"sql": "SELECT 1", "consistency": "all"})"}) {
    BOOST_TEST(!may_be_sent("/v1/queries", json::parse(body)), body);
    BOOST_TEST(exchange("POST", "/v1/queries", json::parse(body)) == 400u, body);
  }
}

BOOST_AUTO_TEST_SUITE_END()
