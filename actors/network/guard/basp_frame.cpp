#include "basp_frame.hpp"

#include <algorithm>

namespace millrace::network {

namespace {

/// CAF packs six bits per character behind a leading 0xF.
constexpr std::uint64_t default_node_atom = [] {
  std::uint64_t packed = 0xF;
  for (const char letter : std::string_view{"default"}) {
    packed = packed << 6U | static_cast<std::uint64_t>(letter - 'a' + 38);
  }
  return packed;
}();

char* write(char* to, std::uint64_t value, unsigned width) noexcept {
  while (width-- > 0) {
    *to++ = static_cast<char>(value >> 8U * width & 0xFFU);
  }
  return to;
}

} // namespace

node_bytes make_node(std::uint32_t process, const host_start& host, std::uint64_t rest_of_host) noexcept {
  node_bytes made{};
  auto* end = write(made.data(), default_node_atom, 8);
  end = write(end, process, 4);
  end = std::ranges::copy(host, end).out;
  write(end, rest_of_host, 8);
  return made;
}

std::uint64_t basp_reader::integer(std::size_t width) noexcept {
  std::uint64_t value = 0;
  for (const char one : bytes(width)) {
    value = value << 8U | static_cast<unsigned char>(one);
  }
  return value;
}

std::uint32_t basp_reader::varint() noexcept {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 35; shift += 7) {
    const auto next = byte();
    value |= static_cast<std::uint64_t>(next & 0x7FU) << shift;
    if ((next & 0x80U) == 0) {
      ok_ = ok_ && value <= UINT32_MAX;
      return ok_ ? static_cast<std::uint32_t>(value) : 0;
    }
  }
  ok_ = false;
  return 0;
}

std::string_view basp_reader::bytes(std::size_t count) noexcept {
  if (!ok_ || count > rest_.size()) {
    ok_ = false;
    return {};
  }
  const auto taken = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return taken;
}

std::string_view basp_reader::content() noexcept {
  if (u16() != 0) {
    fail();
  }
  return string();
}

bool basp_reader::node(node_bytes& into) noexcept {
  const auto all = bytes(into.size());
  basp_reader fields{all};
  const auto form = fields.u64();
  const auto process = fields.u32();
  const auto host = fields.bytes(20);
  const bool has_host = std::ranges::any_of(host, [](char one) { return one != 0; });
  ok_ = ok_ && form == default_node_atom && process != 0 && has_host;
  if (ok_) {
    std::ranges::copy(all, into.begin());
  }
  return ok_;
}

basp_header read_header(std::string_view bytes) noexcept {
  basp_reader in{bytes};
  basp_header header;
  header.operation = in.byte();
  header.padding = in.u16();
  header.flags = in.byte();
  header.payload_bytes = in.u32();
  header.operation_data = in.u64();
  header.source_actor = in.u64();
  header.dest_actor = in.u64();
  return header;
}

void set_payload_bytes(std::span<char> frame, std::uint32_t bytes) noexcept {
  write(frame.subspan(4).data(), bytes, 4);
}

} // namespace millrace::network
