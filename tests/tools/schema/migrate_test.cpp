/// `millrace init`, `migrate` and `schema`, and SQL that changes the schema, as a shell runs them.

#include <millrace/tests/tools/common/shell_fixture.hpp>

#include <boost/test/unit_test.hpp>

#include <string>

namespace {

struct migrate_fixture : millrace::tools::test::shell_fixture {
  migrate_fixture() {
    const auto made = shell(
      "$M init data > said && $M migrate new person > files && $M migrate new born >> files &&"
      "echo 'CREATE TABLE person(name TEXT NOT NULL);' > migrations/main/0001_person.up.sql &&"
      "echo 'DROP TABLE person;' > migrations/main/0001_person.down.sql &&"
      "echo 'ALTER TABLE person ADD COLUMN born INTEGER;' > migrations/main/0002_born.up.sql &&"
      "echo 'ALTER TABLE person DROP COLUMN born;' > migrations/main/0002_born.down.sql");
    BOOST_REQUIRE_MESSAGE(made.code == 0, made.err);
  }

  /// Both streams of a command that must end with a code.
  std::string run(const std::string& arguments, int code = 0) const {
    const auto ended = shell("exec $M " + arguments);
    BOOST_TEST(ended.code == code, arguments << ": " << ended.out << ended.err);
    return ended.out + ended.err;
  }
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(migrate_suite, migrate_fixture)

BOOST_AUTO_TEST_CASE(the_first_minute_has_no_dead_end) {
  BOOST_TEST(contains(run("init people"), "millrace sql --data people \"CREATE TABLE"));
  BOOST_TEST(contains(run("init people"), "is a data folder already"));
  BOOST_TEST(run("sql --data people 'CREATE TABLE t(a); -- a table'") == "The schema is changed.\n");
  BOOST_TEST(run("sql --data people 'INSERT INTO t VALUES (1), (2); SELECT sum(a) AS s FROM t;' --csv")
             == "s\n3\n2 rows changed.\n");
  BOOST_TEST(contains(run("schema history --data people"), "CREATE TABLE t(a)"));
  BOOST_TEST(run("schema dump --data people") == "CREATE TABLE t(a);\n");
}

BOOST_AUTO_TEST_CASE(several_statements_are_run_until_one_fails) {
  const auto ended = shell(
    "printf 'CREATE TABLE t(a UNIQUE);\\nINSERT INTO t VALUES (1);\\n\\nINSERT INTO t VALUES (1);\\nDROP TABLE t;\\n' "
    "> file;"
    "$M sql --data data -f file; echo $?; $M sql --data data 'SELECT count(*) AS n FROM t' --csv");
  BOOST_TEST(ended.out == "The schema is changed.\n1 row changed.\n1\nn\n1\n");
  BOOST_TEST(contains(ended.err, "UNIQUE constraint failed"), ended.err);
  BOOST_TEST(contains(ended.err, "That was line 4. What stands before it took effect, nothing was run after it."),
             ended.err);
  const auto piped = shell(
    "echo 'BEGIN; DELETE FROM t; INSERT INTO nowhere VALUES (1); COMMIT' | $M sql --data data -f -;"
    "$M sql --data data 'SELECT count(*) AS n FROM t' --csv");
  BOOST_TEST(piped.out == "n\n1\n");
  BOOST_TEST(contains(run("sql --data data", 2), "QUERY"));
  BOOST_TEST(contains(run("sql --data data -f nowhere", 2), "nowhere cannot be read"));
}

BOOST_AUTO_TEST_CASE(migrations_go_up_and_down_and_tell_how_they_stand) {
  const auto tried = run("migrate up --data data --dry-run");
  BOOST_TEST(contains(tried, "main/0001_person up: would take"), tried);
  BOOST_TEST(contains(tried, "+ table person"), tried);
  BOOST_TEST(contains(tried, "~ table person"), tried);
  BOOST_TEST(run("schema dump --data data") == "");
  BOOST_TEST(contains(run("migrate up 1 --data data"), "main/0001_person up: "));
  const auto status = run("migrate status --data data --json");
  BOOST_TEST(contains(status, R"({"set":"main","version":1,"name":"person","state":"applied","remedy":""})"), status);
  BOOST_TEST(contains(status, R"("version":2,"name":"born","state":"pending")"), status);
  run("migrate up --data data");
  BOOST_TEST(contains(run("migrate up --data data"), "There is nothing to do."));
  BOOST_TEST(contains(run("migrate verify --data data"), "All that is applied is as the files say"));
  run("migrate down --data data");
  BOOST_TEST(contains(run("schema dump --data data"), "person(name TEXT NOT NULL)"));
  run("migrate goto 2 --data data");
  run("migrate goto 0 --data data");
  BOOST_TEST(run("schema dump --data data") == "");
}

BOOST_AUTO_TEST_CASE(what_can_go_wrong_is_named_with_the_command_that_mends_it) {
  run("migrate up --data data");
  BOOST_TEST(shell("echo '-- more' >> migrations/main/0001_person.up.sql").code == 0);
  BOOST_TEST(
    contains(run("migrate verify --data data", 1), "main/0001_person: its file was changed after it was applied"));
  BOOST_TEST(contains(run("migrate up --data data", 1), "`millrace migrate repair`"));
  run("migrate repair --data data");
  run("migrate verify --data data");
  BOOST_TEST(shell("rm migrations/main/0001_*; echo 'SELECT 1;' > migrations/main/0003_three.up.sql").code == 0);
  BOOST_TEST(
    contains(run("migrate verify --data data", 1), "main/0001_person: it is applied, and its file is missing"));
  run("migrate repair --data data");
  BOOST_TEST(
    shell("rm migrations/main/0002_* migrations/main/0003_*; echo 'SELECT 1;' > migrations/main/0001_one.up.sql").code
    == 0);
  BOOST_TEST(contains(run("migrate verify --data data", 1), "main/0002_born: a newer program applied it"));
  BOOST_TEST(contains(run("migrate verify --data data", 1), "main/0001_one: a later one is applied already"));
  BOOST_TEST(contains(run("migrate status --data data --migrations nowhere", 2), "`millrace migrate new NAME`"));
}

BOOST_AUTO_TEST_CASE(a_database_that_has_the_effect_gets_a_baseline) {
  run("sql --data data 'CREATE TABLE person(name TEXT NOT NULL)'");
  BOOST_TEST(contains(run("migrate up --data data", 1), "table person already exists"));
  run("migrate baseline 1 --data data");
  run("migrate up --data data");
  run("migrate verify --data data");
}

BOOST_AUTO_TEST_CASE(a_server_takes_changes_of_the_schema_at_its_port_for_operators) {
  const auto ended = shell(
    "trap 'kill $server' EXIT; $M serve --data data --listen 127.0.0.1:0 --listen-operator 127.0.0.1:0 > up & "
    "server=$!;"
    "until grep -q Serving up; do kill -0 $server || exit 1; sleep 0.05; done; set -- $(cat up); place=${4%,}; desk=$5;"
    "$M migrate up --connect $desk; $M sql --connect $desk 'CREATE INDEX person_born ON person(born)';"
    "$M migrate status --connect $desk --json; $M sql --connect $place 'CREATE TABLE u(a)'; echo $?");
  BOOST_TEST(contains(ended.out, "main/0002_born up: "), ended.out);
  BOOST_TEST(contains(ended.out, "The schema is changed."), ended.out);
  BOOST_TEST(contains(ended.out, "\"state\":\"applied\",\"remedy\":\"\"}]\n1\n"), ended.out);
  BOOST_TEST(contains(ended.err, "--listen-operator"), ended.err);
}

BOOST_AUTO_TEST_SUITE_END()
