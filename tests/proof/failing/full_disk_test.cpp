#include <millrace/actors/client/client.hpp>
#include <millrace/actors/engine/engine.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tests/proof/report.hpp>
#include <millrace/tests/support/storage/plain_connection.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <spdlog/spdlog.h>
#include <caf/actor_system.hpp>

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

constexpr auto schema = "CREATE TABLE entry(id INTEGER PRIMARY KEY, number INTEGER, note TEXT)";
constexpr auto patience = 60s;

/// Ends a scenario, wherever it runs.
void require(bool holds, const std::string& what) {
  if (!holds) {
    throw std::runtime_error{what};
  }
}

/// An engine whose one client inserts numbered entries and remembers which were acknowledged.
class numbered_entries {
public:
  explicit numbered_entries(const std::filesystem::path& data) {
    settings_.data = data;
    settings_.create_if_missing = true;
    settings_.scripts = {{"0001", schema}};
    settings_.log.segment_bytes = 64 * 1024;
    settings_.write.checkpoint_pages = 16;
    settings_.drain_deadline = 100ms;
    settings_.transaction_breaker.open_for = 50ms;
    settings_.query_breaker.open_for = 50ms;
    settings_.on_escalation = [this](const std::string&) { ++escalations_; };
  }

  void open() {
    engine_.reset();
    auto opened = millrace::open(system_, settings_);
    require(opened.has_value(), opened ? "" : "opening: " + to_string(opened.error()));
    engine_.emplace(std::move(*opened));
  }
  void close() { engine_.reset(); }

  /// One entry, acknowledged as durable. Gives the error code.
  errc insert(std::size_t bytes, std::chrono::milliseconds time = 300ms) {
    client db{system_, engine_->front(), time};
    auto work = execute("INSERT INTO entry(number, note) VALUES (?1, ?2)", ++number_, std::string(bytes, 'n'));
    work.acknowledgement = ack::durable;
    const auto done = db.execute(std::move(work));
    if (done) {
      acknowledged_.insert(number_);
      return errc::none;
    }
    const auto promise = kind(done.error().code);
    require(promise != error_kind::rejected, "a full disk became the work's own fault: " + to_string(done.error()));
    if (promise == error_kind::retryable) {
      refused_.insert(number_);
    }
    return done.error().code;
  }

  std::int64_t count() {
    const auto rows = client{system_, engine_->front(), patience}.query("SELECT count(*) FROM entry");
    require(rows.has_value(), rows ? "" : "a query on a full disk: " + to_string(rows.error()));
    return (*rows)[0][std::size_t{0}].as_integer();
  }

  /// Until the engine reports that it is blocked; false where it does not in time.
  bool becomes(health_state state) {
    client db{system_, engine_->front(), patience};
    for (const auto began = std::chrono::steady_clock::now(); std::chrono::steady_clock::now() - began < patience;) {
      const auto report = db.health();
      if (report && report->state == state) {
        return true;
      }
      std::this_thread::sleep_for(5ms);
    }
    return false;
  }

  /// Whether it works again by itself: what is acknowledged is applied, too.
  void expect_service() {
    client db{system_, engine_->front(), patience};
    const auto done = db.execute("UPDATE entry SET note = note WHERE id = 0");
    require(done.has_value(), done ? "" : "it did not resume: " + to_string(done.error()));
    require(insert(100, patience) == errc::none, "it takes nothing");
  }

  /// All that is acknowledged is there once, and nothing that was refused.
  void check() {
    auto question = select("SELECT number FROM entry");
    question.consistency = consistency::linearizable;
    const auto rows = client{system_, engine_->front(), patience}.query(question);
    require(rows.has_value(), rows ? "" : to_string(rows.error()));
    std::set<std::int64_t> found;
    for (const auto row : *rows) {
      const auto number = row[std::size_t{0}].as_integer();
      require(found.insert(number).second, "entry " + std::to_string(number) + " is there twice");
      require(!refused_.contains(number), "entry " + std::to_string(number) + " was refused and is there");
    }
    for (const auto number : acknowledged_) {
      require(found.contains(number), "entry " + std::to_string(number) + " was acknowledged and is lost");
    }
    require(escalations_ == 0, "a full disk ended the process");
    close();
    require(plain_connection{settings_.data / "database.sqlite3"}.rows("PRAGMA integrity_check") == "ok",
            "integrity_check");
  }

