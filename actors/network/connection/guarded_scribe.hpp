#pragma once

#include "connection.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/stream_impl.hpp>
#include <caf/io/scribe.hpp>

namespace millrace::network {

/// What CAF's broker holds for a connection: a scribe like CAF's own, but one whose stream reads and writes through a
/// guarded `connection`.
class guarded_scribe : public caf::io::scribe {
public:
  /// Owns the socket from here on.
  guarded_scribe(caf::io::network::default_multiplexer& loop, std::shared_ptr<connection_book> book,
                 const guard_scope& scope, int socket, connection::peer from, transport_ptr bytes);

  void configure_read(caf::io::receive_policy::config config) override;
  void ack_writes(bool enable) override;
  std::vector<char>& wr_buf() override;
  std::vector<char>& rd_buf() override;
  void flush() override;
  void graceful_shutdown() override;
  std::string addr() const override;
  std::uint16_t port() const override;
  void add_to_loop() override;
  void remove_from_loop() override;

private:
  connection connection_;
  caf::io::network::stream_impl<connection_policy> stream_;
  /// What CAF writes, until it is flushed and the transport is ready: CAF's stream cannot wait for a read to write.
  std::vector<char> written_;
  bool launched_ = false;
};

} // namespace millrace::network
