#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

/// The Binary Actor System Protocol of CAF 0.17.6 on the wire, as far as the guard reads it. A frame is a header of 32
/// bytes and a payload; all integers are big-endian, lengths of strings and lists are varints of 7 bits a byte, the
/// lowest first.
namespace millrace::network {

enum class basp_operation : std::uint8_t {
  server_handshake = 0, ///< node, application names, published actor, its interface
  client_handshake = 1, ///< node
  direct_message = 2,   ///< forwarding stack, message
  routed_message = 3,   ///< node, node, forwarding stack, message
  monitor_message = 4,  ///< node, node
  down_message = 5,     ///< node, node, error
  heartbeat = 6,        ///< nothing
};

inline constexpr std::size_t basp_header_bytes = 32;
inline constexpr std::uint64_t basp_version = 3;
inline constexpr std::uint8_t basp_named_receiver = 0x01;
inline constexpr std::uint8_t basp_select_connection = 0x02;

struct basp_header {
  std::uint8_t operation = 0;
  std::uint16_t padding = 0;
  std::uint8_t flags = 0;
  std::uint32_t payload_bytes = 0;
  std::uint64_t operation_data = 0; ///< A handshake's version, a message's request number.
  std::uint64_t source_actor = 0;
  std::uint64_t dest_actor = 0;

  friend bool operator==(const basp_header&, const basp_header&) = default;
};

/// A node as CAF writes it: the atom `default`, a process id, a host hash of 20 bytes.
using node_bytes = std::array<char, 32>;

/// The first part of a host's hash; the rest is written as a number.
using host_start = std::array<char, 12>;

node_bytes make_node(std::uint32_t process, const host_start& host, std::uint64_t rest_of_host) noexcept;

/// Reads from bytes that nobody vouches for. What is not there reads as zero or empty, and `ok` is false from then on.
class basp_reader {
public:
  explicit basp_reader(std::string_view bytes) noexcept : rest_(bytes) {}

  std::uint8_t byte() noexcept { return static_cast<std::uint8_t>(integer(1)); }
  std::uint16_t u16() noexcept { return static_cast<std::uint16_t>(integer(2)); }
  std::uint32_t u32() noexcept { return static_cast<std::uint32_t>(integer(4)); }
  std::uint64_t u64() noexcept { return integer(8); }
  /// At most 32 bits in at most 5 bytes. CAF itself reads on for as long as the highest bit is set.
  std::uint32_t varint() noexcept;
  std::string_view bytes(std::size_t count) noexcept;
  std::string_view string() noexcept { return bytes(varint()); }
  /// The types of a message, in CAF's notation. What follows are its values.
  std::string_view content() noexcept;
  /// A node of the only form that is let in. False for any other, and for one that names no process or host.
  bool node(node_bytes& into) noexcept;

  bool ok() const noexcept { return ok_; }
  /// Whether all was there and nothing is left.
  bool done() const noexcept { return ok_ && rest_.empty(); }
  void fail() noexcept { ok_ = false; }

private:
  std::uint64_t integer(std::size_t width) noexcept;

  std::string_view rest_;
  bool ok_ = true;
};

/// Reads a header; `bytes` are at least 32.
basp_header read_header(std::string_view bytes) noexcept;
/// Writes another length of the payload into a frame.
void set_payload_bytes(std::span<char> frame, std::uint32_t bytes) noexcept;

} // namespace millrace::network
