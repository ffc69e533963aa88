#include "segment.hpp"

#include <algorithm>

namespace millrace::storage {

namespace {

constexpr std::size_t window_step = 256 * 1024;
constexpr std::size_t frame_salt_at = 16;
constexpr std::uint64_t zeroes_step = 1024 * 1024;

} // namespace

result<> write_zeroes(file& target, std::uint64_t from, std::uint64_t end) {
  if (from >= end) {
    return {};
  }
  const std::string zeroes(static_cast<std::size_t>(std::min(zeroes_step, end - from)), '\0');
  while (from < end) {
    const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(zeroes.size(), end - from));
    if (auto written = target.write_at(from, std::string_view{zeroes}.substr(0, step)); !written) {
      return written;
    }
    from += step;
  }
  return {};
}

result<segment_reader> segment_reader::open(const queue_folder& folder, std::uint64_t first_seq) {
  const auto path = folder.segment_path(first_seq);
  auto source = folder.files->open(path, file_mode::read);
  if (!source) {
    return tl::unexpected{source.error()};
  }
  const auto size = (*source)->size();
  if (!size) {
    return tl::unexpected{size.error()};
  }
  segment_reader reader{std::move(*source), *size};
  const auto block = reader.bytes(0, header_block_bytes);
  if (!block) {
    return tl::unexpected{block.error()};
  }
  const auto reading = decode_header_block(*block, folder.database, path.string());
  if (!reading) {
    return tl::unexpected{reading.error()};
  }
  if (reading->header.first_seq != first_seq) {
    return fail(errc::corrupt, path.string() + " is the segment that begins at seq "
                                 + std::to_string(reading->header.first_seq) + " under a wrong name");
  }
  reader.header_ = reading->header;
  reader.header_copy_damaged_ = reading->one_copy_damaged;
  return reader;
}

void segment_reader::set_end(std::uint64_t end) noexcept {
  end_ = end;
  // What was read ahead of it may have changed when the end moves on.
  const auto seen = end > window_at_ ? end - window_at_ : 0;
  window_bytes_ = static_cast<std::size_t>(std::min<std::uint64_t>(window_bytes_, seen));
}

result<std::string_view> segment_reader::bytes(std::uint64_t offset, std::size_t count) {
  if (offset >= end_) {
    return std::string_view{};
  }
  count = static_cast<std::size_t>(std::min<std::uint64_t>(count, end_ - offset));
  if (offset < window_at_ || offset + count > window_at_ + window_bytes_) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(std::max(count, window_step), end_ - offset));
    window_.resize(std::max(window_.size(), wanted));
    window_bytes_ = 0;
    const auto given = file_->read_at(offset, {window_.data(), wanted});
    if (!given) {
      return tl::unexpected{given.error()};
    }
    window_at_ = offset;
    window_bytes_ = *given;
  }
  const auto skipped = static_cast<std::size_t>(offset - window_at_);
  return std::string_view{window_.data() + skipped, std::min(count, window_bytes_ - skipped)};
}

result<std::optional<frame_view>> segment_reader::frame_at(std::uint64_t offset) {
  const auto start = bytes(offset, frame_header_bytes);
  if (!start) {
    return tl::unexpected{start.error()};
  }
  if (start->size() < frame_header_bytes) {
    return std::nullopt;
  }
  const auto header = parse_frame_header(*start);
  if (!plausible(header, header_.salt, end_ - offset)) {
    return std::nullopt;
  }
  const auto frame = bytes(offset, header.bytes);
  if (!frame) {
    return tl::unexpected{frame.error()};
  }
  if (frame->size() < header.bytes || !verifies(*frame, header_.salt)) {
    return std::nullopt;
  }
  return frame_view{header, frame->substr(frame_header_bytes)};
}

result<std::optional<std::uint64_t>> segment_reader::find_frame(std::uint64_t from, std::uint64_t first_seq_min) {
  while (true) {
    const auto chunk = bytes(from, window_step);
    if (!chunk) {
      return tl::unexpected{chunk.error()};
    }
    if (chunk->size() < frame_header_bytes) {
      return std::nullopt;
    }
    std::size_t skipped = 0;
    while (skipped + frame_header_bytes <= chunk->size()
           && load<std::uint64_t>(chunk->data() + skipped + frame_salt_at) != header_.salt) {
      skipped += frame_alignment;
    }
    const auto candidate = skipped + frame_header_bytes <= chunk->size();
    from += skipped;
    if (!candidate) {
      continue;
    }
    const auto frame = frame_at(from);
    if (!frame) {
      return tl::unexpected{frame.error()};
    }
    if (*frame && (*frame)->header.first_seq >= first_seq_min) {
      return from;
    }
    from += frame_alignment;
  }
}

} // namespace millrace::storage
