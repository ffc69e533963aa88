#include <millrace/messages/limits.hpp>
#include <millrace/tests/support/actors/endless.hpp>
#include <millrace/tests/support/actors/engine_fixture.hpp>

using namespace millrace;
using namespace millrace::test;

namespace {

constexpr auto checked_schema = R"(
  CREATE TABLE t(n INTEGER PRIMARY KEY CHECK (n < 1000), note TEXT);
  CREATE TABLE child(n INTEGER NOT NULL REFERENCES t(n));
  CREATE TRIGGER no_thirteen BEFORE INSERT ON t WHEN new.n = 13 BEGIN SELECT RAISE(ROLLBACK, 'not thirteen'); END;
  INSERT INTO t(n) VALUES (1);
)";

transaction insert(int n) {
  return execute("INSERT INTO t(n) VALUES (?1)", n);
}

struct expectation {
  const char* what;
  transaction work;
  errc code;
  std::string detail = {}; ///< What the detail must mention.
};

struct error_fixture : engine_fixture {
  /// Sends each failing transaction between two good ones, all at once, so that they share the writer's commits.
  void check(std::vector<expectation> cases) {
    open(checked_schema);
    std::vector<transaction> all;
    int n = 100;
    for (const auto& one : cases) {
      all.push_back(insert(n++));
      all.push_back(one.work);
    }
    all.push_back(insert(n++));
    const auto answers = execute_all_in_one_commit(std::move(all));
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (i % 2 == 0) {
        BOOST_TEST(answers[i].has_value());
        continue;
      }
      const auto& expected = cases[i / 2];
      BOOST_TEST_CONTEXT(expected.what) {
        BOOST_REQUIRE(!answers[i].has_value());
        BOOST_TEST(answers[i].error().code == expected.code);
        BOOST_TEST((kind(answers[i].error().code) == error_kind::rejected));
        BOOST_TEST(answers[i].error().detail.find(expected.detail) != std::string::npos,
                   "detail: " << answers[i].error().detail);
        BOOST_TEST(to_string(answers[i].error()).starts_with(sentence(expected.code)));
      }
    }
    BOOST_TEST(rows("SELECT count(*) FROM t WHERE n >= 100") == std::to_string(cases.size() + 1));
  }

  /// While a stranger holds the lock, everything gathers in front of the writer.
  std::vector<answer> execute_all_in_one_commit(std::vector<transaction> work) {
    plain_connection other{database()};
    other.execute("BEGIN IMMEDIATE");
    std::thread releases{[&] {
      auto db = connect();
      eventually([&] {
        const auto report = db.health();
        return report && report->durable_seq > 1 && report->state == health_state::degraded;
      });
      other.execute("ROLLBACK");
    }};
    auto answers = execute_all(std::move(work));
    releases.join();
    return answers;
  }
};

} // namespace

/// Each kind of bad request gets its own error, and its neighbours go on.
BOOST_FIXTURE_TEST_SUITE(engine_error_suite, error_fixture)

BOOST_AUTO_TEST_CASE(bad_sql_and_bad_parameters_have_their_own_errors) {
  check({{"a typing error", execute("INSRT INTO t(n) VALUES (2)"), errc::bad_sql, "INSRT"},
         {"an unknown table", execute("INSERT INTO nowhere VALUES (2)"), errc::bad_sql, "nowhere"},
         {"an unknown column", execute("INSERT INTO t(missing) VALUES (2)"), errc::bad_sql, "missing"},
         {"no text at all", execute(""), errc::bad_sql},
         {"two statements in one", execute("INSERT INTO t(n) VALUES (2); INSERT INTO t(n) VALUES (3)"), errc::bad_sql},
         {"too few parameters", execute("INSERT INTO t(n, note) VALUES (?1, ?2)", 2), errc::parameter_mismatch},
         {"too many parameters", execute("INSERT INTO t(n) VALUES (?1)", 2, 3), errc::parameter_mismatch},
         {"an unknown name", execute("INSERT INTO t(n) VALUES (:n)", named{":m", 2}), errc::parameter_mismatch}});
}

