#include "http_server.hpp"

#include "exchange.hpp"
#include "file_content.hpp"
#include "routes.hpp"
#include "tokens.hpp"

#include <millrace/actors/network/connection/address.hpp>

#include <algorithm>
#include <cctype>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include <microhttpd.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>

namespace millrace::network::http {

namespace {

using steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds sweep_interval{250};

/// One connection. The server's mutex guards it.
struct link {
  caf::strong_actor_ptr asker;
  int socket = -1;
  std::shared_ptr<exchange> current{}; ///< Null between two requests.
  bool arriving = false;               ///< Whether a request has begun to come and is not there as a whole.
  steady::time_point since{};          ///< When that began, or the last one ended.
};

/// A request as the library's callbacks know it.
struct request {
  std::shared_ptr<exchange> one;
  const route* wanted = nullptr; ///< Null where it is refused.
  bool served = false;
};

/// Null where there was no memory for it.
link* link_of(MHD_Connection* connection) {
  return static_cast<link*>(MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context);
}

/// Whether the other end has closed the connection, or its side of it, whatever it sent before.
bool is_closed(int socket) {
  pollfd seen{socket, POLLRDHUP, 0};
  return ::poll(&seen, 1, 0) == 1;
}

bool equal(std::string_view one, std::string_view other) {
  return std::ranges::equal(
    one, other, {}, [](unsigned char c) { return std::tolower(c); }, [](unsigned char c) { return std::tolower(c); });
}

/// A quarter of what the process may open: the engine and its other ports have files, too.
std::size_t connections_the_system_allows() {
  rlimit allowed{};
  return ::getrlimit(RLIMIT_NOFILE, &allowed) == 0 ? static_cast<std::size_t>(allowed.rlim_cur / 4) : 100;
}

/// How many headers of a name there are.
unsigned count_headers(MHD_Connection* connection, std::string_view wanted) {
  std::pair<std::string_view, unsigned> counted{wanted, 0};
  MHD_get_connection_values(
    connection, MHD_HEADER_KIND,
    [](void* into, MHD_ValueKind, const char* name, const char*) {
      auto& [sought, count] = *static_cast<std::pair<std::string_view, unsigned>*>(into);
      count += equal(name, sought) ? 1 : 0;
      return MHD_YES;
    },
    &counted);
  return counted.second;
}

/// What others on the way may take for another request.
bool is_ambiguous(MHD_Connection* connection, const exchange& one) {
  const auto lengths = count_headers(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
  const auto encodings = count_headers(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING);
  return lengths + encodings > 1
         || (encodings == 1 && !equal(one.header(MHD_HTTP_HEADER_TRANSFER_ENCODING), "chunked"));
}

/// The host without its port.
std::string_view host_in(std::string_view header) {
  const auto end = header.starts_with('[') ? header.find(']') + 1 : header.find(':');
  return header.substr(0, std::min(end, header.size()));
}

} // namespace

class http_server::impl {
public:
  impl(caf::actor_system& system, http_settings settings, served_actors served)
    : system_(system), book_(std::make_shared<connection_book>(settings.connections)) {
    service_->settings = std::move(settings);
    service_->engine = caf::actor_cast<caf::strong_actor_ptr>(std::move(served.engine));
    service_->operations = caf::actor_cast<caf::strong_actor_ptr>(std::move(served.operations));
  }
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;
  ~impl() { close(std::chrono::milliseconds{0}); }

  std::optional<std::string> read_tokens();
  std::optional<std::string> start(int socket);

  std::uint16_t port() const noexcept { return port_; }
  std::size_t connections() const {
    const std::lock_guard lock{mutex_};
    return links_.size();
  }

  std::size_t body_bytes() const noexcept { return service_->bodies_bytes; }

  void stop_accepting();
  void close(std::chrono::milliseconds patience);

private:
  MHD_Result handle(MHD_Connection* connection, std::string_view path, std::string_view method, const char* data,
                    std::size_t* size, void** context);
  request* begin(MHD_Connection* connection, std::string_view path, std::string_view method);
  void authorise(exchange& one, std::optional<wire::role> granted, wire::role least) const;
  const route* find_route(exchange& one, std::string_view path, std::string_view method) const;
  std::optional<wire::role> role_of(MHD_Connection* connection) const;
  bool is_from_a_page(const exchange& one) const;
  link* enter(MHD_Connection* connection) noexcept;
  void leave(std::unique_ptr<link> gone);
  void note(MHD_Connection* connection, bool arriving);
  void sweep();
  void look_at(link& one, steady::time_point now);
  bool serves_anybody() const;
  void give_up_all();

