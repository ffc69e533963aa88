#pragma once

#include <millrace/actors/client/client.hpp>
#include <millrace/actors/engine/engine.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tests/support/printing.hpp>
#include <millrace/tests/support/storage/plain_connection.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>

namespace millrace::test {

/// A data folder that an engine of this process serves, with all applied that stood in its log.
class opened {
public:
  explicit opened(const options& settings)
    : database_(settings.data / "database.sqlite3"), engine_(open_or_fail(system_, settings)) {
    const auto& recovered = engine_.recovery();
    BOOST_TEST_MESSAGE("opened at seq " << recovered.last_seq << ", " << recovered.transactions
                                        << " transactions recovered" << (recovered.torn_tail ? ", torn tail" : ""));
  }

  engine& served() noexcept { return engine_; }
  caf::actor_system& system() noexcept { return system_; }
  client connect() { return client{system_, engine_.front()}; }

  /// Calls `use` for every row of a query whose first column rises, however many there are. `?1` in it is the first
  /// column of the row before, to begin with `after`.
  void each_row(const std::string& sql, const std::function<void(const row&)>& use, std::int64_t after = 0) {
    auto db = connect();
    for (bool more = true; more;) {
      auto question = select(sql, after);
      question.consistency = consistency::linearizable;
      const auto rows = db.query(question);
      BOOST_REQUIRE_MESSAGE(rows, (rows ? "" : to_string(rows.error())));
      for (const auto one : *rows) {
        after = one[0].as_integer();
        use(one);
      }
      more = rows->truncated();
    }
  }

  std::int64_t number(const std::string& sql) {
    const auto rows = connect().query(sql);
    BOOST_REQUIRE_MESSAGE(rows, (rows ? "" : to_string(rows.error())));
    return (*rows)[0][std::size_t{0}].as_integer();
  }

  void check_integrity() { BOOST_TEST(plain_connection{database_}.rows("PRAGMA integrity_check") == "ok"); }

private:
  static engine open_or_fail(caf::actor_system& system, options settings) {
    settings.replay_wait = std::chrono::milliseconds::max();
    auto target = millrace::open(system, settings);
    BOOST_REQUIRE_MESSAGE(target, (target ? "" : to_string(target.error())));
    return std::move(*target);
  }

  system_config config_;
  caf::actor_system system_{config_};
  std::filesystem::path database_;
  engine engine_;
};

} // namespace millrace::test
