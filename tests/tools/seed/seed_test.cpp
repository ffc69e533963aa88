/// `millrace seed`, as a shell runs it, and the project's own migrations and seeds.

#include <millrace/tests/support/contains.hpp>
#include <millrace/tests/tools/common/shell_fixture.hpp>

#include <boost/test/unit_test.hpp>

#include <string>

namespace {

using millrace::test::contains;

struct seed_fixture : millrace::test::shell_fixture {
  seed_fixture() {
    run("init data");
    sql("CREATE TABLE person(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)");
    put("migrations/seeds/dev/01_people.sql",
        "INSERT INTO person(name) VALUES ('Ada'), ('Alan')\\nON CONFLICT(name) DO NOTHING;\\n");
    put("migrations/seeds/dev/02_more.sql", "INSERT INTO person(name) VALUES ('Grace') ON CONFLICT DO NOTHING;\\n");
    put("migrations/seeds/production/01_people.sql", "DELETE FROM person;\\n");
  }

  /// Both streams of a command that must end with a code.
  std::string run(const std::string& arguments, int code = 0) const {
    const auto ended = shell("exec $M " + arguments);
    BOOST_TEST(ended.code == code, arguments << ": " << ended.out << ended.err);
    return ended.out + ended.err;
  }

  /// What SQL gives, without the titles.
  std::string sql(const std::string& text) const {
    const auto ended = shell("exec $M sql --data data --csv \"" + text + "\"");
    BOOST_TEST(ended.code == 0, text << ": " << ended.err);
    return ended.out.substr(ended.out.find('\n') + 1);
  }

