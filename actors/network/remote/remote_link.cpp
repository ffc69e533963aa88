#include "remote_link.hpp"

#include "session.hpp"

#include <millrace/actors/base/backoff.hpp>
#include <millrace/actors/base/logger.hpp>
#include <millrace/actors/network/connection/address.hpp>
#include <millrace/actors/network/connection/guarded_scribe.hpp>
#include <millrace/actors/network/connection/node.hpp>

#include <cstdint>
#include <set>
#include <utility>

#include <unistd.h>
#include <caf/event_based_actor.hpp>
#include <caf/make_counted.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>

namespace millrace::network {

namespace {

class remote_link_state {
public:
  static inline const char* name = "remote_link";
  explicit remote_link_state(caf::event_based_actor* self) : self_(self) {}
  remote_link_state(const remote_link_state&) = delete;
  remote_link_state& operator=(const remote_link_state&) = delete;
  ~remote_link_state();

  caf::behavior make_behavior(link_options settings);

private:
  void connect();
  void await_handshake(int socket);
  std::string no_handshake() const;
  void shook_hands(const caf::strong_actor_ptr& server);
  void welcomed(const wire::welcome& said);
  void lost(const std::string& why, errc code = errc::unavailable, bool is_logged = false);
  static void hang_up(caf::actor_system& system, std::shared_ptr<connection_book> book);

  caf::event_based_actor* self_; ///< Not owned; outlives the state.
  link_options settings_;
  backoff delays_{{}};
  caf::actor broker_;
  session_actor session_;
  std::shared_ptr<subscriber_list> subscribers_ = std::make_shared<subscriber_list>();
  std::string last_obstacle_;
};

remote_link_state::~remote_link_state() {
  if (settings_.front.state != nullptr) {
    settings_.front.state->disconnected({errc::shutting_down, "the connection was closed here"});
  }
}

caf::behavior remote_link_state::make_behavior(link_options settings) {
  settings_ = std::move(settings);
  delays_ = backoff{{settings_.settings.reconnect_first, settings_.settings.reconnect_cap}};
  self_->set_down_handler([this](const caf::down_msg& ended) {
    if (session_ && ended.source == session_.address()) {
      session_ = nullptr;
      const auto why = failure_of(ended.reason);
      lost(why.detail, why.code);
    }
  });
  self_->set_exit_handler([this](const caf::exit_msg& why) {
    if (session_) {
      self_->send_exit(session_, caf::exit_reason::user_shutdown);
    }
    hang_up(self_->system(), settings_.book);
    self_->quit(why.reason);
  });
  broker_ = broker_of(self_->system());
  self_->send(self_, caf::connect_atom_v);
  return {
    [this](caf::connect_atom) { connect(); },
    [this](const wire::welcome& said) { welcomed(said); },
  };
}

void remote_link_state::connect() {
  const auto socket = connect_to(settings_.server, settings_.settings.connect_timeout, *settings_.ending);
  if (!socket) {
    return lost(socket.error());
  }
  if (const auto why = settings_.book->admit(settings_.server.address); why != refusal::none) {
    ::close(*socket);
    return lost(std::string{sentence_of(why)});
  }
  await_handshake(*socket);
}

void remote_link_state::await_handshake(int socket) {
  watch_for_dead_peers(socket);
  guard_scope scope;
  scope.side = guarded_side::client;
  scope.own_node = bytes_of(self_->system().node());
  scope.contents = wire::contents_from_server();
  scope.limits = settings_.settings.limits.frames;
  auto bytes = settings_.tls ? settings_.tls->connect(socket, settings_.server.address) : make_plain_transport(socket);
  caf::io::scribe_ptr scribe = caf::make_counted<guarded_scribe>(
    loop_of(self_->system()), settings_.book, scope, socket,
    connection::peer{settings_.server.address, to_string(settings_.server)}, std::move(bytes));
  self_
    ->request(broker_, 2 * settings_.settings.limits.handshake_timeout, caf::connect_atom_v, std::move(scribe),
              settings_.server.port)
    .then([this](const caf::node_id&, const caf::strong_actor_ptr& server,
                 const std::set<std::string>&) { shook_hands(server); },
          [this](const caf::error&) {
            lost(no_handshake(), errc::unavailable, settings_.book->last_closing().why != refusal::none);
          });
}

/// Whether the other end speaks TLS, and takes this certificate, may show in nothing else.
std::string remote_link_state::no_handshake() const {
  const auto closing = settings_.book->last_closing();
  if (closing.why == refusal::certificate_refused) {
    return closing.words()
           + " It has to name the host that is connected to, to hold now, and to come from the authority given.";
  }
  if (closing.why == refusal::certificate_not_pinned) {
    return closing.words() + " Pin that one if it is the right server's.";
  }
  return (closing.why == refusal::none ? "the server did not shake hands" : closing.words())
         + (settings_.tls ? "; is its port one with TLS, and does it take this certificate?"
                          : "; is it Millrace, and its port one without TLS? With TLS it is reached with certificates, "
                            "by millraces://");
}

void remote_link_state::shook_hands(const caf::strong_actor_ptr& server) {
  if (!server) {
    hang_up(self_->system(), settings_.book);
    return lost("the server is no Millrace engine");
  }
  session_ = spawn_session(
    self_->system(), {caf::actor_cast<operator_actor>(server), caf::actor_cast<welcome_listener>(self_), subscribers_,
                      settings_.settings.ping_interval, settings_.settings.limits.unread_bytes_max / 2,
                      [&system = self_->system(), book = settings_.book] { hang_up(system, book); }});
  self_->monitor(session_);
}

/// The server and the session agree on a version. One of a session that has ended meanwhile may come late.
void remote_link_state::welcomed(const wire::welcome& said) {
  auto session = caf::actor_cast<caf::strong_actor_ptr>(session_);
  if (!session || session != self_->current_sender()) {
    return;
  }
  logger()->debug("connected to {} with the role \"{}\", wire version {}", to_string(settings_.server),
                  wire::name(said.granted), said.version);
  last_obstacle_.clear();
  delays_.reset();
  settings_.front.state->connected(std::move(session), said.granted);
}

/// There is no connection, and after a while the next attempt to make one.
void remote_link_state::lost(const std::string& why, errc code, bool is_logged) {
  if (why != std::exchange(last_obstacle_, why) && !is_logged) {
    logger()->warn("{}: {}", to_string(settings_.server), why);
  }
  settings_.front.state->disconnected({code, to_string(settings_.server) + ": " + why});
  self_->delayed_send(self_, delays_.next(), caf::connect_atom_v);
}

void remote_link_state::hang_up(caf::actor_system& system, std::shared_ptr<connection_book> book) {
  loop_of(system).post([book = std::move(book)] { book->end_all(); });
}

} // namespace

caf::actor spawn_remote_link(caf::actor_system& system, link_options settings) {
  return system.spawn<caf::hidden + caf::detached>(
    [](caf::stateful_actor<remote_link_state>* self, link_options given) {
      return self->state.make_behavior(std::move(given));
    },
    std::move(settings));
}

} // namespace millrace::network
