#include <millrace/storage/queue/log.hpp>
#include <millrace/storage/sqlite/database.hpp>
#include <millrace/tests/support/actors/engine_fixture.hpp>
#include <millrace/tests/support/log_listener.hpp>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <sys/stat.h>
#include <unistd.h>

using namespace millrace;
using namespace millrace::test;

namespace {

struct open_fixture : engine_fixture {
  std::filesystem::path script(const std::string& name, const std::string& text) {
    const auto file = folder.path() / name;
    std::ofstream{file} << text;
    return file;
  }

  /// Goes on with the folder as a process leaves it that is killed now.
  void leave_as_if_killed() {
    const auto left = folder.path() / "left";
    std::filesystem::copy(settings.data, left, std::filesystem::copy_options::recursive);
    tested.reset();
    settings.data = left;
    struct stat lock {};
    BOOST_REQUIRE(::stat((left / "LOCK").c_str(), &lock) == 0);
    std::ifstream written{left / "LOCK"};
    std::string line;
    std::getline(written, line);
    std::ofstream{left / "LOCK"} << line << "\ninode " << lock.st_ino << '\n';
  }

  void remove_journal() {
    std::filesystem::remove(database().string() + "-wal");
    std::filesystem::remove(database().string() + "-shm");
  }
};

bool mentions(const failure& why, const std::string& text) {
  return to_string(why).find(text) != std::string::npos;
}

} // namespace

/// What `millrace::open` refuses, and how it says so; and the schema it applies.
BOOST_FIXTURE_TEST_SUITE(engine_open_suite, open_fixture)

BOOST_AUTO_TEST_CASE(a_missing_folder_is_refused_unless_it_may_be_made) {
  settings.create_if_missing = false;
  const auto why = refusal();
  BOOST_TEST(why.code == errc::folder_missing);
  BOOST_TEST(mentions(why, settings.data.string()));
  BOOST_TEST(!std::filesystem::exists(settings.data));
  settings.create_if_missing = true;
  open();
}

BOOST_AUTO_TEST_CASE(a_folder_that_cannot_be_written_is_refused) {
  if (::geteuid() == 0) {
    std::cerr << "skipped: root may write everywhere\n";
    return;
  }
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  const auto why = refusal();
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_all);
  BOOST_TEST(why.code == errc::folder_not_writable);
}

BOOST_AUTO_TEST_CASE(a_folder_in_use_is_refused_and_the_process_is_named) {
  open();
  const auto why = refusal();
  BOOST_TEST(why.code == errc::folder_locked);
  BOOST_TEST(mentions(why, std::to_string(::getpid())));
  tested.reset();
  open(); // The lock went with the engine.
}

BOOST_AUTO_TEST_CASE(a_folder_is_free_once_its_engine_is_closed) {
  open("CREATE TABLE t(n INTEGER)");
  tested->close();
  auto second = millrace::open(system, settings);
  BOOST_REQUIRE_MESSAGE(second, (second ? "" : to_string(second.error())));
  BOOST_TEST(client(system, second->front()).execute("INSERT INTO t VALUES (1)").has_value());
}

BOOST_AUTO_TEST_CASE(many_short_lives_leave_a_folder_as_small_as_what_it_holds) {
  for (int life = 0; life < 20; ++life) {
    open("CREATE TABLE t(n INTEGER)");
    BOOST_REQUIRE(connect().execute("INSERT INTO t VALUES (?1)", life));
  }
  tested.reset();
  std::uintmax_t bytes = 0;
  for (const auto& one : std::filesystem::directory_iterator{settings.data / "queue"}) {
    bytes += one.file_size();
  }
  BOOST_TEST(bytes < 16 * 1024u);
  BOOST_TEST(rows("SELECT count(*), sum(n) FROM t") == "20|190");
}

BOOST_AUTO_TEST_CASE(a_life_that_was_idle_before_it_ended_leaves_a_small_folder_too) {
  open("CREATE TABLE t(n INTEGER)");
  auto db = connect();
  BOOST_REQUIRE(db.execute("INSERT INTO t VALUES (1)"));
  BOOST_REQUIRE(eventually([&] {
    const auto report = db.health();
    return report && report->checkpointed_seq == report->durable_seq;
  }));
  tested.reset();
  for (const auto& one : std::filesystem::directory_iterator{settings.data / "queue"}) {
    BOOST_TEST(one.file_size() < 16 * 1024u, one.path());
  }
}

