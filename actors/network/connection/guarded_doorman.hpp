#pragma once

#include "connection_book.hpp"
#include "tls.hpp"

#include <memory>

#include <caf/io/network/doorman_impl.hpp>

namespace millrace::network {

/// What CAF's broker holds for a listening socket: takes in connections as far as the book allows, behind a guard each.
class guarded_doorman : public caf::io::network::doorman_impl {
public:
  /// Owns the socket from here on. Without TLS, `tls` is null.
  guarded_doorman(caf::io::network::default_multiplexer& loop, int socket, std::shared_ptr<connection_book> book,
                  guard_scope scope, std::shared_ptr<const tls_context> tls);

  bool new_connection() override;

private:
  std::shared_ptr<connection_book> book_;
  guard_scope scope_;
  std::shared_ptr<const tls_context> tls_;
};

} // namespace millrace::network
