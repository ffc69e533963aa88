#include "remote_engine.hpp"

#include "remote_link.hpp"

#include <millrace/actors/base/tenant.hpp>
#include <millrace/actors/network/connection/address.hpp>
#include <millrace/actors/network/connection/ending.hpp>
#include <millrace/actors/network/connection/node.hpp>
#include <millrace/actors/network/connection/sweeper.hpp>
#include <millrace/messages/limits.hpp>

#include <atomic>
#include <chrono>
#include <string_view>
#include <utility>

#include <caf/actor_system.hpp>

namespace millrace::network {

namespace {

constexpr std::string_view plain_scheme = "millrace://";
constexpr std::string_view tls_scheme = "millraces://";
/// What an answer may have beside the rows that count towards the limits of `messages/`.
constexpr std::size_t overhead_bytes = 4 * 1024 * 1024;

} // namespace

class remote_engine::impl {
public:
  impl(caf::actor_system& system, link_options settings)
    : system_(system),
      book_(settings.book),
      ending_(settings.ending),
      state_(settings.front.state),
      front_(settings.front.handle),
      operations_(settings.front.handle),
      sweeper_(spawn_sweeper(system, book_, sweep_interval(settings.settings.limits))),
      link_(spawn_remote_link(system, std::move(settings))),
      tenant_(system, "a connection to an engine elsewhere", [this] { leave(); }) {}

  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;
  ~impl() { leave(); }

  const engine_actor& front() const noexcept { return front_; }
  const operations_actor& operations() const noexcept { return operations_; }
  std::optional<wire::role> granted() const { return state_->granted(); }
  std::optional<failure> obstacle() const { return state_->obstacle(); }
  const connection_book& book() const noexcept { return *book_; }

private:
  /// Looking up a name takes a while where its servers do not answer, and cannot be interrupted.
  static constexpr std::chrono::seconds patience{30};

  void leave() {
    *ending_ = true;
    for (auto* one : {&link_, &sweeper_}) {
      if (*one) {
        end(system_, std::exchange(*one, nullptr), patience);
      }
    }
  }

  caf::actor_system& system_; ///< Not owned; outlives this.
  std::shared_ptr<connection_book> book_;
  std::shared_ptr<std::atomic<bool>> ending_;
  remote_front* state_; ///< Lives as long as the handles.
  engine_actor front_;
  operations_actor operations_;
  caf::actor sweeper_;
  caf::actor link_;
  tenant tenant_;
};

expected<remote_engine, std::string> connect(caf::actor_system& system, remote_settings settings) {
  if (auto problem = check_middleman(system)) {
    return tl::unexpected{std::move(*problem)};
  }
  link_options link;
  const std::string_view url = settings.url;
  const bool with_tls = url.starts_with(tls_scheme);
  if (!with_tls && !url.starts_with(plain_scheme)) {
    return tl::unexpected{"\"" + settings.url + "\" is no address of an engine, such as millrace://127.0.0.1:7400"};
  }
  auto server = parse_endpoint(url.substr(with_tls ? tls_scheme.size() : plain_scheme.size()));
  if (!server) {
    return tl::unexpected{std::move(server).error()};
  }
  if (with_tls) {
    auto tls = tls_context::make(settings.tls);
    if (!tls) {
      return tl::unexpected{std::move(tls).error()};
    }
    link.tls = std::move(*tls);
  } else if (!settings.tls.empty()) {
    return tl::unexpected{std::string{"Certificates are for millraces://, with an s; millrace:// would not use them."}};
  }
  if (settings.limits.frames.message_bytes_max == 0) {
    settings.limits.frames.message_bytes_max = limits::row_set_bytes_max + overhead_bytes;
  }
  link.server = std::move(*server);
  link.book = std::make_shared<connection_book>(
    settings.limits,
    [&system, broker = broker_of(system)](const node_bytes& node) { forget_node(system, broker, node); });
  link.front = spawn_remote_front(system);
  link.settings = std::move(settings);
  return remote_engine{std::make_unique<remote_engine::impl>(system, std::move(link))};
}

remote_engine::remote_engine(std::unique_ptr<impl> state) : impl_(std::move(state)) {}
remote_engine::remote_engine(remote_engine&&) noexcept = default;
remote_engine& remote_engine::operator=(remote_engine&&) noexcept = default;
remote_engine::~remote_engine() = default;

const engine_actor& remote_engine::front() const noexcept {
  return impl_->front();
}

const operations_actor& remote_engine::operations() const noexcept {
  return impl_->operations();
}

bool remote_engine::connected() const {
  return granted().has_value();
}

std::optional<wire::role> remote_engine::granted() const {
  return impl_->granted();
}

std::optional<failure> remote_engine::obstacle() const {
  return impl_->obstacle();
}

const refusal_counts& remote_engine::refused() const noexcept {
  return impl_->book().refused();
}

} // namespace millrace::network
