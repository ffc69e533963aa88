/// `millrace quarantine` as a shell runs it.

#include <millrace/tests/support/contains.hpp>
#include <millrace/tests/tools/common/shell_fixture.hpp>

#include <boost/test/unit_test.hpp>

#include <string>

using millrace::test::contains;

BOOST_FIXTURE_TEST_SUITE(quarantine_command_suite, millrace::test::shell_fixture)

BOOST_AUTO_TEST_CASE(the_number_that_is_named_as_waiting_can_be_set_aside,
                     *boost::unit_test::precondition(millrace::test::may_mount)) {
  // The log has its room, and then something else takes all that is left.
  const auto ended = shell(
    "exec unshare --mount sh -c 'mkdir small && mount -t tmpfs -o size=36m tmpfs small &&"
    "echo \"CREATE TABLE t(a)\" > t.sql && { $0 serve --data small/data --create --schema t.sql --listen 127.0.0.1:0 "
    "--listen-operator 127.0.0.1:0 > up 2> log & server=$!; } &&"
    "until grep -q Serving up; do kill -0 $server || exit 1; sleep 0.05; done; set -- $(cat up); place=${4%,}; desk=$5;"
    "$0 sql --connect $place \"DELETE FROM t WHERE 0\" > deleted && dd if=/dev/zero of=small/all bs=4k 2> /dev/null;"
    "{ $0 sql --connect $place --timeout 20 \"WITH RECURSIVE c(i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM c LIMIT "
    "25) "
    "INSERT INTO t SELECT hex(zeroblob(5000)) FROM c\" 2> failed & asked=$!; };"
    "until $0 quarantine set-aside 99 --connect $desk 2> said; grep -q \"Waiting to be applied\" said; do "
    "kill -0 $asked || break; sleep 0.1; done;"
    "$0 quarantine set-aside $(grep -o \"applied: [0-9]*\" said | grep -o \"[0-9]*\") --connect $desk; code=$?;"
    "kill $asked; kill -9 $server; cat said >&2; exit $code' $M");
  BOOST_TEST(ended.code == 0, ended.err);
  BOOST_TEST(contains(ended.out, " is set aside; it had no effect"), ended.out);
  BOOST_TEST(contains(ended.err, "seq 99 does not wait to be applied"), ended.err);
}

BOOST_AUTO_TEST_SUITE_END()
