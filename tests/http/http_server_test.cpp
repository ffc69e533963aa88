#include "http_server_fixture.hpp"

#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::test;
namespace http = millrace::network::http;

namespace {

std::string as_json(const std::string& sql) {
  return R"({"sql":")" + sql + "\"}";
}

std::string insert(int a) {
  return R"j({"statements":[{"sql":"INSERT INTO t VALUES (?1, ?2)","parameters":[)j" + std::to_string(a)
         + R"j(,"x"]}]})j";
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(http_server_suite, http_server_fixture)

BOOST_AUTO_TEST_CASE(a_transaction_is_applied_and_a_query_sees_it) {
  serve();
  auto program = connect();
  const auto done = program.post("/v1/transactions", insert(7));
  BOOST_TEST(done.status == 200u);
  BOOST_TEST(done.body == "{\"seq\":2,\"results\":[{\"rows_changed\":1,\"last_row_id\":7}]}\n");
  const auto rows = program.post("/v1/queries", R"({"sql":"SELECT * FROM t","at_least_seq":2})");
  BOOST_TEST(rows.status == 200u);
  BOOST_TEST(rows.body == "{\"seq\":2,\"columns\":[\"a\",\"b\"],\"rows\":[[7,\"x\"]],\"truncated\":false}\n");
}

BOOST_AUTO_TEST_CASE(each_failure_has_its_status_its_kind_and_its_words) {
  serve();
  auto program = connect();
  BOOST_TEST(program.post("/v1/transactions", insert(7)).status == 200u);
  const auto twice = program.post("/v1/transactions", insert(7));
  BOOST_TEST(twice.status == 409u);
  BOOST_TEST(twice.has(R"("code":"constraint","kind":"rejected")"), twice.body);
  BOOST_TEST(program.post("/v1/transactions", "{").status == 400u);
  BOOST_TEST(program.post("/v1/queries", as_json("SELECT nothing")).status == 400u);
  BOOST_TEST(program.post("/v1/queries", as_json("DELETE FROM t")).status == 400u);
  const auto late = program.post(
    "/v1/queries",
    R"({"sql":"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT max(i) FROM n","deadline_ms":50})");
  BOOST_TEST(late.status == 408u);
  BOOST_TEST(program.get("/nowhere").status == 404u);
  const auto wrong = program.get("/v1/queries");
  BOOST_TEST(wrong.status == 405u);
  BOOST_TEST(wrong.head.find("Allow: POST") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_name_makes_a_resend_answered_with_what_became_of_the_first) {
  serve();
  auto program = connect();
  const auto issued = program.post("/v1/clients", "");
  BOOST_REQUIRE_EQUAL(issued.status, 200u);
  const auto id = issued.body.substr(issued.body.find(":\"") + 2, 36);
  const auto named = R"({"name":{"client":")" + id + R"j(","number":1},"statements":["INSERT INTO t VALUES (1, 2)"]})j";
  const auto first = program.post("/v1/transactions", named);
  BOOST_TEST(first.status == 200u, first.body);
  auto other = connect();
  BOOST_TEST(other.post("/v1/transactions", named).body == first.body);
  BOOST_TEST(rows("SELECT count(*) FROM t") == "1");
}

BOOST_AUTO_TEST_CASE(many_transactions_of_one_body_are_answered_in_their_order_each_alone) {
  serve();
  auto program = connect();
  const auto done = program.post("/v1/transactions", "[" + insert(1) + "," + insert(1) + "," + insert(2) + "]");
  BOOST_TEST(done.status == 200u);
  const auto first = done.body.find("\"seq\":");
  const auto second = done.body.find("\"error\":");
  const auto third = done.body.rfind("\"seq\":");
  BOOST_TEST((first < second && second < third), done.body);
  BOOST_TEST(rows("SELECT count(*) FROM t") == "2");
  BOOST_TEST(program.post("/v1/transactions", "[]").body == "[]\n");
}

BOOST_AUTO_TEST_CASE(a_result_of_any_size_comes_line_by_line_and_says_where_it_ends) {
  serve();
  auto program = connect();
  const auto got = program.post(
    "/v1/queries",
    as_json("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 12345) SELECT i, 'text' FROM n"),
    "Accept: application/x-ndjson\r\n");
  BOOST_TEST(got.status == 200u);
  BOOST_TEST(std::count(got.body.begin(), got.body.end(), '\n') == 12'347);
  BOOST_TEST(got.body.starts_with("{\"seq\":1,\"columns\":[\"i\",\"'text'\"]}\n[1,\"text\"]\n[2,"));
  BOOST_TEST(got.body.ends_with("[12345,\"text\"]\n{\"rows\":12345,\"truncated\":false}\n"));
  const auto few = program.post(
    "/v1/queries",
    R"j({"sql":"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i FROM n","max_rows":1500})j",
    "Accept: application/x-ndjson\r\n");
  BOOST_TEST(few.body.ends_with("[1500]\n{\"rows\":1500,\"truncated\":true}\n"));
  // And as one document, which is longer than what is made in one piece.
  const auto whole = program.post(
    "/v1/queries",
    as_json("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 12345) SELECT i, 'text' FROM n"));
  BOOST_TEST(whole.body.ends_with("[12345,\"text\"]],\"truncated\":false}\n"));
}

BOOST_AUTO_TEST_CASE(who_a_token_is_for_may_do_what_its_role_may) {
  web.tokens = folder.path() / "tokens";
  std::ofstream{web.tokens}
    << "# who\n"
       "read sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\n"; // secret
  serve();
  auto program = connect();
  BOOST_TEST(program.post("/v1/queries", as_json("SELECT 1")).status == 401u);
  BOOST_TEST(connect().post("/v1/queries", as_json("SELECT 1"), "Authorization: Bearer other\r\n").status == 401u);
  BOOST_TEST(connect().post("/v1/queries", as_json("SELECT 1"), "Authorization: Bearer secret\r\n").status == 200u);
  BOOST_TEST(connect().post("/v1/transactions", insert(1), "Authorization: Bearer secret\r\n").status == 403u);
  BOOST_TEST(connect().get("/livez").status == 200u);
  std::ofstream{web.tokens} << "read-write sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\n";
  BOOST_TEST(!server->reload_tokens());
  BOOST_TEST(connect().post("/v1/transactions", insert(1), "Authorization: Bearer secret\r\n").status == 200u);
  std::ofstream{web.tokens} << "read-write secret\n";
  const auto wrong = server->reload_tokens();
  BOOST_REQUIRE(wrong);
  BOOST_TEST(wrong->find("tokens:1: a line is a role") != std::string::npos, *wrong);
  BOOST_TEST(connect().post("/v1/transactions", insert(2), "Authorization: Bearer secret\r\n").status == 200u);
}

BOOST_AUTO_TEST_CASE(operators_look_into_quarantine_and_decide) {
  let_in("operator");
  const auto set_aside = set_one_aside();
  BOOST_TEST(set_aside.status == 422u);
  BOOST_TEST(set_aside.has(R"("code":"quarantined")"), set_aside.body);
  auto desk = connect();
  const auto listed = desk.get("/admin/quarantine", secret);
  BOOST_TEST(listed.status == 200u);
  BOOST_TEST(listed.has(R"({"entries":[{"seq":2,)"), listed.body);
  BOOST_TEST(listed.has(R"("statements":["INSERT INTO t SELECT count(*))"), listed.body);
  BOOST_TEST(desk.get("/admin/quarantine?after=2", secret).body == "{\"entries\":[],\"more\":false}\n");
  BOOST_TEST(desk.post("/admin/quarantine/discard?seq=2", "", secret).status == 200u);
  BOOST_TEST(desk.post("/admin/quarantine/discard?seq=2", "", secret).status == 404u);
  BOOST_TEST(desk.post("/admin/quarantine/resubmit?seq=2", "", secret).status == 404u);
  for (const std::string seq : {"", "?seq=", "?seq=-1", "?seq=two", "?seq=99999999999999999999", "?other=2"}) {
    BOOST_TEST(desk.post("/admin/quarantine/discard" + seq, "", secret).status == 400u, seq);
  }
  BOOST_TEST(connect().get("/admin/quarantine").status == 401u);
  let_in("read-write");
  BOOST_TEST(connect().get("/admin/quarantine", secret).status == 403u);
  BOOST_TEST(connect().post("/admin/quarantine/discard?seq=2", "", secret).status == 403u);
}

BOOST_AUTO_TEST_CASE(no_web_page_asks_where_there_are_no_tokens) {
  serve();
  BOOST_TEST(connect().post("/v1/transactions", insert(1), "Origin: http://evil.example\r\n").status == 403u);
  auto renamed = connect();
  BOOST_TEST(renamed.send("GET /health HTTP/1.1\r\nHost: evil.example:80\r\n\r\n").status == 403u);
  BOOST_TEST(rows("SELECT count(*) FROM t") == "0");
}

BOOST_AUTO_TEST_CASE(what_is_too_long_is_refused_and_the_next_request_is_served) {
  web.limits.body_bytes_max = 1'000;
  serve();
  BOOST_TEST(connect().post("/v1/transactions", std::string(2'000, ' ')).status == 413u);
  BOOST_TEST(connect().get("/livez", "X: " + std::string(40'000, 'x') + "\r\n").status == 431u);
  BOOST_TEST(connect().post("/v1/transactions", insert(1)).status == 200u);
}

BOOST_AUTO_TEST_CASE(what_is_said_in_two_ways_or_is_not_wanted_is_refused_before_it_comes) {
  serve();
  BOOST_TEST(connect().send("GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n").status
             == 400u);
  for (const std::string framing :
       {"Content-Length: 9\r\nContent-Length: 3\r\n", "Content-Length: 9\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip\r\n"}) {
    auto program = connect();
    const auto refused = program.send("POST /v1/queries HTTP/1.1\r\nHost: localhost\r\n" + framing + "\r\n");
    BOOST_TEST(refused.status == 400u, framing);
    BOOST_TEST(program.peer().closed());
  }
}

BOOST_AUTO_TEST_CASE(the_rows_of_many_transactions_have_a_bound_together_and_their_effect_has_none) {
  serve();
  const std::string each =
    R"j({"statements":[{"sql":"INSERT INTO t(b) VALUES (hex(zeroblob(2000000))) RETURNING b"}]})j";
  std::string all = each;
  for (int i = 1; i < 8; ++i) {
    all += "," + each;
  }
  auto program = connect();
  const auto done = program.post("/v1/transactions", "[" + all + "]");
  BOOST_TEST(done.status == 200u);
  BOOST_TEST(done.body.size() < 20'000'000u);
  BOOST_TEST(done.has(R"("rows":[],"truncated":true)"));
  BOOST_TEST(rows("SELECT count(*) FROM t") == "8");
}

BOOST_AUTO_TEST_CASE(bodies_have_a_bound_together_and_small_ones_are_let_in_beyond_it) {
  web.limits.bodies_bytes_total_max = 150'000;
  serve();
  auto holds = connect();
  holds.peer().send("POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 140000\r\n\r\n"
                    + std::string(139'000, ' '));
  BOOST_REQUIRE(eventually([&] { return server->body_bytes() == 139'000u; }));
  const auto refused = connect().post("/v1/transactions", std::string(100'000, ' '));
  BOOST_TEST(refused.status == 429u);
  BOOST_TEST(refused.head.find("Retry-After: 1\r\n") != std::string::npos);
  BOOST_TEST(connect().post("/v1/transactions", insert(1)).status == 200u);
}

BOOST_AUTO_TEST_CASE(who_sends_too_slowly_is_cut_off) {
  web.limits.request_time_max = std::chrono::milliseconds{300};
  web.limits.idle_timeout = std::chrono::milliseconds{300};
  serve();
  auto half = connect();
  half.peer().send("POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{");
  auto less = connect();
  less.peer().send("POST /v1");
  auto nothing = connect();
  BOOST_TEST(half.peer().closed());
  BOOST_TEST(less.peer().closed());
  BOOST_TEST(nothing.peer().closed());
}

BOOST_AUTO_TEST_CASE(a_query_whose_asker_is_gone_is_called_off) {
  settings.read.readers = 1;
  open();
  serve();
  constexpr auto endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT max(i) FROM n";
  {
    auto goes = connect();
    goes.peer().send("POST /v1/queries HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
                     + std::to_string(as_json(endless).size()) + "\r\n\r\n" + as_json(endless));
    auto db = engine_fixture::connect();
    BOOST_TEST(eventually([&] {
      const auto report = db.health();
      return report && report->pool.in_use == 1;
    }));
  }
  // The one reader is free long before the query's deadline.
  BOOST_TEST(connect().post("/v1/queries", R"({"sql":"SELECT 1","deadline_ms":20000})").status == 200u);
}

BOOST_AUTO_TEST_CASE(what_is_asked_when_the_server_ends_is_answered) {
  serve();
  std::vector<http_client> programs;
  for (int i = 0; i < 20; ++i) {
    programs.push_back(connect());
    programs.back().peer().send("POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
                                + std::to_string(insert(i).size()) + "\r\n\r\n" + insert(i));
  }
  BOOST_TEST(eventually([&] { return rows("SELECT count(*) FROM t") == "20"; }));
  server->stop_accepting();
  server->close(std::chrono::seconds{10});
  for (auto& one : programs) {
    BOOST_TEST(one.receive().status == 200u);
    BOOST_TEST(one.peer().closed());
  }
}

BOOST_AUTO_TEST_CASE(whether_it_serves_is_told_line_by_line) {
  serve();
  auto program = connect();
  BOOST_TEST(program.get("/livez").body == "ok\n");
  BOOST_TEST(eventually([&] { return program.get("/readyz").body.ends_with("healthy\n"); }));
  const auto ready = program.get("/readyz");
  BOOST_TEST(ready.status == 200u);
  BOOST_TEST(ready.has("[+] writer\n"), ready.body);
  BOOST_TEST(program.get("/health").has(R"({"state":"healthy")"));
  tested->close();
  BOOST_TEST(program.get("/readyz").status == 503u);
}

BOOST_AUTO_TEST_SUITE_END()
