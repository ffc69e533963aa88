#include <millrace/storage/queue/log.hpp>
#include <millrace/storage/sqlite/database.hpp>
#include <millrace/tests/support/environment.hpp>
#include <millrace/tests/support/process/opened.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <random>

#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

namespace {

using namespace millrace;
using namespace millrace::test;

namespace fs = std::filesystem;

constexpr auto first_script = R"(
CREATE TABLE note(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  body TEXT NOT NULL CHECK (length(body) < 100),
  made TEXT DEFAULT CURRENT_TIMESTAMP,
  dice INTEGER DEFAULT (random()),
  bytes BLOB DEFAULT (randomblob(12)),
  parent INTEGER REFERENCES note(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX note_by_parent ON note(parent);
CREATE TABLE journal(note INTEGER, at TEXT, token BLOB, changed INTEGER);
CREATE TABLE slot(name TEXT PRIMARY KEY, times INTEGER, stamp REAL) WITHOUT ROWID;
CREATE TRIGGER note_added AFTER INSERT ON note BEGIN
  INSERT INTO journal VALUES (new.id, strftime('%Y-%m-%d %H:%M:%f', 'now'), randomblob(4), changes());
END;
CREATE TRIGGER note_forbidden BEFORE INSERT ON note WHEN new.body = 'forbidden' BEGIN
  SELECT RAISE(ROLLBACK, 'forbidden');
END;
)";

constexpr auto second_script = R"(
ALTER TABLE note ADD COLUMN score INTEGER;
UPDATE note SET score = random() % 1000;
CREATE TABLE kept AS SELECT id, randomblob(3) AS token, datetime('now') AS at FROM note ORDER BY random() LIMIT 50;
CREATE INDEX note_by_score ON note(score);
)";

using maker = void (*)(transaction&, std::uint64_t number);

/// Everything whose result could be another one when it is done again: clock, chance, row ids, counters, and failures
/// that undo more or less of what is around them.
constexpr maker makers[] = {
  [](transaction& work, std::uint64_t number) {
    work.add("INSERT INTO note(body) VALUES (?1)", "note " + std::to_string(number));
  },
  [](transaction& work, std::uint64_t) {
    work.add(
      "INSERT INTO note(body, made, dice) VALUES (datetime('now', '+1 day') || hex(randomblob(5)), CURRENT_TIME, "
      "random()) RETURNING id, dice");
  },
  [](transaction& work, std::uint64_t number) {
    work.add("INSERT INTO note(body) VALUES (?1)", number);
    work.add("INSERT INTO note(body, parent) VALUES ('child of ' || last_insert_rowid(), last_insert_rowid())");
    work.add("UPDATE note SET body = body || ' ' || changes(), dice = random() WHERE id = last_insert_rowid()");
  },
  [](transaction& work, std::uint64_t number) {
    work.add("INSERT INTO note(body) VALUES (?1)", number);
    work.add("INSERT INTO note(body) VALUES (NULL)");
  },
  [](transaction& work, std::uint64_t number) {
    work.add("INSERT INTO note(body) VALUES (?1)", number);
    work.in_group(on_error::continue_after, [](transaction& group) {
      group.add("INSERT INTO note(body) VALUES ('undone ' || random())");
      group.add("INSERT INTO note(body) VALUES (NULL)");
    });
    work.add("INSERT INTO journal VALUES (last_insert_rowid(), CURRENT_DATE, randomblob(2), changes())");
  },
  [](transaction& work, std::uint64_t) {
    work.add(
      "INSERT INTO slot VALUES ('slot ' || abs(random() % 7), 1, julianday('now')) "
      "ON CONFLICT DO UPDATE SET times = times + 1, stamp = excluded.stamp");
  },
  [](transaction& work, std::uint64_t) {
    work.add("DELETE FROM note WHERE id IN (SELECT id FROM note ORDER BY random() LIMIT 1)");
    work.add("INSERT INTO journal(changed) VALUES (changes())");
  },
  [](transaction& work, std::uint64_t number) {
    work.add("INSERT OR REPLACE INTO note(id, body) SELECT id, 'replaced ' || ?1 FROM note ORDER BY id DESC LIMIT 1",
             number);
  },
  [](transaction& work, std::uint64_t number) {
    work.add("INSERT INTO note(body) VALUES (?1)", number);
    work.add("UPDATE slot SET times = 0").expect_rows(99);
  },
  [](transaction& work, std::uint64_t) { work.add("INSERT INTO note(body, parent) VALUES ('orphan', -5)"); },
  [](transaction& work, std::uint64_t) {
    // What an earlier transaction left in the connection must not be seen.
    work.add("INSERT INTO journal(note, changed) VALUES (last_insert_rowid(), changes())");
  },
  [](transaction& work, std::uint64_t) { work.add("DROP TABLE note"); },
  // The last two undo their whole batch, which is then applied again without them.
  [](transaction& work, std::uint64_t number) {
    work.add("INSERT INTO note(body) VALUES (?1)", number);
    work.add("INSERT OR ROLLBACK INTO note(body) VALUES (NULL)");
  },
  [](transaction& work, std::uint64_t) { work.add("INSERT INTO note(body) VALUES ('forbidden')"); },
};

maker any_maker(std::mt19937_64& random) {
  // Rarer than the others, because all that they undo runs once more for each of them.
  const auto choices = std::size(makers) - (random() % 8 == 0 ? 0 : 2);
  return makers[random() % choices];
}

/// Sends many transactions at once, kills the writer in the middle, and counts what became of them.
void send_round(opened& folder, std::mt19937_64& random, std::map<errc, std::size_t>& answers) {
  constexpr std::uint64_t count = 300;
  constexpr std::chrono::minutes time_limit{2};
  caf::scoped_actor self{folder.system()};
  const auto front = folder.served().front();
  const auto kill_at = random() % count;
  std::deque<decltype(self->request(front, time_limit, transaction{}))> requests;
  for (std::uint64_t i = 0; i < count; ++i) {
    transaction work;
    any_maker(random)(work, random() >> 1U);
    requests.push_back(self->request(front, time_limit, std::move(work)));
    if (const auto writer = i == kill_at ? folder.served().child("writer") : caf::actor{}) {
      caf::anon_send_exit(writer, caf::exit_reason::kill);
    }
  }
  for (auto& one : requests) {
    one.receive([&](const outcome&) { ++answers[errc::none]; },
                [&](const caf::error& why) { ++answers[failure_of(why).code]; });
  }
}

/// What a database says, line by line, but for its own identity, for where things lie in its file, and for what changes
/// of its schema took.
std::vector<std::string> dump(const fs::path& file) {
  plain_connection database{file};
  const auto tables = database.lines(
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND name <> 'sqlite_schema' ORDER BY name");
  std::vector<std::string> lines;
  const auto add = [&](const std::string& sql) { std::ranges::move(database.lines(sql), std::back_inserter(lines)); };
  add("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name");
  for (const auto& table : tables) {
    const auto columns = database.rows("SELECT group_concat('quote(\"' || name || '\")', ', ') FROM pragma_table_info('"
                                       + table + "') WHERE name NOT IN ('uuid', 'took_us')");
    const auto keyed = database.rows("SELECT wr FROM pragma_table_list WHERE name = '" + table + "'") == "1";
    std::string sql = keyed ? "SELECT " : "SELECT rowid, ";
    sql += columns + " FROM \"" + table + "\" ORDER BY 1";
    lines.push_back("-- " + table);
    add(sql);
  }
  return lines;
}

std::string first_difference(const std::vector<std::string>& left, const std::vector<std::string>& right) {
  const auto [first, second] = std::ranges::mismatch(left, right);
  return (first == left.end() ? "nothing" : *first) + "\n  but\n" + (second == right.end() ? "nothing" : *second);
}

template <class T>
T require(storage::result<T> given) {
  BOOST_REQUIRE_MESSAGE(given, (given ? "" : to_string(given.error())));
  return std::move(*given);
}

/// Adds everything that copies of the log hold, each of which goes on after the one before it.
void read_log(const fs::path& queue, const uuid& id, std::vector<storage::batch_ptr>& batches) {
  const auto before = batches.empty() ? 0 : batches.back()->last_seq();
  storage::recovery_report report;
  auto log = require(storage::log::open(storage::posix_file_system(), queue, id, {before, 0}, {}, report));
  auto cursor = require(log.read_from(before + 1));
  while (auto work = require(cursor->next())) {
    batches.push_back(std::make_shared<const storage::batch>(std::move(*work)));
  }
  BOOST_TEST(log.last_seq() == batches.back()->last_seq());
}

/// Nobody counts deaths here.
class no_mark final : public storage::attempt_mark {
public:
  void begin(std::uint64_t, std::uint64_t) noexcept override {}
  void at(std::uint64_t) noexcept override {}
  void end() noexcept override {}
};

/// Applies the log to a new database, some batches at a time, by a new writer now and then. Gives its dump.
std::vector<std::string> replay(const std::vector<storage::batch_ptr>& log, const fs::path& file,
                                std::uint64_t together_max, std::mt19937_64& random) {
  const auto database = storage::sqlite::make_database(file);
  BOOST_REQUIRE(database->traits().deterministic);
  require(database->prepare(true));
  std::unique_ptr<storage::database_writer> writer;
  for (std::size_t done = 0; done < log.size();) {
    if (writer == nullptr || random() % 10 == 0) {
      writer.reset();
      writer = require(database->open_writer());
    }
    const auto count = std::min<std::size_t>(1 + random() % together_max, log.size() - done);
    no_mark nobody;
    BOOST_REQUIRE(writer->apply({log.data() + done, count}, nobody, {}));
    while (done < log.size() && log[done]->last_seq() <= writer->applied_seq()) {
      ++done;
    }
  }
  writer.reset();
  return dump(file);
}

} // namespace

BOOST_AUTO_TEST_CASE(the_log_alone_gives_the_same_database_however_it_was_applied) {
  const auto seed = from_environment("MILLRACE_TEST_SEED", std::random_device{}());
  BOOST_TEST_INFO_SCOPE("MILLRACE_TEST_SEED=" << seed);
  std::mt19937_64 random{seed};
  const temporary_folder folder;
  options settings;
  settings.data = folder.path() / "data";
  settings.create_if_missing = true;
  settings.scripts = {{"0001", first_script}};
  std::map<errc, std::size_t> answers;
  const auto copy = [&folder](int life) { return folder.path() / ("log-" + std::to_string(life)); };
  for (int life = 1; life <= 2; ++life) {
    opened engine{settings};
    for (int round = 0; round < 8; ++round) {
      send_round(engine, random, answers);
    }
    BOOST_TEST(engine.served().restarts("writer") > 0);
    // What is applied leaves the log when the engine closes; until then all is in its one file.
    fs::copy(settings.data / "queue", copy(life), fs::copy_options::recursive);
    settings.scripts.push_back({"0002", second_script});
  }
  for (const auto code : {errc::none, errc::constraint, errc::row_count_mismatch, errc::not_permitted}) {
    BOOST_TEST(answers[code] > 0, "no answer was " << code);
  }

  const auto original = dump(settings.data / "database.sqlite3");
  const auto identity = require(storage::sqlite::make_database(settings.data / "database.sqlite3")->prepare(true));
  std::vector<storage::batch_ptr> log;
  for (int life = 1; life <= 2; ++life) {
    read_log(copy(life), identity.id, log);
  }
  BOOST_TEST(log.front()->first_seq == 1);
  BOOST_TEST(log.back()->last_seq() == identity.applied.seq);
  BOOST_TEST(original.size() > 1'000);
  for (const std::uint64_t together_max : {1, 12}) {
    const auto again = replay(log, folder.path() / ("replayed-" + std::to_string(together_max)), together_max, random);
    BOOST_TEST((again == original), first_difference(original, again));
  }
}
