/// `millrace init`, `migrate` and `schema`, and SQL that changes the schema, as a shell runs them.

#include <millrace/tests/support/contains.hpp>
#include <millrace/tests/tools/common/shell_fixture.hpp>

#include <boost/test/unit_test.hpp>

#include <string>

namespace {

using millrace::test::contains;

struct migrate_fixture : millrace::test::shell_fixture {
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
  BOOST_TEST(
    contains(ended.err, "That is what begins in line 4. What stands before it took effect, nothing was run after it."),
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
  BOOST_TEST(contains(run("migrate verify --data data", 1),
                      "main/0001_person: its file was changed or renamed after it was applied"));
  BOOST_TEST(contains(run("migrate up --data data", 1), "`millrace migrate repair`"));
  BOOST_TEST(run("migrate repair --data data") == "-- recorded anew: main/0001_person\n");
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
  BOOST_TEST(shell("rm migrations/main/*").code == 0);
  BOOST_TEST(contains(run("migrate verify --data data", 1), "`millrace migrate repair --set main`"));
  run("migrate repair --set main --data data");
  run("migrate verify --data data");
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

BOOST_AUTO_TEST_CASE(a_new_migration_is_not_applied_before_it_is_written_and_is_made_nowhere_else) {
  run("migrate new third");
  BOOST_TEST(contains(run("migrate up --data data", 2), "there is no statement in it"));
  BOOST_TEST(contains(run("migrate new --set ../../outside x", 2), "letters, digits"));
}

BOOST_AUTO_TEST_CASE(what_was_done_and_found_is_told_as_json) {
  const auto done = run("migrate --json up --data data");
  BOOST_TEST(contains(done, R"([{"set":"main","version":1,"name":"person","step":"up","took_ms":)"), done);
  BOOST_TEST(run("migrate verify --json --data data") == "[]\n");
  BOOST_TEST(contains(run("migrate verify --dry-run --data data", 2), "it is for up, down and goto"));
  BOOST_TEST(contains(run("migrate --dry-run down --data data"), "Nothing of this was kept."));
}

BOOST_AUTO_TEST_CASE(a_dump_of_sqlite3_is_taken_whole_and_a_changed_schema_can_be_accepted) {
  const auto ended = shell(
    "printf 'PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t(a);\nINSERT INTO t VALUES "
    "(1);\nCOMMIT;\n' | $M sql --data data -f - && $M sql --data data --csv 'SELECT a FROM t'");
  BOOST_TEST(ended.out == "The schema is changed.\na\n1\n", ended.err);
  BOOST_TEST(contains(run("schema accept --data data"), "counts as it should be"));
  BOOST_TEST(contains(run("schema history --data data"), "adopt"));
}

BOOST_AUTO_TEST_CASE(status_and_verify_say_why_what_is_pending_can_never_be_applied) {
  const auto require = [&](const std::string& file, const std::string& what) {
    shell("echo '-- requires: " + what + "' | cat - migrations/main/" + file + " > text && mv text migrations/main/"
          + file);
  };
  require("0002_born.up.sql", "core/0001");
  BOOST_TEST(contains(run("migrate status --data data"),
                      "Not all can be applied: main/0002_born needs core/0001, which is not applied and has no file"));
  BOOST_TEST(contains(run("migrate verify --data data", 1), "main/0002_born needs core/0001"));
  shell("mkdir migrations/core; echo 'CREATE TABLE c(a);' > migrations/core/0001_c.up.sql");
  run("migrate verify --data data");
  shell(
    "echo '-- requires: main/0002' | cat - migrations/core/0001_c.up.sql > text && mv text "
    "migrations/core/0001_c.up.sql");
  BOOST_TEST(contains(run("migrate verify --data data", 1), "a cycle"));
  BOOST_TEST(contains(run("migrate verify --json --data data", 1), "a cycle"));
  BOOST_TEST(contains(run("migrate status --data data"), "a cycle"));
}

BOOST_AUTO_TEST_CASE(an_interrupt_ends_a_migration_that_does_not_end_and_says_what_is_not_known) {
  const auto ended = shell(
    "echo 'CREATE TABLE l AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) AS n FROM "
    "c;' > "
    "migrations/main/0003_loop.up.sql; $M migrate up --data data > out 2> err & job=$!;"
    "until grep -q 'main/0002_born up' out; do kill -0 $job || exit 9; sleep 0.05; done; kill -INT $job; wait $job; "
    "echo $?; cat err");
  BOOST_TEST(ended.out.starts_with("130\n"), ended.out);
  BOOST_TEST(contains(ended.out, "`millrace migrate status` tells"), ended.out);
}

BOOST_AUTO_TEST_CASE(a_dry_run_that_is_interrupted_is_called_off_at_a_server_too) {
  const auto ended = shell(
    "trap 'kill $server' EXIT; $M serve --data data --listen 127.0.0.1:0 --listen-operator 127.0.0.1:0 > up & "
    "server=$!;"
    "until grep -q Serving up; do kill -0 $server || exit 1; sleep 0.05; done; set -- $(cat up); place=${4%,}; desk=$5;"
    "$M migrate up --connect $desk > said; "
    "echo 'CREATE TABLE l AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) AS n FROM "
    "c;' > migrations/main/0003_loop.up.sql; $M migrate up --dry-run --connect $desk > out 2> err & job=$!;"
    "until grep -q 'Trying it' err; do kill -0 $job || exit 9; sleep 0.05; done; kill -INT $job; wait $job; echo $?;"
    "cat err;"
    "$M sql --connect $place \"INSERT INTO person(name) VALUES ('Ada')\"");
  BOOST_TEST(ended.out.starts_with("130\n"), ended.out);
  BOOST_TEST(contains(ended.out, "Interrupted. Nothing of it was kept.\n"), ended.out);
  BOOST_TEST(contains(ended.out, "1 row changed."), ended.out << ended.err);
}

BOOST_AUTO_TEST_CASE(what_is_in_the_log_and_not_applied_yet_is_not_called_pending_in_silence) {
  const auto ended = shell(
    "trap 'kill $server' EXIT; $M serve --data data --listen 127.0.0.1:0 --listen-operator 127.0.0.1:0 > up & "
    "server=$!;"
    "until grep -q Serving up; do kill -0 $server || exit 1; sleep 0.05; done; set -- $(cat up); desk=$5;"
    "$M migrate up --connect $desk > said; $M migrate status --connect $desk;"
    "echo 'CREATE TABLE l AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) AS n FROM "
    "c;' > migrations/main/0003_loop.up.sql; $M migrate up --connect $desk 2> err & job=$!;"
    "until grep -q 0003_loop err; do kill -0 $job || exit 9; sleep 0.05; done; kill -INT $job; wait $job; echo $?;"
    "$M migrate status --connect $desk");
  BOOST_TEST(contains(ended.out, "\n130\n"), ended.out);
  BOOST_TEST(contains(ended.out, "main/0003_loop    pending"), ended.out);
  BOOST_TEST(contains(ended.err, "Of the log 1 entry is still to be applied, and what it does is not shown here.\n"),
             ended.err);
}

BOOST_AUTO_TEST_CASE(hooks_in_files_are_run_tried_and_told) {
  BOOST_TEST(shell("cd migrations/main && echo 'CREATE TABLE IF NOT EXISTS said(what)' > before_run.sql &&"
                   "printf -- \"-- Who was here.\\nINSERT INTO said VALUES ('each');\\n\" > after_each.sql &&"
                   "echo \"INSERT INTO said VALUES ('two')\" > 0002_born.before.sql")
               .code
             == 0);
  const auto tried = run("migrate up --data data --dry-run");
  BOOST_TEST(contains(tried, "main/before_run.sql: would take"), tried);
  const auto done = run("migrate up --data data");
  BOOST_TEST(contains(done, "main/before_run.sql: "), done);
  BOOST_TEST(run("sql --data data --csv 'SELECT group_concat(what) AS w FROM said'") == "w\n\"each,two,each\"\n");
  const auto history = run("schema history --data data");
  BOOST_TEST(contains(history, "main/before_run.sql"), history);
  BOOST_TEST(contains(run("schema history --data data --json"), "-- main/after_each.sql"));
  BOOST_TEST(contains(run("migrate up --data data"), "There is nothing to do."));
  BOOST_TEST(
    shell("cd migrations/main && echo 'CREATE TABLE x(a);' > 0003_x.up.sql && printf 'SELECT 1;\\n\\nSELECT y;' > "
          "before_each.sql")
      .code
    == 0);
  const auto failed = run("migrate up --data data", 1);
  BOOST_TEST(contains(failed, "migration main/3 x, up: main/before_each.sql: statement 2 (line 3): "), failed);
}

BOOST_AUTO_TEST_CASE(a_hook_that_a_run_did_not_come_to_is_told_and_run_by_the_next_one) {
  shell("echo 'SELECT nothing;' > migrations/main/after_run.sql");
  BOOST_TEST(contains(run("migrate up --data data", 1), "main/after_run.sql: statement 1 (line 1): "));
  const auto status = run("migrate status --data data");
  BOOST_TEST((contains(status, "main/after_run.sql  owed ") && contains(status, "`millrace migrate up` runs it")),
             status);
  BOOST_TEST(contains(run("migrate status --data data --json"), R"("name":"main/after_run.sql","state":"owed")"));
  run("migrate verify --data data");
  shell("echo 'CREATE VIEW v AS SELECT 1;' > migrations/main/after_run.sql");
  const auto done = run("migrate up --data data");
  BOOST_TEST(done.starts_with("main/after_run.sql: "), done);
  BOOST_TEST(contains(run("migrate up --data data"), "There is nothing to do."));
  BOOST_TEST(!contains(run("migrate status --data data"), "after_run"));
}

BOOST_AUTO_TEST_CASE(a_migration_beyond_its_timeout_is_called_off_also_after_it_was_killed_in_the_midst) {
  const auto ended = shell(
    "printf -- '-- timeout: 2s\\nCREATE TABLE l AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) "
    "SELECT count(*) AS n FROM c;' > migrations/main/0003_loop.up.sql; $M migrate up --data data > out 2> err & job=$!;"
    "until grep -q 'main/0002_born up' out; do kill -0 $job || exit 9; sleep 0.05; done; sleep 0.5; kill -9 $job; "
    "wait $job; $M sql --data data --csv 'SELECT count(*) AS n FROM person' && $M migrate up --data data; echo $?;"
    "$M quarantine list --data data; echo 'CREATE TABLE l(n);' > migrations/main/0003_loop.up.sql; $M migrate up "
    "--data "
    "data");
  BOOST_TEST(ended.out.starts_with("n\n0\n1\n"), ended.out);
  BOOST_TEST(
    contains(ended.err, "migration main/3 loop, up: it took longer than its timeout of 2 s, and nothing of it"),
    ended.err);
  BOOST_TEST(contains(ended.out, "main/0003_loop up: "), ended.out);
}

BOOST_AUTO_TEST_CASE(what_is_no_file_or_no_set_is_refused_by_name) {
  BOOST_TEST(shell("mkfifo migrations/main/0003_pipe.up.sql").code == 0);
  BOOST_TEST(contains(run("migrate up --data data", 2), "0003_pipe.up.sql: it is no file"));
  BOOST_TEST(
    shell("rm migrations/main/0003_pipe.up.sql; mkdir 'migrations/bad set' migrations/notes&& echo 'SELECT 1' > "
          "'migrations/bad set/0001_x.up.sql'; touch migrations/main/.0003_editor.up.sql")
      .code
    == 0);
  BOOST_TEST(contains(run("migrate up --data data", 2), "bad set: no set of migrations may be called so"));
  BOOST_TEST(shell("rm -r 'migrations/bad set'").code == 0);
  run("migrate up --data data");
}

BOOST_AUTO_TEST_CASE(a_dump_can_be_loaded_though_its_objects_end_in_comments) {
  run("sql --data data \"CREATE VIEW v AS SELECT 1 AS a -- one\"");
  run("sql --data data \"CREATE VIEW w AS SELECT a FROM v\"");
  BOOST_TEST(
    shell("$M schema dump --data data > dump.sql && $M init other > said && $M sql --data other -f dump.sql").code
    == 0);
}

BOOST_AUTO_TEST_CASE(a_backfill_shows_how_far_it_is_and_is_paused_resumed_and_ended) {
  run("migrate up --data data");
  run(
    "sql --data data \"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) "
    "INSERT INTO person(name, born) SELECT 'Ada', 0 FROM n\"");
  shell(
    "$M migrate new fill > files; printf -- '-- backfill: person\\nUPDATE person SET born = born + 1 WHERE rowid "
    "BETWEEN :first AND :last;\\n' > migrations/main/0003_fill.up.sql;"
    "echo 'UPDATE person SET born = 0;' > migrations/main/0003_fill.down.sql");
  BOOST_TEST(contains(run("migrate up --data data --dry-run"), "would take"));
  BOOST_TEST(contains(run("migrate pause --data data", 1), "of set main no backfill is under way."));
  BOOST_TEST(contains(run("migrate up --data data"), "main/0003_fill up: "));
  BOOST_TEST(run("sql --data data 'SELECT sum(born) AS s FROM person' --csv") == "s\n500\n");
  BOOST_TEST(contains(run("migrate status --data data"), "main/0003_fill    applied"));
  BOOST_TEST(contains(run("migrate down --data data"), "main/0003_fill down: "));
}

BOOST_AUTO_TEST_SUITE_END()
