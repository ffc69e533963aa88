#pragma once

#include <millrace/actors/network/guard/basp_frame.hpp>

#include <cstdint>
#include <string>
#include <string_view>

/// Frames of BASP made by hand, well-formed or not. Plain, so that fuzzers' seeds can be made of them, too.
namespace millrace::test {

inline std::string big_endian(std::uint64_t value, std::size_t width) {
  std::string bytes(width, '\0');
  for (auto at = width; at-- > 0; value >>= 8U) {
    bytes[at] = static_cast<char>(value & 0xFFU);
  }
  return bytes;
}

inline std::string varint(std::uint32_t value) {
  std::string bytes;
  for (; value > 0x7FU; value >>= 7U) {
    bytes += static_cast<char>(0x80U | (value & 0x7FU));
  }
  return bytes + static_cast<char>(value);
}

inline std::string basp_string(std::string_view text) {
  return varint(static_cast<std::uint32_t>(text.size())).append(text);
}

/// A node with a process id and a host that is all one byte.
inline std::string a_node(std::uint32_t process, char host = 'h') {
  std::uint64_t form = 0xF; // The atom "default".
  for (const char letter : std::string_view{"default"}) {
    form = form << 6U | static_cast<std::uint64_t>(letter - 'a' + 38);
  }
  return big_endian(form, 8) + big_endian(process, 4) + std::string(20, host);
}

inline network::node_bytes as_node(std::string_view bytes) {
  network::node_bytes node{};
  bytes.copy(node.data(), node.size());
  return node;
}

inline std::string header_bytes(const network::basp_header& header) {
  return big_endian(header.operation, 1) + big_endian(header.padding, 2) + big_endian(header.flags, 1)
         + big_endian(header.payload_bytes, 4) + big_endian(header.operation_data, 8)
         + big_endian(header.source_actor, 8) + big_endian(header.dest_actor, 8);
}

/// A frame whose header announces the payload that it has.
inline std::string frame(network::basp_header header, std::string_view payload = {}) {
  header.payload_bytes = static_cast<std::uint32_t>(payload.size());
  return header_bytes(header).append(payload);
}

inline std::string client_handshake(std::string_view node, std::uint8_t flags = 0) {
  return frame({.operation = 1, .flags = flags}, node);
}

inline std::string server_handshake(std::string_view node, std::uint64_t published = 7) {
  return frame({.operation = 0, .operation_data = network::basp_version},
               std::string{node} + varint(1) + basp_string("generic-caf-app") + big_endian(published, 8) + varint(1)
                 + basp_string("an interface"));
}

/// What stands in a message's payload: no forwarding stack, types, values.
inline std::string message_payload(std::string_view types, std::string_view values = {}) {
  return varint(0) + big_endian(0, 2) + basp_string(types) + std::string{values};
}

inline std::string direct_message(std::uint64_t from, std::uint64_t to, std::uint64_t number, std::string_view payload,
                                  std::uint8_t flags = 0) {
  return frame({.operation = 2, .flags = flags, .operation_data = number, .source_actor = from, .dest_actor = to},
               payload);
}

inline std::string monitor_message(std::string_view from, std::string_view to, std::uint64_t actor) {
  return frame({.operation = 4, .dest_actor = actor}, std::string{from}.append(to));
}

inline std::string error_bytes(std::string_view context_types = "@<>", std::string_view context_values = {}) {
  return big_endian(1, 1) + big_endian(0xF0, 8) + big_endian(0, 2) + basp_string(context_types)
         + std::string{context_values};
}

inline std::string down_message(std::string_view from, std::string_view to, std::uint64_t actor,
                                std::string_view error) {
  return frame({.operation = 5, .source_actor = actor}, std::string{from}.append(to).append(error));
}

inline std::string heartbeat() {
  return frame({.operation = 6});
}

inline constexpr std::uint64_t request_number = 1ULL << 60U | 5;
inline constexpr std::uint64_t response_number = 1ULL << 63U | request_number;
inline constexpr std::uint64_t no_number = 1ULL << 60U;

} // namespace millrace::test
