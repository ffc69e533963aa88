#include "numbered_clients.hpp"

#include <millrace/tests/support/environment.hpp>
#include <millrace/tests/support/line_file.hpp>
#include <millrace/tests/support/process/opened.hpp>
#include <millrace/tests/support/process/program.hpp>
#include <millrace/tests/support/size_of.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <csignal>
#include <iterator>
#include <optional>
#include <random>
#include <thread>

namespace {

using namespace millrace;
using namespace millrace::test;

namespace fs = std::filesystem;

constexpr std::uint64_t load_clients = 200;
constexpr std::uint64_t rows_per_load = 20'000;

/// A data folder through all the processes that die over it, and what the test knows of it. Now and then it makes way
/// for a fresh one.
class victim_folder {
public:
  victim_folder(const fs::path& parent, std::mt19937_64& random) : parent_(parent), random_(random) { renew(); }

  /// Begins a round. Whether the folder is a fresh one.
  bool next_round() {
    const bool fresh = round_++ > 0 && random_() % 6 == 0;
    if (fresh) {
      fs::remove_all(data());
      fs::remove(ack_file());
      renew();
    }
    return fresh;
  }

  fs::path data() const { return parent_ / ("data-" + std::to_string(life_)); }
  fs::path ack_file() const { return parent_ / ("acknowledged-" + std::to_string(life_)); }

  /// The folder itself, or a copy. A copy is recovered in the test, and the folder itself by the next process, which
  /// may then die of that, too. Nothing where the process died before it made the folder.
  std::optional<fs::path> to_look_into() {
    if (!fs::exists(data())) {
      return std::nullopt;
    }
    if (random_() % 3 == 0) {
      return data();
    }
    const auto copy = parent_ / "copy";
    fs::remove_all(copy);
    fs::copy(data(), copy, fs::copy_options::recursive);
    return copy;
  }

private:
  void renew() { ++life_; }

  fs::path parent_;
  std::mt19937_64& random_;
  std::uint64_t round_ = 0;
  std::uint64_t life_ = 0;
};

/// Lets the process run for a random while: a third of the time a few milliseconds, in which it opens and recovers the
/// folder, otherwise until it has acknowledged some thousands. Then kills it.
ending kill_at_random(program victim, const fs::path& ack_file, std::uintmax_t acknowledged_bytes,
                      std::mt19937_64& random) {
  const auto pause = [](double milliseconds) {
    std::this_thread::sleep_for(std::chrono::duration<double, std::milli>{milliseconds});
  };
  if (random() % 3 == 0) {
    pause(std::exp2(std::uniform_real_distribution{-1.0, 8.0}(random)));
  } else {
    const auto wanted = size_of(ack_file)
                        + std::uniform_int_distribution{std::uintmax_t{0}, acknowledged_bytes}(random);
    while (size_of(ack_file) < wanted && victim.running()) {
      pause(0.2);
    }
    pause(std::uniform_real_distribution{0.0, 5.0}(random));
  }
  victim.send(SIGKILL);
  return victim.wait();
}

/// What both tests do: their rounds, each with a seed that is named where something fails.
template <class Round>
void repeat(Round round) {
  const auto seed = from_environment("MILLRACE_TEST_SEED", std::random_device{}());
  const auto rounds = from_environment("MILLRACE_KILL_ROUNDS", 25);
  BOOST_TEST_MESSAGE("replay with MILLRACE_TEST_SEED=" << seed);
  std::mt19937_64 random{seed};
  const temporary_folder folder;
  victim_folder victim{folder.path(), random};
  for (std::uint64_t i = 1; i <= rounds; ++i) {
    BOOST_TEST_CONTEXT("MILLRACE_TEST_SEED=" << seed << ", round " << i) {
      round(victim, random);
    }
  }
}

std::string payload_of(std::uint64_t number) {
  return "row " + std::to_string(number) + ", \"quoted\"\n" + std::string(number % 50, 'm');
}

void write_source(const fs::path& file, std::uint64_t first) {
  std::ofstream stream{file};
  stream << "number,payload\n";
  for (auto number = first; number < first + rows_per_load; ++number) {
    auto payload = payload_of(number);
    payload.replace(payload.find("\"quoted\""), 8, "\"\"quoted\"\"");
    stream << number << ",\"" << payload << "\"\n";
  }
}

std::uint64_t number_in(std::string_view text) {
  std::uint64_t number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  return end.ptr == text.data() + text.size() ? number : 0;
}

/// The table that loads of `rows_per_load` rows each filled, one after the other, each of them killed.
class loaded_table {
public:
  loaded_table(const fs::path& data, std::uint64_t first, std::uint64_t end)
    : folder_(settings_for(data)), first_(first), seen_(end - first, false) {
    if (folder_.number("SELECT count(*) FROM sqlite_schema WHERE name = 't'") == 0) {
      return;
    }
    folder_.each_row("SELECT rowid, number, payload FROM t WHERE rowid > ?1 ORDER BY rowid",
                     [this](const row& one) { look_at(one); });
  }

