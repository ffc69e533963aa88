#include <millrace/actors/client/client.hpp>
#include <millrace/actors/engine/engine.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tests/proof/report.hpp>
#include <millrace/tests/support/environment.hpp>
#include <millrace/tests/support/storage/plain_connection.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>
#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::test;

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t rows_written = 500;
constexpr std::chrono::seconds patience{20};

/// Who, if anybody, tells that a page is damaged.
enum class told_by {
  opening,  ///< The engine refuses the folder.
  work,     ///< A query or the writer finds it; the engine serves on, and its health says so.
  scrub,    ///< The scrubber alone; what the engine served was right.
  too_late, ///< The same, but the engine had served something wrong.
  nobody,   ///< Something wrong is served, and SQLite calls the file sound.
  harmless, ///< Nothing is wrong that can be seen.
};

constexpr std::array<const char*, 6> words{"refused when opened",
                                           "told by queries or the writer",
                                           "told by the scrubber alone",
                                           "told by the scrubber alone and served wrong before",
                                           "served wrong and told by nobody",
                                           "without a consequence"};

/// What a plain SQLite connection reads: the rows of the queries, or why it cannot.
std::string read_plainly(const fs::path& file, const std::string& sql) {
  try {
    return plain_connection{file, {.checkpoints = true}}.rows(sql);
  } catch (const std::runtime_error& problem) {
    return problem.what();
  }
}

options settings_for(const fs::path& data) {
  options settings;
  settings.data = data;
  settings.create_if_missing = true;
  settings.scripts = {{"0001",
                       "CREATE TABLE idea(id INTEGER PRIMARY KEY, title TEXT NOT NULL, score REAL);"
                       "CREATE INDEX idea_by_title ON idea(title)"}};
  settings.read.readers = 1;
  settings.drain_deadline = std::chrono::milliseconds{100};
  settings.health.interval = std::chrono::milliseconds{10};
  settings.health.scrub_interval = std::chrono::milliseconds{10};
  settings.log.segment_bytes = 16 * 1024;
  settings.sqlite.cache_kib = 1024;
  settings.on_escalation = [](const std::string& why) { throw std::runtime_error{why}; };
  return settings;
}

/// What is served of the table, by the table and by its index.
constexpr std::array queries{"SELECT id, title, score FROM idea WHERE id <= 500 ORDER BY id",
                             "SELECT title, id FROM idea INDEXED BY idea_by_title WHERE id <= 500 ORDER BY title, id"};

using contents = std::array<std::optional<row_set>, queries.size()>;

/// An engine over a damaged folder.
class rotten {
public:
  explicit rotten(engine served, caf::actor_system& system) : engine_(std::move(served)), self_(system) {}

  /// What the queries read; remembers where one says that it is damaged.
  contents read() {
    contents found;
    for (std::size_t i = 0; i < queries.size(); ++i) {
      self_->request(engine_.front(), patience, select(queries[i]))
        .receive([&](row_set& rows) { found[i] = std::move(rows); },
                 [&](const caf::error& why) { note(failure_of(why)); });
    }
    return found;
  }

  /// Writes a row, and waits until it is applied or the health report says why it is not.
  void write() {
    std::uint64_t seq = 0;
    auto work = execute("INSERT INTO idea(title, score) VALUES ('late', 1.5)");
    work.acknowledgement = ack::durable;
    self_->request(engine_.front(), patience, std::move(work))
      .receive([&](const outcome& done) { seq = done.seq; }, [&](const caf::error& why) { note(failure_of(why)); });
    wait_for([seq](const health_report& report) { return report.applied_seq >= seq || !report.reasons.empty(); });
  }

  /// Whether who asked was told that something is wrong, and the health report says so if that is damage.
  bool told() {
    if (damaged_) {
      wait_for([](const health_report& report) { return !report.reasons.empty(); });
    }
    return told_;
  }

  /// Whether the health report says that something is wrong after the scrubber has begun and ended once more.
  bool scrubbed() {
    const auto before = health().scrubs;
    wait_for([before](const health_report& report) { return report.scrubs >= before + 2; });
    return !health().reasons.empty();
  }

  const std::map<errc, std::uint64_t>& codes() const noexcept { return codes_; }

private:
  void note(const failure& why) {
    ++codes_[why.code];
    told_ = true;
    damaged_ = damaged_ || why.code == errc::corrupt;
  }

  health_report health() {
    std::optional<health_report> report;
    self_->request(engine_.front(), patience, health_request{})
      .receive([&](health_report& given) { report = std::move(given); },
               [](const caf::error& why) { throw std::runtime_error{to_string(failure_of(why))}; });
    return *report;
  }

