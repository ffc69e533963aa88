#include "listener.hpp"

#include "gate.hpp"

#include <millrace/actors/base/tenant.hpp>
#include <millrace/actors/network/connection/address.hpp>
#include <millrace/actors/network/connection/connection_book.hpp>
#include <millrace/actors/network/connection/ending.hpp>
#include <millrace/actors/network/connection/guarded_doorman.hpp>
#include <millrace/actors/network/connection/node.hpp>
#include <millrace/actors/network/connection/sweeper.hpp>
#include <millrace/actors/network/connection/tls.hpp>
#include <millrace/messages/limits.hpp>

#include <algorithm>
#include <future>
#include <thread>
#include <utility>

#include <sys/resource.h>
#include <unistd.h>
#include <caf/actor_system.hpp>
#include <caf/io/middleman.hpp>
#include <caf/make_counted.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

namespace millrace::network {

namespace {

/// What a message may have beside the values that count towards the limits of `messages/`.
constexpr std::size_t overhead_bytes = 4 * 1024 * 1024;
/// How long to wait for what always answers, unless the system is ending.
constexpr std::chrono::seconds patience_within{5};

/// Half of what the process may open: the engine has files, too, and a server without descriptors serves nobody.
std::size_t connections_the_system_allows() {
  rlimit allowed{};
  return ::getrlimit(RLIMIT_NOFILE, &allowed) == 0 ? static_cast<std::size_t>(allowed.rlim_cur / 2) : 100;
}

} // namespace

class listener::impl {
public:
  impl(caf::actor_system& system, const listen_settings& settings, int socket, std::shared_ptr<const tls_context> tls,
       served_actors served, std::shared_ptr<connection_book> shared)
    : system_(system),
      broker_(broker_of(system)),
      book_(shared ? std::move(shared)
                   : std::make_shared<connection_book>(
                     settings.limits,
                     [&system, broker = broker_](const node_bytes& node) { forget_node(system, broker, node); })),
      gate_(spawn_gate(system, std::move(served), {settings.admits, settings.query_time_max}, book_)),
      port_(local_port(socket)) {
    guard_scope scope;
    scope.own_node = bytes_of(system.node());
    scope.published_actor = gate_->id();
    scope.contents = wire::contents_from(settings.admits);
    scope.limits = settings.limits.frames;
    caf::io::doorman_ptr doorman = caf::make_counted<guarded_doorman>(loop_of(system), socket, book_, scope,
                                                                      std::move(tls));
    caf::anon_send(broker_, caf::publish_atom_v, std::move(doorman), port_, gate_,
                   wire::interface_of(settings.admits, system));
    sweeper_ = spawn_sweeper(system, book_, sweep_interval(settings.limits));
  }

  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;
  ~impl() { leave(); }

  void leave() {
    if (!broker_) {
      return;
    }
    close(std::chrono::milliseconds{0});
    close_gate(gate_);
    end(system_, sweeper_, patience_within);
    // What is asked of the thread that reads and writes and not done when the system ends is never freed.
    in_loop([] { return true; });
    broker_ = nullptr;
    gate_ = nullptr;
    sweeper_ = nullptr;
  }

  std::uint16_t port() const noexcept { return port_; }
  const std::shared_ptr<connection_book>& book() const noexcept { return book_; }

  void stop_accepting() {
    if (std::exchange(accepting_, false)) {
      // CAF's loop takes what is added and removed in one turn for nothing at all, and would never free the doorman.
      in_loop([] { return true; });
      // What the broker has been given before is done by the time that it answers, the passing on of answers included.
      ask_broker(caf::close_atom_v, port_);
    }
  }

  void close(std::chrono::milliseconds patience) {
    if (!broker_) {
      return;
    }
    const auto end = std::chrono::steady_clock::now() + patience;
    stop_accepting();
    ask_broker(caf::close_atom_v, std::uint16_t{0});
    while (in_loop([book = book_] { return book->writing(); }) && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    in_loop([book = book_] { return book->end_all(), true; });
  }

private:
  template <class... Ts>
  void ask_broker(Ts... what) {
    caf::scoped_actor self{system_};
    self->request(broker_, patience_within, what...).receive([] {}, [](const caf::error&) {});
  }

  /// Runs it in the thread that reads and writes, and gives what it gave; false where that thread does not answer.
  template <class F>
  bool in_loop(F what) {
    auto done = std::make_shared<std::promise<bool>>();
    auto answer = done->get_future();
    loop_of(system_).post([what, done] { done->set_value(what()); });
    return answer.wait_for(patience_within) == std::future_status::ready && answer.get();
  }

  caf::actor_system& system_;
  caf::actor broker_;
  std::shared_ptr<connection_book> book_;
  caf::strong_actor_ptr gate_;
  caf::actor sweeper_;
  std::uint16_t port_;
  bool accepting_ = true;
  tenant tenant_{system_, "a listener", [this] { leave(); }};
};

expected<listener, std::string> listener::open(caf::actor_system& system, listen_settings settings,
                                               served_actors served, const listener* beside) {
  if (auto problem = check_middleman(system)) {
    return tl::unexpected{std::move(*problem)};
  }
  auto& limits = settings.limits;
  limits.connections_max = std::min(limits.connections_max, connections_the_system_allows());
  if (limits.frames.message_bytes_max == 0) {
    limits.frames.message_bytes_max = limits::transaction_bytes_max + overhead_bytes;
  }
  std::shared_ptr<const tls_context> tls;
  if (!settings.tls.empty()) {
    auto made = tls_context::make(settings.tls);
    if (!made) {
      return tl::unexpected{std::move(made).error()};
    }
    tls = std::move(*made);
  } else if (!is_loopback(settings.at.address)) {
    return tl::unexpected{"Other machines can reach " + to_string(settings.at)
                          + ", which takes TLS: give a certificate, its key and a certificate authority."};
  }
  const auto socket = listen_at(settings.at);
  if (!socket) {
    return tl::unexpected{socket.error()};
  }
  if (settings.admits != wire::role::operations) {
    served.operations = nullptr;
  }
  return listener{std::make_unique<impl>(system, settings, *socket, std::move(tls), std::move(served),
                                         beside != nullptr ? beside->impl_->book() : nullptr)};
}

listener::listener(std::unique_ptr<impl> state) : impl_(std::move(state)) {}
listener::listener(listener&&) noexcept = default;
listener& listener::operator=(listener&&) noexcept = default;
listener::~listener() = default;

std::uint16_t listener::port() const noexcept {
  return impl_->port();
}

std::size_t listener::connections() const {
  return impl_->book()->open();
}

std::uint64_t listener::accepted() const noexcept {
  return impl_->book()->accepted();
}

const refusal_counts& listener::refused() const noexcept {
  return impl_->book()->refused();
}

void listener::stop_accepting() {
  impl_->stop_accepting();
}

void listener::close(std::chrono::milliseconds patience) {
  impl_->close(patience);
}

} // namespace millrace::network
