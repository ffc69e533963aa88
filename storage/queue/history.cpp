#include "history.hpp"

#include <algorithm>
#include <iterator>

namespace millrace::storage {

result<bool> holds_another_frame(const queue_folder& folder, std::span<const segment_entry> segments,
                                 const log_position& applied) {
  const auto beyond = std::ranges::upper_bound(segments, applied.seq, {}, &segment_entry::first_seq);
  if (applied.chain == 0 || beyond == segments.begin()) {
    return false;
  }
  auto reader = segment_reader::open(folder, std::prev(beyond)->first_seq);
  if (!reader) {
    return reader.error().code == errc::corrupt ? result<bool>{false} : tl::unexpected{reader.error()};
  }
  for (std::uint64_t offset = header_block_bytes;;) {
    const auto frame = reader->frame_at(offset);
    if (!frame) {
      return tl::unexpected{frame.error()};
    }
    if (*frame) {
      const auto& header = (*frame)->header;
      if (header.next_seq() > applied.seq) {
        return header.first_seq <= applied.seq && header.checksum != applied.chain;
      }
      offset += header.bytes;
      continue;
    }
    const auto next = reader->find_frame(offset + frame_alignment, 0);
    if (!next || !*next) {
      return next ? result<bool>{false} : tl::unexpected{next.error()};
    }
    offset = **next;
  }
}

} // namespace millrace::storage