  caf::actor_system& system_;
  std::shared_ptr<connection_book> book_;
  std::shared_ptr<service> service_ = std::make_shared<service>();
  MHD_Daemon* daemon_ = nullptr;
  std::uint16_t port_ = 0;
  int listening_ = -1; ///< Closed by us once nobody is taken in any more.
  std::string certificate_;
  std::string key_;

  mutable std::mutex mutex_; ///< Guards all below.
  std::condition_variable changed_;
  std::set<link*> links_;
  std::shared_ptr<const token_book> tokens_; ///< Null where none are asked for.
  bool ending_ = false;
  std::thread sweeper_;
};

std::optional<std::string> http_server::impl::read_tokens() {
  const auto& file = service_->settings.tokens;
  if (file.empty()) {
    return {};
  }
  auto read = token_book::read(file);
  if (!read) {
    return std::move(read).error();
  }
  auto made = std::make_shared<const token_book>(std::move(*read));
  const std::lock_guard lock{mutex_};
  tokens_ = std::move(made);
  return {};
}

std::optional<std::string> http_server::impl::start(int socket) {
  const auto& settings = service_->settings;
  unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
  std::vector<MHD_OptionItem> more;
  if (!settings.tls.empty()) {
    for (const auto& [file, into] :
         {std::pair{&settings.tls.certificate, &certificate_}, std::pair{&settings.tls.key, &key_}}) {
      auto text = content_of(*file);
      if (!text) {
        ::close(socket);
        return std::move(text).error();
      }
      *into = std::move(*text);
    }
    flags |= MHD_USE_TLS;
    more.push_back({MHD_OPTION_HTTPS_MEM_CERT, 0, certificate_.data()});
    more.push_back({MHD_OPTION_HTTPS_MEM_KEY, 0, key_.data()});
    more.push_back({MHD_OPTION_HTTPS_PRIORITIES, 0, const_cast<char*>("NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2")});
  }
  more.push_back({MHD_OPTION_END, 0, nullptr});
  port_ = local_port(socket);
  listening_ = socket;
  const auto handler = [](void* self, MHD_Connection* connection, const char* url, const char* method, const char*,
                          const char* data, std::size_t* size, void** context) {
    try {
      return link_of(connection) == nullptr
               ? MHD_NO
               : static_cast<impl*>(self)->handle(connection, url, method, data, size, context);
    } catch (...) { // There is no memory; the connection ends.
      return MHD_NO;
    }
  };
  const auto connection = [](void* self, MHD_Connection* one, void** context, MHD_ConnectionNotificationCode code) {
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
      *context = static_cast<impl*>(self)->enter(one);
    } else if (*context != nullptr) {
      static_cast<impl*>(self)->leave(std::unique_ptr<link>{static_cast<link*>(*context)});
    }
  };
  const auto completed = [](void* self, MHD_Connection* one, void** context, MHD_RequestTerminationCode) {
    const std::unique_ptr<request> ended{static_cast<request*>(std::exchange(*context, nullptr))};
    static_cast<impl*>(self)->note(one, false);
  };
  const auto first_line = [](void* self, const char*, MHD_Connection* one) -> void* {
    static_cast<impl*>(self)->note(one, true);
    return nullptr;
  };
  const auto unread = std::chrono::ceil<std::chrono::seconds>(settings.connections.unread_timeout).count();
  daemon_ = MHD_start_daemon(
    flags, 0, nullptr, nullptr, +handler, this, MHD_OPTION_LISTEN_SOCKET, socket, MHD_OPTION_THREAD_POOL_SIZE,
    settings.threads, MHD_OPTION_NOTIFY_CONNECTION, +connection, this, MHD_OPTION_NOTIFY_COMPLETED, +completed, this,
    MHD_OPTION_URI_LOG_CALLBACK, +first_line, this, MHD_OPTION_CONNECTION_LIMIT,
    static_cast<unsigned>(std::min(settings.connections.connections_max, connections_the_system_allows())),
    MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
    static_cast<unsigned>(settings.connections.connections_per_address_max), MHD_OPTION_CONNECTION_TIMEOUT,
    static_cast<unsigned>(unread), MHD_OPTION_CONNECTION_MEMORY_LIMIT, settings.limits.headers_bytes_max,
    MHD_OPTION_ARRAY, more.data(), MHD_OPTION_END);
  if (daemon_ == nullptr) {
    ::close(std::exchange(listening_, -1));
    return "HTTP cannot be served: the certificate and the key do not fit, or the system grants no thread";
  }
  sweeper_ = std::thread{[this] { sweep(); }};
  return {};
}

void http_server::impl::stop_accepting() {
  if (daemon_ != nullptr && listening_ >= 0) {
    MHD_quiesce_daemon(daemon_);
    ::close(std::exchange(listening_, -1));
  }
}

void http_server::impl::close(std::chrono::milliseconds patience) {
  if (daemon_ == nullptr) {
    return;
  }
  stop_accepting();
  const auto end = steady::now() + patience;
  while (serves_anybody() && steady::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  {
    const std::lock_guard lock{mutex_};
    ending_ = true;
    changed_.notify_all();
  }
  sweeper_.join();
  give_up_all();
  MHD_stop_daemon(std::exchange(daemon_, nullptr));
}

/// Whether a request is there as a whole, and its answer not sent.
bool http_server::impl::serves_anybody() const {
  const std::lock_guard lock{mutex_};
  return std::ranges::any_of(links_, [](const link* one) { return one->current && !one->arriving; });
}

/// The library does not end what it was told to let rest.
void http_server::impl::give_up_all() {
  const std::lock_guard lock{mutex_};
  for (auto* const one : links_) {
    if (one->current) {
      one->current->give_up();
    }
  }
}

MHD_Result http_server::impl::handle(MHD_Connection* connection, std::string_view path, std::string_view method,
                                     const char* data, std::size_t* size, void** context) {
  if (*context == nullptr) {
    *context = begin(connection, path, method);
    return MHD_YES;
  }
  auto& [one, wanted, served] = *static_cast<request*>(*context);
  if (*size > 0) {
    one->take({data, std::exchange(*size, 0)});
    return MHD_YES;
  }
  if (one->given_up()) {
    return MHD_NO;
  }
  if (std::exchange(served, true)) {
    one->resume();
    return MHD_YES;
  }
  {
    const std::lock_guard lock{mutex_};
    link_of(connection)->arriving = false;
  }
  if (!one->reply_refusal()) {
    wanted->serve(*one);
  }
  return MHD_YES;
}

/// Where it is refused, a body is not read any more, and the connection ends with the answer.
request* http_server::impl::begin(MHD_Connection* connection, std::string_view path, std::string_view method) {
  auto& from = *link_of(connection);
  const auto role = role_of(connection);
  auto made = std::make_unique<request>();
  made->one = std::make_shared<exchange>(service_, connection, from.asker, role.value_or(wire::role::read));
  {
    const std::lock_guard lock{mutex_};
    from.current = made->one;
  }
  made->wanted = find_route(*made->one, path, method);
  if (made->wanted != nullptr && made->wanted->least) {
    authorise(*made->one, role, *made->wanted->least);
  }
  const auto length = made->one->header(MHD_HTTP_HEADER_CONTENT_LENGTH);
  const bool has_body = (!length.empty() && length != "0")
                        || !made->one->header(MHD_HTTP_HEADER_TRANSFER_ENCODING).empty();
  if (is_ambiguous(connection, *made->one)) {
    made->one->refuse({errc::malformed, "where the body ends is said in one way alone"});
  } else if (has_body && made->wanted != nullptr && !made->wanted->takes_body) {
    made->one->refuse({errc::malformed, "this takes no body"});
  }
  if (has_body) {
    made->one->reply_refusal();
  }
  return made.release();
}

void http_server::impl::authorise(exchange& one, std::optional<wire::role> granted, wire::role least) const {
  if (!granted) {
    one.add_header(MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    one.refuse(401, {errc::wrong_role, "a token is wanted: Authorization: Bearer TOKEN"});
  } else if (*granted < least) {
    one.refuse({errc::wrong_role, "this wants the role " + std::string{wire::name(least)}});
  } else if (is_from_a_page(one)) {
    one.refuse({errc::wrong_role, "without tokens no web page may ask"});
  }
}

const route* http_server::impl::find_route(exchange& one, std::string_view path, std::string_view method) const {
  std::string others;
  for (const auto& each : routes()) {
    if (each.path != path) {
      continue;
    }
    if (each.method == method || (each.method == "GET" && method == "HEAD")) {
      return &each;
    }
    others += (others.empty() ? "" : ", ") + std::string{each.method};
  }
  if (others.empty()) {
    one.refuse(404, {errc::malformed, "nothing is served under " + std::string{path}});
  } else {
    one.add_header(MHD_HTTP_HEADER_ALLOW, others);
    one.refuse(405, {errc::malformed, "this path is for " + others});
  }
  return nullptr;
}

std::optional<wire::role> http_server::impl::role_of(MHD_Connection* connection) const {
  std::shared_ptr<const token_book> tokens;
  {
    const std::lock_guard lock{mutex_};
    tokens = tokens_;
  }
  if (!tokens) {
    return service_->settings.without_token;
  }
  constexpr std::string_view scheme = "Bearer ";
  const char* const given = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
  const std::string_view text = given == nullptr ? std::string_view{} : given;
  return equal(text.substr(0, scheme.size()), scheme) ? tokens->role_of(text.substr(scheme.size())) : std::nullopt;
}

/// Any page in a browser of this machine can send requests here, under another name of this machine, too.
bool http_server::impl::is_from_a_page(const exchange& one) const {
  if (!service_->settings.tokens.empty()) {
    return false;
  }
  auto host = host_in(one.header(MHD_HTTP_HEADER_HOST));
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  }
  return !one.header(MHD_HTTP_HEADER_ORIGIN).empty() || !(host.empty() || equal(host, "localhost") || is_numeric(host));
}

link* http_server::impl::enter(MHD_Connection* connection) noexcept try {
  auto made = std::make_unique<link>();
  made->asker = spawn_caller(system_, book_);
  made->socket = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
  made->since = steady::now();
  const std::lock_guard lock{mutex_};
  links_.insert(made.get());
  return made.release();
} catch (...) {
  return nullptr;
}

void http_server::impl::leave(std::unique_ptr<link> gone) {
  {
    const std::lock_guard lock{mutex_};
    links_.erase(gone.get());
  }
  caller_in(gone->asker).leave();
}

/// A request begins to come, or the last one is answered.
void http_server::impl::note(MHD_Connection* connection, bool arriving) {
  const std::lock_guard lock{mutex_};
  if (auto* const one = link_of(connection)) {
    one->arriving = arriving;
    one->since = steady::now();
    if (!arriving) {
      one->current.reset();
    }
  }
}

void http_server::impl::sweep() {
  std::unique_lock lock{mutex_};
  while (!changed_.wait_for(lock, sweep_interval, [this] { return ending_; })) {
    const auto now = steady::now();
    for (auto* const one : links_) {
      look_at(*one, now);
    }
  }
}

/// A socket that is shut down ends its connection as if the other end had done it.
void http_server::impl::look_at(link& one, steady::time_point now) {
  const auto& limits = service_->settings.limits;
  if (one.current && one.current->waits()) {
    if (is_closed(one.socket)) {
      caller_in(one.asker).leave();
      one.current->give_up();
    }
    return;
  }
  const bool late = one.arriving ? now - one.since > limits.request_time_max
                                 : !one.current && now - one.since > limits.idle_timeout;
  if (late) {
    ::shutdown(one.socket, SHUT_RDWR);
  }
}

expected<http_server, std::string> http_server::open(caf::actor_system& system, http_settings settings,
                                                     served_actors served) {
  if (settings.tls.empty() && !is_loopback(settings.at.address)) {
    return tl::unexpected{"Other machines can reach " + to_string(settings.at)
                          + ", which takes TLS: give a certificate and its key."};
  }
  if (settings.tokens.empty() && !is_loopback(settings.at.address)) {
    return tl::unexpected{"Other machines can reach " + to_string(settings.at) + ", which takes tokens: give a file."};
  }
  const auto at = settings.at;
  auto made = std::make_unique<impl>(system, std::move(settings), std::move(served));
  if (auto wrong = made->read_tokens()) {
    return tl::unexpected{std::move(*wrong)};
  }
  const auto socket = listen_at(at);
  if (!socket) {
    return tl::unexpected{socket.error()};
  }
  if (auto wrong = made->start(*socket)) {
    return tl::unexpected{std::move(*wrong)};
  }
  return http_server{std::move(made)};
}

http_server::http_server(std::unique_ptr<impl> state) : impl_(std::move(state)) {}
http_server::http_server(http_server&&) noexcept = default;
http_server& http_server::operator=(http_server&&) noexcept = default;
http_server::~http_server() = default;

std::uint16_t http_server::port() const noexcept {
  return impl_->port();
}

std::size_t http_server::connections() const {
  return impl_->connections();
}

std::size_t http_server::body_bytes() const noexcept {
  return impl_->body_bytes();
}

std::optional<std::string> http_server::reload_tokens() {
  return impl_->read_tokens();
}

void http_server::stop_accepting() {
  impl_->stop_accepting();
}

void http_server::close(std::chrono::milliseconds patience) {
  impl_->close(patience);
}

} // namespace millrace::network::http
