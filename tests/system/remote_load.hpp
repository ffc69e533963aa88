#pragma once

#include <millrace/actors/client/client.hpp>
#include <millrace/actors/network/remote/remote_engine.hpp>
#include <millrace/tests/support/network/remote_config.hpp>
#include <millrace/tests/support/process/opened.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>

namespace millrace::test {

/// Clients of one program elsewhere. Each inserts 1, 2, 3, … under its own number, the next one once the one before is
/// acknowledged, until it is told that it is enough.
class remote_load {
public:
  explicit remote_load(network::remote_settings settings) {
    auto made = network::connect(system_, std::move(settings));
    BOOST_REQUIRE_MESSAGE(made, (made ? "" : made.error()));
    engine_.emplace(std::move(*made));
    for (std::size_t i = 0; i < clients_max; ++i) {
      threads_.emplace_back([this, i] { work(i); });
    }
  }
  ~remote_load() { finish(); }
  remote_load(const remote_load&) = delete;
  remote_load& operator=(const remote_load&) = delete;

  std::int64_t acknowledged() const {
    std::int64_t sum = 0;
    for (const auto& one : acknowledged_) {
      sum += one;
    }
    return sum;
  }

  bool connected() const { return engine_->connected(); }

  void finish() {
    enough_ = true;
    for (auto& thread : threads_) {
      thread.join();
    }
    threads_.clear();
  }

  /// Once all is finished: what was acknowledged is there, once, and nothing else.
  void check(const std::filesystem::path& data) const {
    options settings;
    settings.data = data;
    opened after{settings};
    for (std::size_t i = 0; i < clients_max; ++i) {
      BOOST_TEST(problems_[i] == "");
      const auto where = " FROM t WHERE client = " + std::to_string(i);
      BOOST_TEST(after.number("SELECT count(*)" + where) == acknowledged_[i]);
      BOOST_TEST(after.number("SELECT coalesce(max(number), 0)" + where) == acknowledged_[i]);
      BOOST_TEST(acknowledged_[i] > 0);
    }
    after.check_integrity();
  }

private:
  static constexpr std::size_t clients_max = 8;

  void work(std::size_t i) {
    client db{system_, engine_->front()};
    while (!enough_) {
      const auto done = db.execute("INSERT INTO t VALUES (?1, ?2)", static_cast<std::int64_t>(i), acknowledged_[i] + 1);
      if (!done) {
        problems_[i] = to_string(done.error());
        return;
      }
      ++acknowledged_[i];
    }
  }

  remote_config config_;
  caf::actor_system system_{config_};
  std::optional<network::remote_engine> engine_;
  std::atomic<bool> enough_ = false;
  std::array<std::atomic<std::int64_t>, clients_max> acknowledged_{};
  std::array<std::string, clients_max> problems_;
  std::vector<std::thread> threads_;
};

} // namespace millrace::test