  std::size_t acknowledged() const { return acknowledged_.size(); }
  std::size_t refused() const { return refused_.size(); }

private:
  system_config config_;
  caf::actor_system system_{config_};
  options settings_;
  std::optional<engine> engine_;
  std::int64_t number_ = 0;
  std::set<std::int64_t> acknowledged_;
  std::set<std::int64_t> refused_; ///< Certainly without effect.
  std::atomic<int> escalations_{0};
};

/// A file that takes all the room that is left.
class ballast {
public:
  explicit ballast(std::filesystem::path file) : file_(std::move(file)) { fill(); }
  ballast(const ballast&) = delete;
  ballast& operator=(const ballast&) = delete;
  ~ballast() { std::filesystem::remove(file_); }

  void fill() const {
    const int descriptor = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    const std::string block(4'096, 'b');
    while (::write(descriptor, block.data(), block.size()) > 0) {}
    ::close(descriptor);
  }

private:
  std::filesystem::path file_;
};

/// A file system of so many bytes of its own.
class small_disk {
public:
  explicit small_disk(const std::string& size) {
    mounted_ = ::mount("tmpfs", folder_.path().c_str(), "tmpfs", MS_NOSUID | MS_NODEV, ("size=" + size).c_str()) == 0;
  }
  small_disk(const small_disk&) = delete;
  small_disk& operator=(const small_disk&) = delete;
  ~small_disk() {
    if (mounted_) {
      ::umount2(folder_.path().c_str(), MNT_DETACH);
    }
  }

