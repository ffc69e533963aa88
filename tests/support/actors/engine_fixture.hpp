#pragma once

#include <millrace/actors/client/client.hpp>
#include <millrace/actors/engine/engine.hpp>
#include <millrace/actors/engine/testing.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tests/support/printing.hpp>
#include <millrace/tests/support/storage/plain_connection.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <chrono>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

namespace millrace::test {

using answer = tl::expected<outcome, failure>;

inline errc code_of(const answer& reply) {
  return reply ? errc::none : reply.error().code;
}

/// Waits until something holds. The bound is only there so that a broken engine fails its test instead of hanging it.
template <class Predicate>
bool eventually(Predicate holds) {
  for (const auto start = std::chrono::steady_clock::now();
       std::chrono::steady_clock::now() - start < std::chrono::minutes{1};) {
    if (holds()) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  return false;
}

/// A whole engine with real threads over a temporary folder.
struct engine_fixture {
  temporary_folder folder;
  system_config config;
  caf::actor_system system{config};
  options settings;
  testing_hooks hooks;
  std::mutex mutex;
  std::vector<std::string> escalations; ///< Guarded by `mutex`.
  std::optional<engine> tested;

  engine_fixture() {
    settings.data = folder.path() / "data";
    settings.create_if_missing = true;
    settings.health.interval = std::chrono::milliseconds{50};
    settings.log.segment_bytes = 1024 * 1024;
    settings.on_escalation = [this](const std::string& why) {
      const std::lock_guard lock{mutex};
      escalations.push_back(why);
    };
  }

  std::filesystem::path database() const { return settings.data / "database.sqlite3"; }

  /// Opens (again) with a schema of one script; what was open is closed first.
  void open(const std::string& schema) {
    settings.scripts = {{"0001", schema}};
    open();
  }
  void open() {
    tested.reset();
    auto opened = millrace::open(system, settings, hooks);
    BOOST_REQUIRE_MESSAGE(opened, (opened ? "" : to_string(opened.error())));
    tested.emplace(std::move(*opened));
  }

  /// The error of an attempt to open that must fail.
  failure refusal() {
    const auto opened = millrace::open(system, settings, hooks);
    BOOST_REQUIRE(!opened);
    return opened.error();
  }

  client connect() { return client{system, tested->front()}; }

  /// Sends all at once from one actor and waits for all answers.
  std::vector<answer> execute_all(std::vector<transaction> work) {
    caf::scoped_actor self{system};
    using pending = decltype(self->request(tested->front(), std::chrono::seconds{60}, transaction{}));
    std::deque<pending> requests;
    for (auto& one : work) {
      requests.push_back(self->request(tested->front(), std::chrono::seconds{60}, std::move(one)));
    }
    std::vector<answer> answers;
    for (auto& one : requests) {
      one.receive([&](outcome& done) { answers.emplace_back(std::move(done)); },
                  [&](caf::error& problem) { answers.emplace_back(tl::unexpected{failure_of(problem)}); });
    }
    return answers;
  }

  /// All rows as a stranger sees them.
  std::string rows(const std::string& sql) { return plain_connection{database()}.rows(sql); }

  void kill(const std::string& id) {
    auto victim = tested->child(id);
    BOOST_REQUIRE(victim);
    const auto before = tested->restarts(id);
    caf::anon_send_exit(victim, caf::exit_reason::kill);
    BOOST_REQUIRE(eventually([&] { return tested->restarts(id) > before; }));
  }

  bool becomes(health_state state) {
    auto db = connect();
    return eventually([&] {
      const auto report = db.health();
      return report && report->state == state;
    });
  }
};

} // namespace millrace::test
