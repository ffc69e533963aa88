#pragma once

#include "fake_engine.hpp"
#include "raw_peer.hpp"
#include "remote_config.hpp"

#include <millrace/actors/network/server/listener.hpp>
#include <millrace/messages/wire/registry.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <thread>
#include <utility>

#include <boost/test/unit_test.hpp>
#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>

namespace millrace::test {

/// Waits for what other threads will do soon. Whether it came true.
inline bool eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 4'000; ++i) {
    if (holds()) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  return false;
}

/// A stock CAF node that talks to a server and is not to notice what others do.
class stock_client {
public:
  explicit stock_client(std::uint16_t port) {
    auto found = system_.middleman().remote_actor<engine_actor>("127.0.0.1", port);
    BOOST_REQUIRE_MESSAGE(found, caf::to_string(found ? caf::error{} : found.error()));
    server_ = std::move(*found);
  }

  /// Whether requests are answered.
  bool served(std::chrono::milliseconds patience = std::chrono::seconds{20}) {
    caf::scoped_actor self{system_};
    bool both = false;
    self->request(server_, patience, select("SELECT 1"))
      .receive([&](const row_set& rows) { both = rows.size() == 1; }, [](const caf::error&) {});
    self->request(server_, patience, execute("DELETE FROM t"))
      .receive([&](const outcome& done) { both = both && done.seq > 0; }, [&](const caf::error&) { both = false; });
    return both;
  }

  caf::actor_system& system() noexcept { return system_; }
  const engine_actor& server() const noexcept { return server_; }

private:
  remote_config config_;
  caf::actor_system system_{config_};
  engine_actor server_;
};

/// A server with a fake engine.
class served_engine {
public:
  explicit served_engine(network::connection_limits limits = {}, network::tls_settings tls = {}, std::uint16_t port = 0,
                         wire::role admits = wire::role::read_write) {
    auto opened = network::listener::open(system_, {{"127.0.0.1", port}, admits, limits, std::move(tls)},
                                          {engine_, operations_});
    BOOST_REQUIRE_MESSAGE(opened, (opened ? "" : opened.error()));
    listener_.emplace(std::move(*opened));
  }

  ~served_engine() {
    listener_.reset();
    caf::anon_send_exit(engine_, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(operations_, caf::exit_reason::user_shutdown);
  }

  std::uint16_t port() const { return listener_->port(); }
  /// Health requests are not answered any more.
  void fall_silent() { *silent_ = true; }
  network::listener& listener() { return *listener_; }
  const engine_actor& engine() const noexcept { return engine_; }
  std::uint64_t refused(network::refusal why) const { return listener_->refused()[why]; }
  caf::actor_system& system() noexcept { return system_; }

private:
  remote_config config_;
  caf::actor_system system_{config_};
  std::shared_ptr<std::atomic<bool>> silent_ = std::make_shared<std::atomic<bool>>(false);
  engine_actor engine_ = spawn_fake_engine(system_, silent_);
  operations_actor operations_ = spawn_fake_operations(system_);
  std::optional<network::listener> listener_;
};

} // namespace millrace::test
