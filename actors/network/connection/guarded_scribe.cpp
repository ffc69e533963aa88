#include "guarded_scribe.hpp"

#include "address.hpp"

#include <millrace/messages/paging.hpp>
#include <millrace/messages/row_set.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/messages/wire/requests.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include <caf/binary_serializer.hpp>
#include <caf/make_message.hpp>

namespace millrace::network {

namespace {

/// After which a program is to ask again for what there was no room for.
constexpr std::chrono::milliseconds retry_after{500};

/// Not the socket's number, as CAF's own scribes have it: the system gives that out again at once, and CAF's broker,
/// which cleans up some time after a connection has ended, would take the next one for it.
caf::io::connection_handle next_handle() {
  static std::atomic<std::int64_t> last{std::int64_t{1} << 32};
  return caf::io::connection_handle::from_int(++last);
}

constexpr std::array rows{wire::content<row_set>, wire::content<row_page>};

/// The bytes are the same in every actor system.
rows_refusal no_room(caf::actor_system& system) {
  static const std::vector<char> bytes = [&system] {
    std::vector<char> written;
    caf::binary_serializer sink{system, written};
    std::vector<caf::strong_actor_ptr> no_stack;
    auto content = caf::make_message(to_error(
      {errc::overloaded, "too much is on its way to this program already; read it, and ask again", retry_after}));
    return sink(no_stack, content) ? std::vector<char>{} : written;
  }();
  return {rows, {bytes.data(), bytes.size()}};
}

} // namespace

guarded_scribe::guarded_scribe(caf::io::network::default_multiplexer& loop, std::shared_ptr<connection_book> book,
                               const guard_scope& scope, int socket, connection::peer from, transport_ptr bytes)
  : caf::io::scribe(next_handle()),
    connection_(std::move(book), scope, socket, std::move(from), std::move(bytes), no_room(loop.system())),
    stream_(loop, socket, connection_) {
  connection_.watch(stream_.wr_buf(), [this] { flush(); });
}

void guarded_scribe::configure_read(caf::io::receive_policy::config config) {
  stream_.configure_read(config);
  if (!std::exchange(launched_, true)) {
    stream_.start(this);
    connection_.start();
  }
}

void guarded_scribe::ack_writes(bool enable) {
  stream_.ack_writes(enable);
}

std::vector<char>& guarded_scribe::wr_buf() {
  return written_;
}

std::vector<char>& guarded_scribe::rd_buf() {
  return stream_.rd_buf();
}

void guarded_scribe::flush() {
  if (connection_.ready()) {
    connection_.send(written_);
    stream_.flush(this);
  }
}

void guarded_scribe::graceful_shutdown() {
  stream_.graceful_shutdown();
  detach(&stream_.backend(), false);
}

std::string guarded_scribe::addr() const {
  const auto other = remote_endpoint(stream_.fd());
  return other ? other->address : "";
}

std::uint16_t guarded_scribe::port() const {
  const auto other = remote_endpoint(stream_.fd());
  return other ? other->port : std::uint16_t{0};
}

void guarded_scribe::add_to_loop() {
  stream_.activate(this);
}

void guarded_scribe::remove_from_loop() {
  stream_.passivate();
}

} // namespace millrace::network
