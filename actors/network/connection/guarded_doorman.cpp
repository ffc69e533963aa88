#include "guarded_doorman.hpp"

#include "address.hpp"
#include "guarded_scribe.hpp"

#include <utility>

#include <unistd.h>
#include <caf/io/abstract_broker.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/make_counted.hpp>

namespace millrace::network {

guarded_doorman::guarded_doorman(caf::io::network::default_multiplexer& loop, int socket,
                                 std::shared_ptr<connection_book> book, guard_scope scope,
                                 std::shared_ptr<const tls_context> tls)
  : caf::io::network::doorman_impl(loop, socket), book_(std::move(book)), scope_(scope), tls_(std::move(tls)) {}

bool guarded_doorman::new_connection() {
  const auto socket = acceptor_.accepted_socket();
  if (detached()) {
    ::close(socket);
    return false;
  }
  const auto from = remote_endpoint(socket);
  const auto address = from ? from->address : std::string{"unknown"};
  const auto name = from ? to_string(*from) : address;
  if (const auto why = book_->admit(address); why != refusal::none) {
    book_->refuse(why, name);
    ::close(socket);
    return true;
  }
  watch_for_dead_peers(socket);
  auto& loop = acceptor_.backend();
  auto scribe = caf::make_counted<guarded_scribe>(loop, book_, scope_, socket, connection::peer{address, name},
                                                  tls_ ? tls_->accept(socket) : make_plain_transport(socket));
  const auto handle = scribe->hdl();
  parent()->add_scribe(std::move(scribe));
  return doorman::new_connection(&loop, handle);
}

} // namespace millrace::network