BOOST_AUTO_TEST_CASE(constraints_and_expectations_have_their_own_errors) {
  auto nobody = execute("UPDATE t SET note = 'x' WHERE n = 77");
  nobody.expect_rows(1);
  transaction late = insert(2);
  late.add("INSERT INTO t(n) VALUES (1)");
  check({{"a key that is taken", insert(1), errc::constraint, "t.n"},
         {"a check", insert(1000), errc::constraint},
         {"a foreign key", execute("INSERT INTO child VALUES (55)"), errc::constraint},
         {"the second of two statements", late, errc::constraint},
         {"another number of rows", nobody, errc::row_count_mismatch}});
  BOOST_TEST(rows("SELECT count(*) FROM t WHERE n = 2") == "0");
}

BOOST_AUTO_TEST_CASE(what_is_not_permitted_inside_a_transaction_has_its_own_error) {
  check({{"CREATE", execute("CREATE TABLE x(y)"), errc::not_permitted},
         {"DROP", execute("DROP TABLE t"), errc::not_permitted},
         {"ALTER", execute("ALTER TABLE t ADD COLUMN extra"), errc::not_permitted},
         {"PRAGMA", execute("PRAGMA synchronous = OFF"), errc::not_permitted},
         {"COMMIT", execute("COMMIT"), errc::not_permitted},
         {"ROLLBACK", execute("ROLLBACK"), errc::not_permitted},
         {"BEGIN", execute("BEGIN"), errc::not_permitted},
         {"SAVEPOINT", execute("SAVEPOINT s"), errc::not_permitted},
         {"ATTACH", execute("ATTACH ':memory:' AS other"), errc::not_permitted},
         {"Millrace's own tables", execute("UPDATE millrace_meta SET applied_seq = 0"), errc::not_permitted}});
}

BOOST_AUTO_TEST_CASE(what_is_too_large_has_its_own_error) {
  check({{"a text", execute("INSERT INTO t(n, note) VALUES (2, ?1)", std::string(limits::value_bytes_max + 1, 'x')),
          errc::too_large},
         {"the SQL", execute("SELECT '" + std::string(limits::sql_bytes_max, 'x') + "'"), errc::too_large}});
}

BOOST_AUTO_TEST_CASE(what_ends_the_surrounding_transaction_takes_no_neighbour_along) {
  check({{"OR ROLLBACK", execute("INSERT OR ROLLBACK INTO t(n) VALUES (1)"), errc::constraint},
         {"RAISE(ROLLBACK)", insert(13), errc::constraint, "not thirteen"},
         {"UPDATE OR ROLLBACK", execute("UPDATE OR ROLLBACK t SET n = 1 WHERE n = 100"), errc::constraint},
         {"both kinds again", insert(13), errc::constraint}});
}

BOOST_AUTO_TEST_CASE(queries_fail_with_their_own_errors) {
  open(checked_schema);
  auto db = connect();
  BOOST_TEST(db.query("SELEC 1").error().code == errc::bad_sql);
  BOOST_TEST(db.query("SELECT * FROM nowhere").error().code == errc::bad_sql);
  BOOST_TEST(db.query("SELECT ?1").error().code == errc::parameter_mismatch);
  BOOST_TEST(db.query("DELETE FROM t").error().code == errc::not_a_query);
  auto unknown = select("SELECT 1");
  unknown.consistency = consistency::at_least;
  unknown.at_least_seq = 1'000'000;
  BOOST_TEST(db.query(unknown).error().code == errc::malformed);
  auto question = endless();
  question.deadline = std::chrono::milliseconds{50};
  BOOST_TEST(db.query(question).error().code == errc::deadline_exceeded);
  BOOST_TEST(db.query("SELECT 1").has_value());
}

BOOST_AUTO_TEST_CASE(a_transaction_whose_deadline_has_passed_has_no_effect) {
  open(checked_schema);
  auto late = insert(2);
  late.deadline = std::chrono::milliseconds{-1};
  auto in_time = insert(3);
  in_time.deadline = std::chrono::hours{1};
  const auto answers = execute_all({late, in_time});
  BOOST_TEST(code_of(answers[0]) == errc::deadline_exceeded);
  BOOST_TEST(answers[1].has_value());
  BOOST_TEST(rows("SELECT n FROM t ORDER BY n") == "1\n3");
}

BOOST_AUTO_TEST_SUITE_END()