BOOST_AUTO_TEST_CASE(what_lives_that_were_killed_left_in_the_log_is_released_while_the_next_one_runs) {
  open("CREATE TABLE t(n INTEGER)");
  BOOST_REQUIRE(connect().execute("INSERT INTO t VALUES (1)"));
  tested.reset();
  const auto applied = std::stoull(rows("SELECT applied_seq FROM millrace_meta"));
  const auto identity = storage::sqlite::make_database(database())->prepare(false);
  BOOST_REQUIRE(identity);
  for (auto last = applied; last < applied + 10; ++last) {
    storage::recovery_report report;
    auto log = storage::log::open(storage::posix_file_system(), settings.data / "queue", identity->id, applied,
                                  settings.log, report);
    BOOST_REQUIRE(log);
    BOOST_REQUIRE(log->append({last + 1, 1, {execute("INSERT INTO t VALUES (2)")}}));
  }
  open();
  const auto segments = [&] {
    return std::ranges::count_if(std::filesystem::directory_iterator{settings.data / "queue"},
                                 [](const auto& one) { return one.path().extension() == ".waq"; });
  };
  BOOST_TEST(eventually([&] { return segments() <= 2; }));
  BOOST_TEST(rows("SELECT sum(n) FROM t") == "21");
}

BOOST_AUTO_TEST_CASE(a_copy_of_a_folder_in_use_is_looked_through_and_refused_where_it_is_damaged) {
  open("CREATE TABLE t(n INTEGER, filling TEXT)");
  auto db = connect();
  for (int i = 0; i < 20; ++i) {
    BOOST_REQUIRE(db.execute("INSERT INTO t VALUES (?1, ?2)", i, std::string(4'000, 'x')));
  }
  const auto sound = folder.path() / "sound copy";
  std::filesystem::copy(settings.data, sound, std::filesystem::copy_options::recursive);
  tested.reset();
  const auto copy = folder.path() / "damaged copy";
  std::filesystem::copy(sound, copy, std::filesystem::copy_options::recursive);
  // Of a later moment than the rest, or of an earlier one: some page is not what the others say.
  std::filesystem::remove(copy / "database.sqlite3-wal");
  std::filesystem::copy_file(database(), copy / "database.sqlite3", std::filesystem::copy_options::overwrite_existing);
  std::fstream{copy / "database.sqlite3", std::ios::in | std::ios::out | std::ios::binary}.seekp(3 * 4096)
    << std::string(4096, '\x05');
  settings.data = copy;
  const auto why = refusal();
  BOOST_TEST(why.code == errc::corrupt);
  BOOST_TEST(why.detail.find("is a copy that was made while an engine had the folder open") != std::string::npos);
  BOOST_TEST(refusal().code == errc::corrupt); // Looking at it does not make it whole.
  settings.data = sound;
  open();
  BOOST_TEST(rows("SELECT count(*) FROM t") == "20");
}

BOOST_AUTO_TEST_CASE(the_look_through_a_copy_ends_where_opening_is_called_off_and_is_due_at_the_next) {
  open("CREATE TABLE t(n INTEGER)");
  BOOST_REQUIRE(connect().execute(
    "INSERT INTO t WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 100000) SELECT n FROM c"));
  const auto copy = folder.path() / "copy";
  std::filesystem::copy(settings.data, copy, std::filesystem::copy_options::recursive);
  tested.reset();
  settings.data = copy;
  const std::atomic<bool> called_off = true;
  settings.opening_called_off = &called_off;
  const log_listener heard;
  BOOST_TEST(refusal().code == errc::shutting_down);
  BOOST_TEST(heard.has("its database is looked through"));
  BOOST_TEST(!heard.has("shows no damage"));
  settings.opening_called_off = nullptr;
  open();
  BOOST_TEST(heard.has("shows no damage"));
}

BOOST_AUTO_TEST_CASE(what_a_database_lost_with_the_log_of_sqlite_is_applied_again) {
  open("CREATE TABLE t(n INTEGER)");
  for (int i = 1; i <= 3; ++i) {
    BOOST_REQUIRE(connect().execute("INSERT INTO t VALUES (?1)", i));
  }
  leave_as_if_killed();
  remove_journal();
  const log_listener heard;
  open();
  BOOST_TEST(heard.has("has lost SQLite's log; its database is looked through"));
  BOOST_TEST(rows("SELECT count(*), sum(n) FROM t") == "3|6");
}

BOOST_AUTO_TEST_CASE(a_database_that_is_damaged_without_the_log_of_sqlite_is_refused_and_an_older_copy_will_do) {
  open("CREATE TABLE t(n INTEGER, filling TEXT)");
  const auto add = [this](int n) {
    return connect().execute("INSERT INTO t VALUES (?1, ?2)", n, std::string(4'000, 'x')).has_value();
  };
  BOOST_REQUIRE(add(1));
  const auto copy = folder.path() / "copy";
  plain_connection{database()}.execute("VACUUM INTO '" + copy.string() + "'");
  for (int i = 2; i <= 20; ++i) {
    BOOST_REQUIRE(add(i));
  }
  leave_as_if_killed();
  plain_connection{database()}.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  remove_journal();
  std::fstream{database(), std::ios::in | std::ios::out | std::ios::binary}.seekp(9 * 4096)
    << std::string(4096, '\x05');
  for (int i = 0; i < 2; ++i) { // Looking at it does not make it whole.
    const auto why = refusal();
    BOOST_TEST(why.code == errc::corrupt);
    BOOST_TEST(mentions(why, "has lost database.sqlite3-wal"));
    BOOST_TEST(mentions(why, "An older copy of the database will do"));
  }
  remove_journal();
  std::filesystem::rename(copy, database());
  open();
  BOOST_TEST(rows("SELECT count(*), sum(n) FROM t") == "20|210");
}

BOOST_AUTO_TEST_CASE(a_folder_of_something_else_is_refused_and_left_alone) {
  std::filesystem::create_directory(settings.data);
  std::ofstream{settings.data / "thesis.txt"} << "important";
  BOOST_TEST(refusal().code == errc::folder_foreign);
  BOOST_TEST(std::distance(std::filesystem::directory_iterator{settings.data}, {}) == 1);
}

BOOST_AUTO_TEST_CASE(a_database_of_something_else_is_refused) {
  std::filesystem::create_directory(settings.data);
  plain_connection{database()}.execute("CREATE TABLE other(x)");
  BOOST_TEST(refusal().code == errc::folder_foreign);
  BOOST_TEST(std::distance(std::filesystem::directory_iterator{settings.data}, {}) == 1);
}

BOOST_AUTO_TEST_CASE(a_folder_that_is_made_in_vain_is_removed) {
  settings.schema = {settings.data / "missing.sql"};
  BOOST_TEST(refusal().code == errc::file_not_found);
  BOOST_TEST(!std::filesystem::exists(settings.data));
}

BOOST_AUTO_TEST_CASE(a_folder_whose_schema_fails_is_removed_where_it_was_made_and_stays_where_it_was_there) {
  settings.schema = {script("0001_good.sql", "CREATE TABLE t(n)"), script("0002_bad.sql", "CREATE TABL u(n)")};
  BOOST_TEST(refusal().code == errc::bad_sql);
  BOOST_TEST(!std::filesystem::exists(settings.data));
  std::filesystem::create_directory(settings.data);
  BOOST_TEST(refusal().code == errc::bad_sql);
  BOOST_TEST(std::filesystem::is_empty(settings.data));
  settings.schema.pop_back();
  open();
  BOOST_REQUIRE(connect().execute("INSERT INTO t VALUES (1)"));
  tested.reset();
  settings.schema.push_back(folder.path() / "0002_bad.sql");
  BOOST_TEST(refusal().code == errc::bad_sql);
  BOOST_TEST(rows("SELECT n FROM t") == "1");
}

BOOST_AUTO_TEST_CASE(a_folder_that_a_newer_program_wrote_is_refused) {
  open();
  tested.reset();
  plain_connection{database()}.execute("UPDATE millrace_meta SET format_version = 99");
  const auto why = refusal();
  BOOST_TEST(why.code == errc::folder_newer);
  BOOST_TEST(mentions(why, "99"));
}

BOOST_AUTO_TEST_CASE(another_database_beside_the_log_of_sqlite_that_was_left_is_refused_and_nothing_is_changed) {
  const auto ours = settings.data;
  settings.data = folder.path() / "theirs";
  open("CREATE TABLE t(n INTEGER)");
  const auto theirs = database();
  tested.reset();
  settings.data = ours;
  open("CREATE TABLE t(n INTEGER)");
  for (int i = 1; i <= 3; ++i) {
    BOOST_REQUIRE(connect().execute("INSERT INTO t VALUES (?1)", i));
  }
  leave_as_if_killed();
  const auto aside = folder.path() / "aside";
  std::filesystem::rename(database(), aside);
  std::filesystem::copy_file(theirs, database());
  const auto dumped = plain_connection{theirs}.rows("SELECT * FROM millrace_meta");
  const auto why = refusal();
  BOOST_TEST(why.code == errc::database_gone);
  BOOST_TEST(mentions(why, "another database than the one whose log is beside it"));
  std::filesystem::rename(database(), theirs);
  BOOST_TEST(plain_connection{theirs}.rows("SELECT * FROM millrace_meta") == dumped);
  std::filesystem::rename(aside, database());
  open();
  BOOST_TEST(rows("SELECT count(*), sum(n) FROM t") == "3|6");
}

BOOST_AUTO_TEST_CASE(a_database_that_was_written_under_another_log_is_refused_and_nothing_is_lost) {
  const auto ours = settings.data;
  const auto theirs = folder.path() / "theirs";
  const auto add_at = [&](const std::filesystem::path& data, int rows) {
    settings.data = data;
    open("CREATE TABLE t(a)");
    for (int i = 0; i < rows; ++i) {
      BOOST_REQUIRE(connect().execute("INSERT INTO t VALUES (?1)", data.filename().string()));
    }
    tested.reset();
    settings.data = ours;
  };
  const auto refused = [&] {
    const auto aside = folder.path() / "aside";
    std::filesystem::rename(ours / "database.sqlite3", aside);
    std::filesystem::rename(theirs / "database.sqlite3", ours / "database.sqlite3");
    std::filesystem::rename(aside, theirs / "database.sqlite3");
    const auto why = refusal();
    BOOST_TEST(why.code == errc::database_gone);
    BOOST_TEST(mentions(why, "put back the database that belongs to this log"));
    std::filesystem::rename(theirs / "database.sqlite3", aside);
    std::filesystem::rename(ours / "database.sqlite3", theirs / "database.sqlite3");
    std::filesystem::rename(aside, ours / "database.sqlite3");
  };
  add_at(ours, 1);
  std::filesystem::copy(ours, theirs, std::filesystem::copy_options::recursive);
  add_at(theirs, 2);
  refused(); // It is ahead of our log,
  add_at(ours, 2);
  refused(); // as far,
  std::filesystem::remove_all(theirs);
  std::filesystem::copy(ours, theirs, std::filesystem::copy_options::recursive);
  add_at(theirs, 2);
  add_at(ours, 4);
  refused(); // and behind.
  open();
  BOOST_TEST(rows("SELECT a, count(*) FROM t GROUP BY a") == "data|7");
}

BOOST_AUTO_TEST_CASE(options_that_make_no_sense_are_refused) {
  settings.read.readers = 0;
  BOOST_TEST(refusal().code == errc::bad_option);
  settings.read.readers = 1;
  settings.admission.inflight_transactions_max = 0;
  BOOST_TEST(refusal().code == errc::bad_option);
  settings.admission.inflight_transactions_max = 1;
  settings.data.clear();
  BOOST_TEST(refusal().code == errc::bad_option);
}

BOOST_AUTO_TEST_CASE(schema_files_are_applied_once_each_in_order) {
  settings.schema = {script("0001_a.sql", "CREATE TABLE a(n); INSERT INTO a VALUES (1);"),
                     script("0002_b.sql", "INSERT INTO a VALUES (2);")};
  open();
  open();
  settings.schema.push_back(script("0003_c.sql", "INSERT INTO a VALUES (3)"));
  open();
  open();
  BOOST_TEST(rows("SELECT n FROM a ORDER BY rowid") == "1\n2\n3");
}

BOOST_AUTO_TEST_CASE(a_schema_file_that_changed_after_it_was_applied_is_refused) {
  settings.schema = {script("0001_a.sql", "CREATE TABLE a(n)")};
  open();
  tested.reset();
  script("0001_a.sql", "CREATE TABLE a(n, m)");
  const auto why = refusal();
  BOOST_TEST(why.code == errc::schema_changed);
  BOOST_TEST(mentions(why, "0001_a.sql"));
  script("0001_a.sql", "CREATE TABLE a(n)");
  open();
}

BOOST_AUTO_TEST_CASE(a_schema_file_that_is_missing_is_refused_by_name) {
  settings.schema = {folder.path() / "0001_typo.sql"};
  const auto why = refusal();
  BOOST_TEST(why.code == errc::file_not_found);
  BOOST_TEST(mentions(why, "0001_typo.sql"));
}

BOOST_AUTO_TEST_CASE(a_schema_file_that_cannot_be_read_is_refused_by_name_and_an_empty_one_is_none) {
  settings.schema = {folder.path()};
  const auto why = refusal();
  BOOST_TEST(why.code == errc::bad_option);
  BOOST_TEST(mentions(why, "is a folder; name the files in it"));
  settings.schema = {"/proc/self/mem"};
  BOOST_TEST(mentions(refusal(), "cannot be read"));
  script("0001_empty.sql", "");
  settings.schema = {folder.path() / "0001_empty.sql"};
  open();
}

BOOST_AUTO_TEST_CASE(a_script_that_fails_leaves_nothing_behind_and_may_be_corrected) {
  open();
  tested.reset();
  settings.scripts = {{"0001", "CREATE TABLE a(n)"}, {"0002", "CREATE TABLE b(n); INSERT INTO nowhere VALUES (1)"}};
  const auto why = refusal();
  BOOST_TEST(why.code == errc::bad_sql);
  BOOST_TEST(mentions(why, "0002"));
  BOOST_TEST(rows("SELECT name FROM sqlite_schema WHERE name IN ('a', 'b')") == "a");
  settings.scripts[1].sql = "CREATE TABLE b(n)";
  open();
  BOOST_TEST(rows("SELECT name FROM sqlite_schema WHERE name IN ('a', 'b') ORDER BY name") == "a\nb");
}

BOOST_AUTO_TEST_CASE(two_scripts_of_one_name_are_refused) {
  settings.scripts = {{"0001", "CREATE TABLE a(n)"}, {"0001", "CREATE TABLE b(n)"}};
  BOOST_TEST(refusal().code == errc::bad_option);
}

BOOST_AUTO_TEST_CASE(statements_compiled_before_a_new_schema_work_after_it) {
  open("CREATE TABLE a(n)");
  BOOST_REQUIRE(connect().execute("INSERT INTO a VALUES (1)"));
  settings.scripts.push_back({"0002", "ALTER TABLE a ADD COLUMN m DEFAULT 'new'"});
  open();
  BOOST_TEST(code_of(connect().execute("INSERT INTO a VALUES (1)")) == errc::bad_sql);
  BOOST_REQUIRE(connect().execute("INSERT INTO a(n) VALUES (2)"));
  BOOST_TEST(rows("SELECT n, m FROM a ORDER BY n") == "1|new\n2|new");
}

BOOST_AUTO_TEST_CASE(a_schema_that_cannot_be_changed_since_the_database_is_damaged_is_not_waited_for) {
  settings.scripts = {{"0001", "CREATE TABLE t(a)"}};
  settings.on_escalation = [](const std::string&) {};
  open();
  for (int i = 0; i < 10; ++i) {
    BOOST_REQUIRE(connect().execute("INSERT INTO t VALUES (randomblob(20000))").has_value());
  }
  tested.reset();
  const auto size = std::filesystem::file_size(database());
  constexpr std::uintmax_t kept = 120'000; // Millrace's tables, and the first rows.
  BOOST_REQUIRE(size > kept);
  std::filesystem::resize_file(database(), kept);
  std::filesystem::resize_file(database(), size);
  settings.scripts.push_back({"0002", "CREATE INDEX i ON t(a)"});
  const auto why = refusal();
  BOOST_TEST(why.code == errc::corrupt);
  BOOST_TEST(mentions(why, "schema script 0002"), to_string(why));
}

BOOST_AUTO_TEST_SUITE_END()
