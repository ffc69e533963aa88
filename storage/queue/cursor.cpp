#include "cursor.hpp"

#include <algorithm>
#include <utility>

namespace millrace::storage {

namespace {

class segment_cursor final : public log_cursor {
public:
  segment_cursor(const log_extent& extent, std::uint64_t seq) : extent_(extent), wanted_(seq) {}

  result<std::optional<batch>> next() override {
    while (wanted_ <= extent_.last_seq) {
      if (auto ready = position(); !ready) {
        return tl::unexpected{ready.error()};
      }
      auto read = read_frame();
      if (!read) {
        return tl::unexpected{read.error()};
      }
      if (!read->items.empty()) {
        wanted_ = read->last_seq() + 1;
        return std::optional{std::move(*read)};
      }
    }
    return std::nullopt;
  }

  /// Opens the segment that holds what is wanted, unless it is the one being read.
  result<> position();

private:
  result<batch> read_frame();
  result<> skip_damage();
  tl::unexpected<failure> corrupt(const std::string& why) const {
    return fail(errc::corrupt, "seq " + std::to_string(wanted_) + " in "
                                 + extent_.folder.segment_path(segment_).string() + ": " + why);
  }

  const log_extent& extent_;
  std::uint64_t wanted_;      ///< The first `seq` of the next batch.
  std::uint64_t segment_ = 0; ///< The first `seq` of the segment being read.
  std::optional<segment_reader> reader_;
  decoder_dictionary texts_;
  std::uint64_t offset_ = header_block_bytes;
};

result<> segment_cursor::position() {
  const auto& segments = extent_.segments;
  const auto beyond = std::find_if(segments.begin(), segments.end(),
                                   [this](const segment_entry& entry) { return entry.first_seq > wanted_; });
  if (beyond == segments.begin()) {
    return fail(errc::file_not_found, "seq " + std::to_string(wanted_) + " is no longer in the log");
  }
  const auto& holder = *std::prev(beyond);
  if (!reader_ || holder.first_seq != segment_) {
    auto opened = segment_reader::open(extent_.folder, holder.first_seq);
    if (!opened) {
      return tl::unexpected{opened.error()};
    }
    reader_ = std::move(*opened);
    segment_ = holder.first_seq;
    texts_ = {};
    offset_ = header_block_bytes;
  }
  reader_->set_end(beyond == segments.end() ? extent_.active_end : holder.bytes);
  return {};
}

/// The work of the frame at the offset from what is wanted on; may be empty.
result<batch> segment_cursor::read_frame() {
  auto frame = reader_->frame_at(offset_);
  if (!frame) {
    return tl::unexpected{frame.error()};
  }
  if (!*frame || (*frame)->header.first_seq > wanted_) {
    if (auto skipped = skip_damage(); !skipped) {
      return tl::unexpected{skipped.error()};
    }
    return batch{};
  }
  const auto& header = (*frame)->header;
  offset_ += header.bytes;
  auto decoded = decode_frame(**frame, wanted_, texts_);
  if (header.next_seq() <= wanted_) {
    return batch{};
  }
  if (!decoded) {
    return corrupt(decoded.error().detail);
  }
  return decoded;
}

/// Recovery let damage pass that lies in work applied before: what is wanted stands after it.
result<> segment_cursor::skip_damage() {
  const auto next = reader_->find_frame(offset_ + frame_alignment, 0);
  if (!next) {
    return tl::unexpected{next.error()};
  }
  if (*next) {
    const auto frame = reader_->frame_at(**next);
    if (!frame) {
      return tl::unexpected{frame.error()};
    }
    if ((*frame)->header.first_seq <= wanted_) {
      offset_ = **next;
      return {};
    }
  }
  return corrupt("the work that was written here cannot be read any more");
}

} // namespace

result<std::unique_ptr<log_cursor>> make_cursor(const log_extent& extent, std::uint64_t seq) {
  auto cursor = std::make_unique<segment_cursor>(extent, seq);
  if (seq <= extent.last_seq) {
    if (auto ready = cursor->position(); !ready) {
      return tl::unexpected{ready.error()};
    }
  }
  return cursor;
}

} // namespace millrace::storage
