#include "refused_rows.hpp"

#include "basp_frame.hpp"

#include <algorithm>
#include <cstdint>

namespace millrace::network {

namespace {

bool holds_any(std::string_view frame, std::span<const std::string_view> contents) noexcept {
  const auto header = read_header(frame);
  if (header.operation != static_cast<std::uint8_t>(basp_operation::direct_message)) {
    return false;
  }
  basp_reader in{frame.substr(basp_header_bytes)};
  const auto content = in.varint() == 0 ? in.content() : std::string_view{};
  return in.ok() && std::ranges::find(contents, content) != contents.end();
}

} // namespace

std::size_t refuse_rows(std::vector<char>& frames, std::size_t room, const rows_refusal& refusal) {
  if (frames.size() <= room) {
    return 0;
  }
  const auto& error = refusal.error;
  std::vector<char> kept;
  std::size_t refused = 0;
  for (std::string_view rest{frames.data(), frames.size()}; rest.size() >= basp_header_bytes;) {
    const auto frame = rest.substr(0, basp_header_bytes + read_header(rest).payload_bytes);
    rest.remove_prefix(frame.size());
    if (kept.size() + frame.size() <= room || frame.size() <= basp_header_bytes + error.size()
        || !holds_any(frame, refusal.contents)) {
      kept.insert(kept.end(), frame.begin(), frame.end());
      continue;
    }
    const auto at = kept.size();
    kept.insert(kept.end(), frame.begin(), frame.begin() + basp_header_bytes);
    set_payload_bytes(std::span{kept}.subspan(at), static_cast<std::uint32_t>(error.size()));
    kept.insert(kept.end(), error.begin(), error.end());
    ++refused;
  }
  frames.swap(kept);
  return refused;
}

} // namespace millrace::network