  template <class Condition>
  void wait_for(Condition reached) {
    for (int i = 0; i < 1'000; ++i) {
      if (reached(health())) {
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    throw std::runtime_error{damaged_ ? "the health report does not tell of damage that a query was told of"
                                      : "what was accepted is not applied, and the health report does not say why"};
  }

  engine engine_;
  caf::scoped_actor self_;
  bool told_ = false;
  bool damaged_ = false;
  std::map<errc, std::uint64_t> codes_;
};

struct rot_database_fixture {
  std::uint64_t seed = from_environment("MILLRACE_TEST_SEED", std::random_device{}());
  std::mt19937_64 random{seed};
  temporary_folder folder{fast_place()};
  system_config config;
  caf::actor_system system{config};
  contents truth;
  std::map<std::string, std::uint64_t> codes; ///< The errors that were answered.

  rot_database_fixture() { spdlog::set_level(spdlog::level::off); }
  rot_database_fixture(const rot_database_fixture&) = delete;
  rot_database_fixture& operator=(const rot_database_fixture&) = delete;
  ~rot_database_fixture() { spdlog::set_level(spdlog::level::info); }

  fs::path sound() const { return folder.path() / "sound"; }
  fs::path damaged() const { return folder.path() / "damaged"; }
  static fs::path database_of(const fs::path& data) { return data / "database.sqlite3"; }

  tl::expected<engine, failure> open(const fs::path& data) { return millrace::open(system, settings_for(data)); }

  void write_rows() {
    auto served = open(sound());
    BOOST_REQUIRE(served);
    client db{system, served->front()};
    for (std::uint64_t i = 1; i <= rows_written; ++i) {
      BOOST_REQUIRE(db.execute("INSERT INTO idea(title, score) VALUES (?1, ?2)",
                               "title " + std::to_string(i * 7919 % 1009) + std::string(i % 200, 't'),
                               0.25 * static_cast<double>(i)));
    }
    for (std::size_t i = 0; i < queries.size(); ++i) {
      truth[i] = db.query(queries[i]).value();
    }
  }

  void fill() {
    write_rows();
    fs::remove(sound() / "reserve");
    // All pages are to stand in the database file itself.
    BOOST_REQUIRE(read_plainly(database_of(sound()), "PRAGMA wal_checkpoint(TRUNCATE)") == "0|0|0");
  }

  /// Flips one bit of a copy.
  std::string flip() {
    fs::remove_all(damaged());
    fs::copy(sound(), damaged(), fs::copy_options::recursive);
    const auto file = database_of(damaged());
    const auto at = random() % fs::file_size(file);
    const auto bit = random() % 8;
    std::fstream stream{file, std::ios::binary | std::ios::in | std::ios::out};
    stream.seekg(static_cast<std::streamoff>(at));
    const auto byte = stream.get();
    stream.seekp(static_cast<std::streamoff>(at));
    stream.put(static_cast<char>(byte ^ (1 << bit)));
    return "bit " + std::to_string(bit) + " of byte " + std::to_string(at);
  }

  bool is_right(const contents& found) const {
    for (std::size_t i = 0; i < queries.size(); ++i) {
      if (found[i] && !(*found[i] == *truth[i])) {
        return false;
      }
    }
    return true;
  }

  told_by examine() {
    auto served = open(damaged());
    if (!served) {
      BOOST_TEST((served.error().code != errc::none && !served.error().detail.empty()));
      ++codes[std::string{name(served.error().code)} + " when opened"];
      return told_by::opening;
    }
    bool right = false;
    {
      rotten looked_at{std::move(*served), system};
      right = is_right(looked_at.read());
      looked_at.write();
      right = is_right(looked_at.read()) && right;
      const auto told = looked_at.told();
      for (const auto& [code, times] : looked_at.codes()) {
        codes[std::string{name(code)}] += times;
      }
      if (told) {
        return told_by::work;
      }
      if (looked_at.scrubbed()) {
        return right ? told_by::scrub : told_by::too_late;
      }
    }
    if (read_plainly(database_of(damaged()), "PRAGMA integrity_check") != "ok") {
      throw std::runtime_error{"SQLite calls the file damaged, and the engine said nothing"};
    }
    return right ? told_by::harmless : told_by::nobody;
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(rot_database_suite, rot_database_fixture)

BOOST_AUTO_TEST_CASE(a_wrong_bit_in_the_database_ends_nothing_and_what_sqlite_can_tell_is_told) {
  const auto flips = from_environment("MILLRACE_PROOF_ROT_FLIPS", 300);
  fill();
  std::array<std::uint64_t, words.size()> counts{};
  std::uint64_t failures = 0;
  for (std::uint64_t i = 0; i < flips && failures < 10; ++i) {
    const auto what = flip();
    try {
      ++counts[static_cast<std::size_t>(examine())];
    } catch (const std::exception& problem) {
      ++failures;
      BOOST_ERROR(what << ": " << problem.what() << "; repeat with MILLRACE_TEST_SEED=" << seed
                       << " test_proof --run_test=rot_database_suite/a_wrong_bit*");
    }
  }
  BOOST_TEST(counts[static_cast<std::size_t>(told_by::work)] > 0u);
  BOOST_TEST(counts[static_cast<std::size_t>(told_by::scrub)] + counts[static_cast<std::size_t>(told_by::too_late)]
             > 0u);
  std::string detail;
  for (std::size_t i = 0; i < words.size(); ++i) {
    detail += std::to_string(counts[i]) + " " + words[i] + ", ";
  }
  detail += "answered:";
  for (const auto& [code, times] : codes) {
    detail += " " + code + " " + std::to_string(times);
  }
  report({"rot in the database", "wrong bits", flips, failures,
          detail + "; pages have no checksum: a value is protected only where an index repeats it; seed "
            + std::to_string(seed)});
}

BOOST_AUTO_TEST_SUITE_END()
