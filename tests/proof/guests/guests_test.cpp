/// Guests from hell: programs that send all that was found to hurt a server, and more of its kind, beside programs that
/// are to notice nothing but a delay.

#include "guests.hpp"
#include "hostile_requests.hpp"

#include <millrace/tests/proof/report.hpp>
#include <millrace/tests/support/environment.hpp>
#include <millrace/tests/support/line_file.hpp>
#include <millrace/tests/support/process/opened.hpp>
#include <millrace/tests/support/process/program.hpp>
#include <millrace/tests/support/process/server.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <map>
#include <optional>
#include <random>
#include <sstream>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace {

using namespace millrace::test;
using namespace millrace::test::guests;

namespace fs = std::filesystem;

constexpr std::size_t hostile_count = 20;
constexpr std::size_t good_count = 100;
/// How many of each good guest are acknowledged before the others come: who is known is not to suffer from who is not.
constexpr std::size_t writes_before = 20;

/// What all budgets together come to (actors/DESIGN.md §12).
constexpr std::uint64_t memory_mib_max = 4 * 1024;
/// Of all but the database itself: its log, the queue, temporary files.
constexpr std::uint64_t disk_mib_max = 6 * 1024;
/// What a good guest waits for one answer, most of the time: what one stranger's transaction may compute, 5 s, where
/// the readers, the writer and all these programs share two cores.
constexpr double p99_ms_max = 45'000;

std::uint64_t resident_mib(pid_t process) {
  std::ifstream lines{"/proc/" + std::to_string(process) + "/status"};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("VmRSS:")) {
      return std::stoull(line.substr(6)) / 1024;
    }
  }
  return 0;
}

std::uint64_t beside_database_mib(const fs::path& data) {
  std::uint64_t bytes = 0;
  std::error_code gone;
  for (fs::recursive_directory_iterator one{data, gone}; one != fs::recursive_directory_iterator{};
       one.increment(gone)) {
    if (one->is_regular_file(gone) && one->path().filename() != "database.sqlite3") {
      const auto size = one->file_size(gone);
      bytes += gone ? 0 : size;
    }
  }
  return bytes >> 20U;
}

/// A server of three ports, and 20 hostile guests, some of which are stopped, let go on, killed and followed by others.
class hell {
public:
  explicit hell(const fs::path& data, std::uint64_t seed)
    : random_(seed),
      served_(server_wish{
        .data = data,
        .more = {"--schema", schema(data), "--listen-read", "127.0.0.1:0", "--listen-operator", "127.0.0.1:0"}}) {}

  void begin() {
    for (std::size_t i = 0; i < hostile_count; ++i) {
      guests_.emplace_back(new_guest(i));
    }
  }

  server& served() noexcept { return served_; }
  std::uint64_t replaced() const noexcept { return replaced_; }

  /// Once a second: something happens to one of them.
  void happen() {
    const auto place = random_() % guests_.size();
    switch (random_() % 3) {
      case 0:
        guests_[place]->send(SIGSTOP); // It reads nothing.
        return;
      case 1:
        guests_[place]->send(SIGCONT);
        return;
      default:
        guests_[place].emplace(new_guest(place));
        ++replaced_;
    }
  }

private:
  static fs::path schema(const fs::path& data) {
    const auto file = data.parent_path() / "guests.sql";
    std::ofstream{file} << good_schema << hostile_schema;
    return file;
  }

  program new_guest(std::size_t place) {
    const std::size_t port = place < 9 ? 1 : place < 18 ? 0 : 2;
    constexpr const char* roles[]{"write", "read", "operate"};
    return role::start(hostile_role, {"millrace://" + served_.address(port), std::to_string(random_()), roles[port]});
  }

  std::mt19937_64 random_;
  server served_;
  std::vector<std::optional<program>> guests_;
  std::uint64_t replaced_ = 0;
};