  bool mounted() const noexcept { return mounted_; }
  const std::filesystem::path& path() const noexcept { return folder_.path(); }

private:
  temporary_folder folder_;
  bool mounted_ = false;
};

/// For Boost.Test: a case that cannot be run is skipped, not passed.
boost::test_tools::assertion_result may_mount(boost::unit_test::test_unit_id) {
  const bool may = small_disk{"1m"}.mounted();
  if (!may) {
    std::cerr << "skipped: this user may not mount a tmpfs\n";
  }
  return may;
}

/// Inserts until nothing more is accepted.
void insert_until_refused(numbered_entries& entries) {
  for (int refusals = 0, i = 0; refusals < 3; ++i) {
    require(i < 100'000, "the disk does not fill");
    refusals = entries.insert(2'000) == errc::none ? 0 : refusals + 1;
  }
}

/// While the disk is full: refused, readable, restartable; once there is room: resumed.
void live_through_full_disk(const std::filesystem::path& disk, bool full_at_restart) {
  numbered_entries entries{disk / "data"};
  entries.open();
  for (int i = 0; i < 50; ++i) {
    require(entries.insert(500, patience) == errc::none, "it takes nothing on an empty disk");
  }
  entries.expect_service(); // All of them are applied.
  {
    const ballast all{disk / "ballast"};
    insert_until_refused(entries);
    require(entries.count() >= 50, "entries are missing");
    if (full_at_restart) {
      for (int restart = 0; restart < 3; ++restart) {
        all.fill();
        entries.close();
        entries.open();
        require(entries.count() >= 50, "entries are missing after a restart");
        entries.insert(2'000);
      }
    }
  }
  entries.expect_service();
  entries.check();
  report({.proof = "disk full",
          .injected = "refused transactions on a full tmpfs",
          .times = entries.refused(),
          .detail = std::to_string(entries.acknowledged()) + " acknowledged"
                    + (full_at_restart ? ", three restarts while full" : "")});
}

void limit_file_size(rlim_t bytes) {
  struct rlimit limit {};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = std::min(bytes, limit.rlim_max);
  require(::setrlimit(RLIMIT_FSIZE, &limit) == 0, "the limit cannot be set");
}

/// No file may grow beyond three segments: neither the database nor its log, nor a segment for a large transaction.
void live_through_size_limit(const std::filesystem::path& folder) {
  std::signal(SIGXFSZ, SIG_IGN);
  numbered_entries entries{folder / "data"};
  entries.open();
  for (int i = 0; i < 20; ++i) {
    require(entries.insert(500, patience) == errc::none, "it takes nothing without a limit");
  }
  entries.expect_service(); // All of them are applied.
  limit_file_size(192 * 1024);
  const auto large = entries.insert(400 * 1024);
  require(large != errc::none, "a segment of 400 KiB was made under a limit of 192 KiB");
  for (int i = 0; i < 200; ++i) {
    require(entries.insert(2'000, patience) == errc::none, "what fits is not taken");
  }
  require(entries.becomes(health_state::degraded) || entries.becomes(health_state::unhealthy), "nobody says so");
  require(entries.count() >= 20, "entries are missing");
  entries.close();
  entries.open();
  require(entries.count() >= 20, "entries are missing after a restart");
  limit_file_size(RLIM_INFINITY);
  entries.expect_service();
  require(entries.insert(400 * 1024, patience) == errc::none, "a large one is not taken without a limit");
  entries.check();
}

/// What ended it; empty where it came to its end.
std::string trouble_of(const std::function<void()>& scenario) {
  try {
    scenario();
    return {};
  } catch (const std::exception& problem) {
    return problem.what();
  }
}

/// Runs it in a process of its own, since it changes what holds for all of the process. Gives what went wrong.
std::string in_child(const std::function<void()>& scenario) {
  int ends[2];
  BOOST_REQUIRE_EQUAL(::pipe2(ends, O_CLOEXEC), 0);
  const auto child = ::fork();
  BOOST_REQUIRE_GE(child, 0);
  if (child == 0) {
    const auto trouble = trouble_of(scenario);
    static_cast<void>(::write(ends[1], trouble.data(), trouble.size()) < 0);
    ::_exit(trouble.empty() ? 0 : 1);
  }
  ::close(ends[1]);
  std::string trouble(4'096, '\0');
  const auto given = ::read(ends[0], trouble.data(), trouble.size());
  trouble.resize(given > 0 ? static_cast<std::size_t>(given) : 0);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return status == 0 || !trouble.empty() ? trouble : "it ended with status " + std::to_string(status);
}

struct quiet {
  quiet() { spdlog::set_level(spdlog::level::off); }
  quiet(const quiet&) = delete;
  quiet& operator=(const quiet&) = delete;
  ~quiet() { spdlog::set_level(spdlog::level::info); }
};

} // namespace

/// Disks that are full for real.
BOOST_FIXTURE_TEST_SUITE(full_disk_suite, quiet)

BOOST_AUTO_TEST_CASE(a_full_disk_refuses_work_and_resumes_by_itself, *boost::unit_test::precondition(may_mount)) {
  const small_disk disk{"8m"};
  BOOST_REQUIRE(disk.mounted());
  BOOST_TEST(trouble_of([&] { live_through_full_disk(disk.path(), false); }) == "");
}

BOOST_AUTO_TEST_CASE(restarts_work_while_the_disk_is_full, *boost::unit_test::precondition(may_mount)) {
  const small_disk disk{"8m"};
  BOOST_REQUIRE(disk.mounted());
  BOOST_TEST(trouble_of([&] { live_through_full_disk(disk.path(), true); }) == "");
}

BOOST_AUTO_TEST_CASE(a_limit_of_the_process_is_a_full_disk) {
  const temporary_folder folder;
  const auto trouble = in_child([&] { live_through_size_limit(folder.path()); });
  BOOST_TEST(trouble == "");
  report({.proof = "disk full",
          .injected = "lives under RLIMIT_FSIZE",
          .times = 1,
          .failures = trouble.empty() ? 0u : 1u,
          .detail = "the database, its log and large segments cannot grow; resumed once they could"});
}

BOOST_AUTO_TEST_SUITE_END()
