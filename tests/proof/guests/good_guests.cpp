#include "guests.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/actors/network/remote/remote_engine.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tests/support/line_file.hpp>
#include <millrace/tests/support/process/give_up.hpp>
#include <millrace/tests/support/process/program.hpp>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <thread>

#include <caf/actor_system.hpp>
#include <caf/io/middleman.hpp>
#include <nlohmann/json.hpp>

namespace millrace::test::guests {

namespace {

namespace fs = std::filesystem;

using milliseconds = std::chrono::duration<double, std::milli>;

struct connected_config : system_config {
  connected_config() { load<caf::io::middleman>(); }
};

/// One client, with a connection and a thread of its own.
class good_guest {
public:
  good_guest(caf::actor_system& system, const std::string& url, std::int64_t name)
    : engine_(connect_or_give_up(system, url)), db_(system, engine_.front()), name_(name) {}

  /// Goes on until `enough` is there or something is wrong.
  void play(const line_file& acknowledged, const fs::path& enough) {
    while (problem.empty() && !fs::exists(enough)) {
      write(acknowledged);
      if (problem.empty()) {
        read();
      }
      std::this_thread::sleep_for(pause);
    }
  }

  std::vector<double> writes;
  std::vector<double> reads;
  std::string problem;

private:
  static constexpr std::chrono::milliseconds pause{100};

  static network::remote_engine connect_or_give_up(caf::actor_system& system, const std::string& url) {
    auto made = network::connect(system, {.url = url});
    if (!made) {
      give_up(made.error());
    }
    return std::move(*made);
  }

  void write(const line_file& acknowledged) {
    ++number_;
    const auto began = std::chrono::steady_clock::now();
    const auto done = db_.execute("INSERT INTO good VALUES (?1, ?2, ?3)", name_, number_,
                                  std::to_string(name_) + '/' + std::to_string(number_));
    writes.push_back(milliseconds{std::chrono::steady_clock::now() - began}.count());
    if (!done) {
      problem = "write " + std::to_string(number_) + ": " + to_string(done.error());
      return;
    }
    seq_ = done->seq;
    acknowledged.add(std::to_string(name_) + ' ' + std::to_string(number_) + '\n');
  }

  void read() {
    auto question = select("SELECT ?1, ?2, max(number), count(*) FROM good WHERE client = ?1", name_, ++question_);
    question.consistency = consistency::at_least;
    question.at_least_seq = seq_;
    const auto began = std::chrono::steady_clock::now();
    const auto rows = db_.query(std::move(question));
    reads.push_back(milliseconds{std::chrono::steady_clock::now() - began}.count());
    if (!rows) {
      problem = "question " + std::to_string(question_) + ": " + to_string(rows.error());
      return;
    }
    const auto one = (*rows)[0];
    if (one[0].as_integer() != name_ || one[1].as_integer() != question_) {
      problem = "question " + std::to_string(question_) + " was given another's answer";
    } else if (one[2].as_integer() != number_ || one[3].as_integer() != number_) {
      problem = "after number " + std::to_string(number_) + " there are " + std::to_string(one[3].as_integer())
                + " up to " + std::to_string(one[2].as_integer());
    }
  }

  network::remote_engine engine_;
  client db_;
  std::int64_t name_;
  std::int64_t number_ = 0;
  std::int64_t question_ = 0;
  std::uint64_t seq_ = 0;
};

nlohmann::json summary(std::vector<double> all) {
  std::ranges::sort(all);
  const auto part = [&all](double share) {
    return all.empty() ? 0 : all[static_cast<std::size_t>(static_cast<double>(all.size() - 1) * share)];
  };
  return {{"count", all.size()}, {"median", part(0.5)}, {"p99", part(0.99)}, {"longest", part(1)}};
}

int play(const std::vector<std::string>& arguments) {
  connected_config config;
  caf::actor_system system{config};
  const line_file acknowledged{arguments.at(1)};
  std::vector<std::unique_ptr<good_guest>> guests;
  for (std::size_t i = 0; i < std::stoul(arguments.at(3)); ++i) {
    guests.push_back(std::make_unique<good_guest>(system, arguments.at(0), static_cast<std::int64_t>(i)));
  }
  std::vector<std::thread> threads;
  for (auto& one : guests) {
    threads.emplace_back([&, guest = one.get()] { guest->play(acknowledged, arguments.at(2)); });
  }
  std::vector<double> writes;
  std::vector<double> reads;
  auto problems = nlohmann::json::array();
  for (std::size_t i = 0; i < guests.size(); ++i) {
    threads[i].join();
    writes.insert(writes.end(), guests[i]->writes.begin(), guests[i]->writes.end());
    reads.insert(reads.end(), guests[i]->reads.begin(), guests[i]->reads.end());
    if (!guests[i]->problem.empty()) {
      problems.push_back("client " + std::to_string(i) + ", " + guests[i]->problem);
    }
  }
  std::cout << nlohmann::json{{"writes", summary(writes)}, {"reads", summary(reads)}, {"problems", problems}}
            << std::endl;
  return 0;
}

const role good{good_role, play};

} // namespace

good_report read_report(const std::string& text) {
  const auto parsed = nlohmann::json::parse(text.substr(text.find('{'))); // Boost.Test has said something before.
  const auto& writes = parsed.at("writes");
  const auto& reads = parsed.at("reads");
  return {.writes = writes.at("count"),
          .reads = reads.at("count"),
          .write_median = writes.at("median"),
          .write_p99 = writes.at("p99"),
          .write_longest = writes.at("longest"),
          .read_median = reads.at("median"),
          .read_p99 = reads.at("p99"),
          .read_longest = reads.at("longest"),
          .problems = parsed.at("problems")};
}

} // namespace millrace::test::guests