  void check(const std::vector<std::string>& acknowledged) {
    std::vector<std::string> lost;
    std::ranges::copy_if(acknowledged, std::back_inserter(lost), [this](const std::string& line) {
      const auto number = number_in(line);
      return number < first_ || number - first_ >= seen_.size() || !seen_[number - first_];
    });
    BOOST_TEST(lost == std::vector<std::string>{}, boost::test_tools::per_element());
    BOOST_TEST(unexpected_ == 0);
    BOOST_TEST(doubled_ == 0);
    BOOST_TEST(out_of_order_ == 0);
    folder_.check_integrity();
  }

private:
  static options settings_for(const fs::path& data) {
    options settings;
    settings.data = data;
    settings.create_if_missing = true;
    return settings;
  }

  void look_at(const row& one) {
    const auto number = number_in(one[1].as_text());
    if (number < first_ || number - first_ >= seen_.size() || one[2].as_text() != payload_of(number)) {
      ++unexpected_;
      return;
    }
    const auto position = number - first_;
    doubled_ += seen_[position] ? 1 : 0;
    seen_[position] = true;
    // Rows are handed out in the file's order, the next one to a client once its last is answered. So when a row was
    // sent, all before it but one for each other client were in the table.
    const auto load = position / rows_per_load;
    out_of_order_ += load < load_ ? 1 : 0;
    in_load_ = load == load_ ? in_load_ + 1 : 1;
    load_ = load;
    out_of_order_ += position % rows_per_load >= in_load_ + load_clients - 1 ? 1 : 0;
  }

  opened folder_;
  std::uint64_t first_;
  std::vector<bool> seen_;
  std::size_t unexpected_ = 0;
  std::size_t doubled_ = 0;
  std::size_t out_of_order_ = 0;
  std::uint64_t load_ = 0;
  std::uint64_t in_load_ = 0;
};

} // namespace

BOOST_AUTO_TEST_CASE(a_load_that_is_killed_anywhere_keeps_every_acknowledged_row_once_and_adds_none) {
  std::uint64_t first = 1; // Of the numbers that belong to the folder.
  std::uint64_t end = 1;
  std::size_t acknowledged_rows = 0;
  repeat([&](victim_folder& victim, std::mt19937_64& random) {
    first = victim.next_round() ? end : first;
    const auto source = victim.data().parent_path() / "source.csv";
    write_source(source, end);
    end += rows_per_load;
    auto load = start_millrace({"load", source, "--data", victim.data(), "--table", "t", "--clients",
                                std::to_string(load_clients), "--ack-file", victim.ack_file()});
    const auto how = kill_at_random(std::move(load), victim.ack_file(), 60'000, random);
    BOOST_TEST((how.signal == SIGKILL || how.code == 0), how.code << ": " << how.err);
    const auto acknowledged = complete_lines(victim.ack_file());
    acknowledged_rows = std::max(acknowledged_rows, acknowledged.size());
    const auto data = victim.to_look_into();
    BOOST_TEST((data || acknowledged.empty()));
    if (data) {
      loaded_table{*data, first, end}.check(acknowledged);
    }
  });
  BOOST_TEST(acknowledged_rows > 0);
}

BOOST_AUTO_TEST_CASE(clients_that_are_killed_anywhere_find_their_numbers_without_a_gap_and_in_order) {
  std::size_t acknowledged_numbers = 0;
  repeat([&](victim_folder& victim, std::mt19937_64& random) {
    victim.next_round();
    const numbered_clients clients{.data = victim.data(), .ack_file = victim.ack_file()};
    auto process = role::start(numbered_clients_role, clients.arguments());
    const auto how = kill_at_random(std::move(process), victim.ack_file(), 40'000, random);
    BOOST_TEST(how.signal == SIGKILL, how.code << ": " << how.err);
    const auto acknowledged = read_acknowledgements(victim.ack_file());
    acknowledged_numbers = std::max(acknowledged_numbers, acknowledged.size());
    const auto data = victim.to_look_into();
    BOOST_TEST((data || acknowledged.empty()));
    if (data) {
      check_numbered(*data, acknowledged);
    }
  });
  BOOST_TEST(acknowledged_numbers > 0);
}
