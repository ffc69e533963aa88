/// Two processes that migrate at once, again and again.

#include <millrace/tests/tools/common/shell_fixture.hpp>

#include <string>

#include <boost/test/unit_test.hpp>

BOOST_FIXTURE_TEST_SUITE(migrators_suite, millrace::test::shell_fixture)

/// Each start of both finds one more migration. One in seven is killed at some moment, of which nobody takes notice.
BOOST_AUTO_TEST_CASE(of_two_processes_that_are_started_200_times_each_migration_is_applied_once_and_nobody_hangs) {
  const auto ended = shell(
    "$M init data > said && mkdir -p migrations/main && { $M serve --data data --listen 127.0.0.1:0 --listen-operator "
    "127.0.0.1:0 > up 2> log & server=$!; } && trap 'kill $server' EXIT;"
    "until grep -q operator up; do sleep 0.05; done;"
    "set -- $(cat up); at=$5;"
    "for i in $(seq 200); do"
    "  echo \"CREATE TABLE t$i(a); INSERT INTO t$i VALUES ($i);\" > migrations/main/${i}_m.up.sql;"
    "  timeout 60 $M migrate up --connect $at > one 2>&1 & one=$!;"
    "  timeout 60 $M migrate up --connect $at > other 2>&1 & other=$!;"
    "  if [ $((i % 7)) = 0 ]; then sleep 0.0$((i / 7)); pkill -KILL -P $one 2> none;"
    "  else wait $one || { echo \"$i: $?\"; cat one; }; fi;"
    "  wait $other || { echo \"$i: $?\"; cat other; };"
    "done;"
    "$M sql --connect $at --csv \"SELECT (SELECT count(*) FROM millrace_migrations) AS applied,"
    " (SELECT count(*) FROM sqlite_schema WHERE name GLOB 't[0-9]*') AS tables\";"
    "$M schema history --connect $at --json | grep -o '\"step\":\"up\"' | wc -l");
  BOOST_TEST(ended.out == "applied,tables\n200,200\n200\n", ended.out << ended.err);
}

BOOST_AUTO_TEST_SUITE_END()