  /// As printf has it.
  void put(const std::string& file, const std::string& text) const {
    const auto ended = shell("mkdir -p $(dirname " + file + ") && printf '%b' \"" + text + "\" > " + file);
    BOOST_TEST(ended.code == 0, ended.err);
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(seed_suite, seed_fixture)

BOOST_AUTO_TEST_CASE(seeds_of_an_environment_are_applied_in_order_once_and_again_where_they_were_changed) {
  const auto tried = run("seed dev --data data --dry-run");
  BOOST_TEST(contains(tried, "dev/0001_people seed: would take"), tried);
  BOOST_TEST(contains(tried, "change 2 rows"), tried);
  BOOST_TEST(sql("SELECT count(*) FROM person") == "0\n");
  BOOST_TEST(contains(run("seed dev --data data"), "dev/0002_more seed: "));
  BOOST_TEST(contains(run("seed dev --data data"), "There is nothing to do."));
  sql("DELETE FROM person WHERE name = 'Ada'");
  put("migrations/seeds/dev/02_more.sql", "INSERT INTO person(name) VALUES ('Hedy') ON CONFLICT DO NOTHING;\\n");
  BOOST_TEST(contains(run("seed --data data"), "changed  its file was changed, and is to be applied again"));
  const auto done = run("seed dev --data data --json");
  BOOST_TEST(contains(done, R"([{"set":"dev","version":2,"name":"more","step":"seed","took_ms":)"), done);
  BOOST_TEST(sql("SELECT group_concat(name) FROM person") == "\"Alan,Grace,Hedy\"\n");
  const auto listed = run("seed --data data --json");
  BOOST_TEST(contains(listed, R"({"environment":"dev","number":1,"name":"people","state":"applied"})"), listed);
  BOOST_TEST(contains(run("schema history --data data"), "dev/0001_people"));
}

BOOST_AUTO_TEST_CASE(production_wants_force_and_what_is_not_there_is_named_with_what_is) {
  sql("INSERT INTO person(name) VALUES ('Ada')");
  BOOST_TEST(contains(run("seed production --data data", 2), "`millrace seed production --force`"));
  BOOST_TEST(contains(run("seed PROD --data data", 2), "--force"));
  BOOST_TEST(sql("SELECT count(*) FROM person") == "1\n");
  run("seed production --data data --force");
  BOOST_TEST(sql("SELECT count(*) FROM person") == "0\n");
  BOOST_TEST(contains(run("seed staging --data data", 2), "called staging; there are: dev, production."));
  BOOST_TEST(contains(run("seed dev --data data --migrations nowhere", 2), "migrations/seeds/dev/01_people.sql"));
  BOOST_TEST(contains(run("seed dev --rows 2 --data data", 2), "--rows"));
  BOOST_TEST(contains(run("seed dev --yes --data data", 2), "--rows"));
}

BOOST_AUTO_TEST_CASE(a_seed_that_fails_keeps_nothing_and_names_what_is_in_its_way) {
  put("migrations/seeds/dev/02_more.sql", "INSERT INTO person(name) VALUES ('x');\\nCREATE TABLE t(a);\\n");
  const auto failed = run("seed dev --data data", 1);
  BOOST_TEST(contains(failed, "dev/0001_people seed: "), failed);
  BOOST_TEST(contains(failed, "seed dev/2 more: statement 2 (line 2): CREATE TABLE t: "), failed);
  BOOST_TEST(contains(failed, "write a migration"), failed);
  BOOST_TEST(sql("SELECT count(*) FROM person") == "2\n");
}

BOOST_AUTO_TEST_CASE(generated_rows_meet_keys_of_any_kind_and_are_the_same_for_the_same_number) {
  sql("DROP TABLE person");
  sql(
    "CREATE TABLE author(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, born INTEGER, boss INTEGER REFERENCES "
    "author(id));"
    "CREATE TABLE book(isbn TEXT PRIMARY KEY, author INTEGER NOT NULL REFERENCES author, shelf TEXT NOT NULL, place "
    "INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'old')), half AS (place / 2), "
    "UNIQUE (shelf, place)) WITHOUT ROWID;"
    "CREATE TABLE licence(author INTEGER PRIMARY KEY REFERENCES author, given_at TEXT NOT NULL, scan BLOB UNIQUE);"
    "CREATE TABLE reads(author INTEGER REFERENCES author, book TEXT REFERENCES book(isbn), PRIMARY KEY (author, "
    "book)) STRICT;"
    "CREATE TABLE tick(state INTEGER DEFAULT 4);"
    "CREATE TABLE \\\"odd 'name\\\"(\\\"a b\\\" REAL UNIQUE, flag BOOLEAN NOT NULL)");
  BOOST_TEST(contains(run("seed --rows 300 --data data --dry-run"), "author: 300 rows would be made"));
  const auto made = run("seed --rows 300 --data data");
  BOOST_TEST(contains(made, "reads: 300 rows\n"), made);
  BOOST_TEST(sql("SELECT count(*), min(state), max(state) FROM book") == "300,new,new\n");
  BOOST_TEST(sql("SELECT count(*) FROM licence NATURAL JOIN (SELECT id AS author FROM author)") == "300\n");
  BOOST_TEST(sql("SELECT count(*) FROM author WHERE email LIKE '%@example.org' AND boss IS NULL") == "300\n");
  BOOST_TEST(sql("SELECT count(*) FROM licence WHERE datetime(given_at) = given_at") == "300\n");
  BOOST_TEST(sql("SELECT count(*) FROM author WHERE born IS NULL OR born BETWEEN 1940 AND 2009") == "300\n");
  BOOST_TEST(sql("SELECT count(*) FROM pragma_foreign_key_check") == "0\n");
  BOOST_TEST(sql("SELECT count(*) FROM tick WHERE state = 4") == "300\n");
  const auto again = run("seed --rows 300 --data data --json");
  BOOST_TEST(contains(again, R"({"table":"author","had":300,"made":0})"), again);
  run("init other");
  shell("$M schema dump --data data | $M sql --data other -f -");
  run("seed --rows 300 --data other");
  const auto same = shell(
    "for d in data other; do $M sql --data $d --csv 'SELECT * FROM author' > $d.csv; $M sql --data $d --csv 'SELECT * "
    "FROM book' >> $d.csv; done; cmp data.csv other.csv && grep -c @example data.csv");
  BOOST_TEST(same.out == "300\n", same.err);
  run("init third");
  shell("$M schema dump --data data | $M sql --data third -f -");
  run("seed --rows 300 --random 7 --data third");
  const auto other = shell(
    "for d in data third; do $M sql --data $d --csv 'SELECT * FROM author' > $d.csv; done; cmp -s data.csv third.csv; "
    "echo $?; wc -l < third.csv");
  BOOST_TEST(other.out == "1\n301\n", other.err);
}

BOOST_AUTO_TEST_CASE(tables_that_have_rows_are_added_to_only_where_that_is_said) {
  sql("INSERT INTO person VALUES (40, 'Ada')");
  BOOST_TEST(contains(run("seed --rows 10 --data data", 2), "person has rows already (1); --yes"));
  run("seed --rows 10 --table PERSON --data data --yes");
  BOOST_TEST(sql("SELECT count(*), max(id) FROM person") == "10,49\n");
  run("seed --rows 25 --data data --yes");
  BOOST_TEST(sql("SELECT count(*), max(id) FROM person") == "25,64\n");
  BOOST_TEST(contains(run("seed --rows 25 --table nobody --data data", 2), "no table nobody that could be filled"));
}

BOOST_AUTO_TEST_CASE(rows_come_in_the_place_of_deleted_ones_whatever_must_be_unique) {
  sql(
    "CREATE TABLE mail(email TEXT NOT NULL UNIQUE); CREATE TABLE pass(owner INTEGER PRIMARY KEY REFERENCES person(id));"
    "CREATE TABLE knows(one INTEGER REFERENCES person(id), other INTEGER REFERENCES person(id), PRIMARY KEY (one, "
    "other))");
  run("seed --rows 30 --data data");
  sql(
    "DELETE FROM mail WHERE rowid IN (3, 7) OR rowid < 2; DELETE FROM pass WHERE owner % 7 = 1; DELETE FROM knows "
    "WHERE "
    "rowid % 5 = 1");
  const auto made = run("seed --rows 30 --data data --yes");
  BOOST_TEST(contains(made, "mail: 3 rows\n"), made);
  for (const std::string table : {"mail", "pass", "knows"}) {
    BOOST_TEST(sql("SELECT count(*) FROM " + table) == "30\n");
  }
}

BOOST_AUTO_TEST_CASE(rows_that_a_trigger_ignores_are_not_counted) {
  sql(
    "CREATE TABLE note(n INTEGER); CREATE TRIGGER few BEFORE INSERT ON note WHEN (SELECT count(*) FROM note) > 4 "
    "BEGIN SELECT raise(IGNORE); END");
  const auto failed = run("seed --rows 10 --table note --data data", 1);
  BOOST_TEST(contains(failed, "note: 5 rows\n"), failed);
  BOOST_TEST(contains(failed, "Table note has 5 rows: others were not taken, by a trigger"), failed);
}

BOOST_AUTO_TEST_CASE(several_that_fill_at_once_make_as_many_rows_as_one) {
  sql("CREATE TABLE tick(n INTEGER NOT NULL)");
  const auto ended = shell(
    "trap 'kill $server' EXIT; $M serve --data data --listen 127.0.0.1:0 --listen-operator 127.0.0.1:0 > up & "
    "server=$!;"
    "until grep -q Serving up; do kill -0 $server || exit 1; sleep 0.05; done; set -- $(cat up); desk=$5;"
    "fill() { $M seed --rows 20000 --yes --connect $desk; }; fill & one=$!; fill & two=$!; fill; wait $one; echo $?; "
    "wait $two; echo $?; kill $server; wait $server; trap - EXIT");
  BOOST_TEST(contains(ended.out, "0\n0\n"), ended.out << ended.err);
  BOOST_TEST(sql("SELECT count(*), (SELECT count(*) FROM person) FROM tick") == "20000,20000\n");
}

BOOST_AUTO_TEST_CASE(rows_that_cannot_be_made_are_named_by_table_row_and_constraint) {
  sql("CREATE TABLE small(word TEXT NOT NULL CHECK (length(word) < 2))");
  const auto failed = run("seed --rows 10 --table small --data data", 1);
  BOOST_TEST(contains(failed, "Table small, row 1: CHECK constraint failed: length(word) < 2 ("), failed);
  BOOST_TEST(contains(failed, "seed file"), failed);
  sql("CREATE TABLE pet(owner INTEGER NOT NULL REFERENCES person(id))");
  BOOST_TEST(contains(run("seed --rows 10 --table pet --data data", 2), "needs one of person, which has none"));
  run("seed --rows 10 --table pet --table person --data data");
  sql("CREATE TABLE passport(owner INTEGER PRIMARY KEY REFERENCES person(id))");
  BOOST_TEST(contains(run("seed --rows 20 --table passport --data data", 2), "of its own, and there are 10"));
  sql(
    "CREATE TABLE hen(egg INTEGER NOT NULL REFERENCES egg(id), id INTEGER PRIMARY KEY);"
    "CREATE TABLE egg(hen INTEGER NOT NULL REFERENCES hen(id), id INTEGER PRIMARY KEY)");
  BOOST_TEST(contains(run("seed --rows 5 --table hen --table egg --data data", 2), "of egg, hen each needs rows"));
}

BOOST_AUTO_TEST_CASE(a_server_takes_seeds_and_generated_rows_at_its_port_for_operators) {
  const auto ended = shell(
    "trap 'kill $server' EXIT; $M serve --data data --listen 127.0.0.1:0 --listen-operator 127.0.0.1:0 > up & "
    "server=$!;"
    "until grep -q Serving up; do kill -0 $server || exit 1; sleep 0.05; done; set -- $(cat up); desk=$5;"
    "$M seed dev --connect $desk && $M seed --rows 5000 --yes --connect $desk");
  BOOST_TEST(contains(ended.out, "dev/0002_more seed: "), ended.out << ended.err);
  BOOST_TEST(contains(ended.out, "person: 4,997 rows\n"), ended.out << ended.err);
}

BOOST_AUTO_TEST_CASE(the_projects_own_migrations_go_up_down_and_up_and_take_their_seeds) {
  const std::string files = " --migrations " MILLRACE_TREE "/migrations";
  run("init own");
  const auto at = [&](const std::string& text) { return shell("$M sql --data own --csv \"" + text + "\"").out; };
  run("migrate up 2 --data own" + files);
  at(
    "INSERT INTO characters VALUES ('0041', 'LATIN CAPITAL LETTER A', 'Lu', '0', 'L', '', '', '', '', 'N', '', '', '', "
    "'0061', '')");
  run("migrate up --data own" + files);
  run("seed dev --data own" + files);
  BOOST_TEST(
    contains(at("SELECT c.name FROM characters JOIN category AS c ON c.code = category"), "upper-case letter"));
  run("migrate down --data own" + files);
  BOOST_TEST(contains(at("SELECT category FROM characters"), "Lu"));
  run("migrate goto 0 --data own" + files);
  BOOST_TEST(run("schema dump --data own") == "");
  run("migrate up --data own" + files);
  run("migrate verify --data own" + files);
  BOOST_TEST(contains(run("seed dev --data own" + files), "dev/0001_category seed: "));
  BOOST_TEST(contains(at("SELECT count(*), (SELECT count(*) FROM idea) FROM category"), "30,3"));
}

BOOST_AUTO_TEST_CASE(an_interrupt_ends_rows_that_take_without_end) {
  sql(
    "CREATE TABLE slow(a); CREATE TRIGGER endless AFTER INSERT ON slow BEGIN SELECT count(*) FROM (WITH RECURSIVE "
    "c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT i FROM c); END");
  // Half a second of the processor is more than anything before them takes.
  const auto ended = shell(
    "true; $M seed --rows 10 --table slow --data data 2> err & job=$!;"
    "until test $(cut -d ' ' -f 14 /proc/$job/stat) -gt 50; do kill -0 $job || exit 9; sleep 0.05; done;"
    "kill -INT $job; wait $job; echo $?; cat err");
  BOOST_TEST(contains(ended.out, "130\n"), ended.out << ended.err);
  BOOST_TEST(contains(ended.out, "Interrupted. The rows that were under way are in as a whole or not at all"),
             ended.out);
  BOOST_TEST(sql("SELECT count(*) FROM person") == "0\n");
}

BOOST_AUTO_TEST_SUITE_END()
