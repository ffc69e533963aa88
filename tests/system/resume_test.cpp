#include <millrace/tests/support/environment.hpp>
#include <millrace/tests/support/process/opened.hpp>
#include <millrace/tests/support/process/program.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <chrono>
#include <cmath>
#include <csignal>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

namespace {

using namespace millrace;
using namespace millrace::test;

namespace fs = std::filesystem;

constexpr std::int64_t source_rows = 20'000;

/// Loads of one file, each into a folder of its own, begun anew once the last one is complete.
class resumed_loads {
public:
  explicit resumed_loads(const fs::path& parent) : parent_(parent) {
    std::ofstream stream{source()};
    stream << "number,payload\n";
    for (std::int64_t number = 1; number <= source_rows; ++number) {
      stream << number << ",payload of " << number << '\n';
    }
  }

  /// The first one into a folder is a load like any other; those after it go on.
  program start() {
    std::vector<std::string> arguments{"load",      source(), "--data",     data(),     "--table",  "t",
                                       "--clients", "200",    "--ack-file", ack_file(), "--verify", "--json"};
    if (begun_) {
      arguments.emplace_back("--resume");
    }
    begun_ = true;
    return start_millrace(arguments);
  }

  std::uintmax_t acknowledged_bytes() const {
    std::error_code missing;
    const auto bytes = fs::file_size(ack_file(), missing);
    return missing ? 0 : bytes;
  }

  /// What a load that came to its end must have left behind. One that was killed before it recorded that it begins
  /// cannot be gone on with, and is begun anew.
  void check(const ending& how) {
    if (how.err.find("No load of") != std::string::npos || how.err.find("There is no ") != std::string::npos) {
      begun_ = false;
      return;
    }
    BOOST_REQUIRE_MESSAGE(how.code == 0, how.code << ": " << how.out << how.err);
    const auto summary = nlohmann::json::parse(how.out);
    BOOST_TEST(summary.at("verified") == true);
    BOOST_TEST(summary.at("compared") == source_rows);
    resumed_ += summary.value("resumed", std::int64_t{0});
    {
      options settings;
      settings.data = data();
      opened folder{settings};
      BOOST_TEST(folder.number("SELECT count(*) FROM t") == source_rows);
      BOOST_TEST(folder.number("SELECT count(DISTINCT CAST(number AS INTEGER)) FROM t WHERE payload = 'payload of ' || "
                               "number AND CAST(number AS INTEGER) BETWEEN 1 AND "
                               + std::to_string(source_rows))
                 == source_rows);
      folder.check_integrity();
    }
    fs::remove_all(data());
    begun_ = false;
    ++life_;
  }

  /// Rows that complete loads found in their tables when they began for the last time.
  std::int64_t resumed() const noexcept { return resumed_; }
  std::uint64_t life() const noexcept { return life_; }

private:
  fs::path source() const { return parent_ / "source.csv"; }
  fs::path data() const { return parent_ / ("data-" + std::to_string(life_)); }
  fs::path ack_file() const { return parent_ / ("acknowledged-" + std::to_string(life_)); }

  fs::path parent_;
  std::uint64_t life_ = 1;
  bool begun_ = false; ///< Whether a load into this life's folder was started.
  std::int64_t resumed_ = 0;
};

/// Kills the load while it opens or recovers the folder, or in the midst of its rows, unless it ends before.
ending kill_at_random(program load, const resumed_loads& loads, std::mt19937_64& random) {
  if (random() % 4 == 0) {
    const std::chrono::duration<double, std::milli> pause{std::exp2(std::uniform_real_distribution{0.0, 7.0}(random))};
    std::this_thread::sleep_for(pause);
  } else {
    const auto wanted = loads.acknowledged_bytes() + random() % 40'000;
    while (loads.acknowledged_bytes() < wanted && load.running()) {
      std::this_thread::sleep_for(std::chrono::microseconds{200});
    }
  }
  load.send(SIGKILL);
  return load.wait();
}

} // namespace

BOOST_AUTO_TEST_CASE(a_load_that_is_killed_at_random_moments_and_resumed_ends_with_exactly_the_files_rows) {
  const auto seed = from_environment("MILLRACE_TEST_SEED", std::random_device{}());
  const auto rounds = from_environment("MILLRACE_KILL_ROUNDS", 12);
  std::mt19937_64 random{seed};
  const temporary_folder folder;
  resumed_loads loads{folder.path()};
  BOOST_TEST_CONTEXT("MILLRACE_TEST_SEED=" << seed) {
    for (std::uint64_t round = 1; round <= rounds; ++round) {
      if (const auto how = kill_at_random(loads.start(), loads, random); how.signal != SIGKILL) {
        loads.check(how);
      }
    }
    for (const auto life = loads.life(); loads.life() == life;) {
      loads.check(loads.start().wait());
    }
    BOOST_TEST(loads.resumed() > 0);
  }
}