/// Each client's numbers are there from 1 on without a gap, each once, and at least those that were acknowledged.
void check_rows(const fs::path& data, const fs::path& ack_file) {
  std::map<std::int64_t, std::int64_t> acknowledged;
  for (const auto& line : complete_lines(ack_file)) {
    std::istringstream words{line};
    std::int64_t client = 0;
    std::int64_t number = 0;
    words >> client >> number;
    acknowledged[client] = std::max(acknowledged[client], number);
  }
  millrace::options settings;
  settings.data = data;
  opened folder{settings};
  for (const auto& [client, last] : acknowledged) {
    const auto where = " FROM good WHERE client = " + std::to_string(client);
    const auto count = folder.number("SELECT count(*)" + where);
    BOOST_TEST(count >= last);
    BOOST_TEST(count <= last + 1);
    BOOST_TEST(folder.number("SELECT count(DISTINCT number)" + where) == count);
    BOOST_TEST(folder.number("SELECT max(number)" + where) == count);
  }
  folder.check_integrity();
}

} // namespace

BOOST_AUTO_TEST_SUITE(guests_suite)

BOOST_AUTO_TEST_CASE(guests_from_hell_neither_end_the_server_nor_keep_it_from_others) {
  const auto seconds = from_environment("MILLRACE_GUESTS_SECONDS", 120);
  const auto seed = from_environment("MILLRACE_TEST_SEED", std::random_device{}());
  const temporary_folder folder;
  const auto data = folder.path() / "data";
  const auto enough = folder.path() / "enough";
  const auto ack_file = folder.path() / "acknowledged";
  hell place{data, seed};
  auto good = role::start(
    good_role,
    good_guests{
      .url = "millrace://" + place.served().address(), .ack_file = ack_file, .enough = enough, .count = good_count}
      .arguments());

  for (int i = 0; i < 600 && complete_lines(ack_file).size() < good_count * writes_before; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
  }
  place.begin();
  std::uint64_t memory = 0;
  std::uint64_t disk = 0;
  bool lives = true;
  for (std::uint64_t second = 0; second < seconds && lives; ++second) {
    std::this_thread::sleep_for(std::chrono::seconds{1});
    place.happen();
    memory = std::max(memory, resident_mib(place.served().id()));
    disk = std::max(disk, beside_database_mib(data));
    lives = place.served().running() && good.running();
  }
  std::ofstream{enough} << "enough";
  const auto said = good.wait();
  const auto ended = place.served().stop(SIGTERM);
  BOOST_TEST_MESSAGE("the server said: " << ended.err);
  BOOST_TEST(lives, "after " << seed << ": " << ended.err << said.err);
  BOOST_TEST(ended.code == 0, "signal " << ended.signal << ": " << ended.err);
  BOOST_REQUIRE_MESSAGE(said.code == 0, "the good guests ended: " << said.err);
  const auto seen = read_report(said.out);
  for (const auto& problem : seen.problems) {
    BOOST_ERROR(problem);
  }
  BOOST_TEST(seen.writes > 0U);
  BOOST_TEST(seen.reads > 0U);
  BOOST_TEST(memory <= memory_mib_max);
  BOOST_TEST(disk <= disk_mib_max);
  BOOST_TEST(seen.write_p99 <= p99_ms_max);
  BOOST_TEST(seen.read_p99 <= p99_ms_max);
  check_rows(data, ack_file);

  std::ostringstream detail;
  detail << "seed " << seed << ", " << place.replaced() << " guests killed and replaced; " << seen.writes
         << " writes of 100 good clients, median " << seen.write_median << " ms, p99 " << seen.write_p99 << ", longest "
         << seen.write_longest << "; " << seen.reads << " reads, " << seen.read_median << ", " << seen.read_p99 << ", "
         << seen.read_longest << "; at most " << memory << " MiB of memory, " << disk << " MiB beside the database";
  report({.proof = "guests from hell",
          .injected = "seconds of hostile guests",
          .times = seconds,
          .failures = seen.problems.size(),
          .detail = detail.str()});
}

BOOST_AUTO_TEST_SUITE_END()
