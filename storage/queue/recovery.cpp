#include "recovery.hpp"

#include "history.hpp"
#include "torn_tail.hpp"

#include <millrace/storage/base/failpoint.hpp>

#include <algorithm>

namespace millrace::storage {

namespace {

std::string range(std::uint64_t first, std::uint64_t last) {
  return first == last ? "seq " + std::to_string(first)
                       : "seq " + std::to_string(first) + " to " + std::to_string(last);
}

/// One pass over the segments from the one that holds the first work not applied.
class scan {
public:
  scan(const queue_folder& folder, const log_position& applied, recovery_report& report, const log::visitor& visit)
    : folder_(folder), applied_(applied.seq), applied_chain_(applied.chain), report_(report), visit_(visit) {}

  result<recovered_queue> run() {
    return list()
      .and_then([this] { return compare_history(); })
      .and_then([this] { return look_at_older(); })
      .and_then([this] { return forget_cached(); })
      .and_then([this] { return read_segments(); })
      .and_then([this] { return settle(); })
      .map([this] { return std::move(found_); });
  }

private:
  result<> list();
  result<> compare_history() const;
  std::size_t first_to_read() const;
  result<> look_at_older();
  result<> forget_cached();
  result<> read_segments();
  result<> enter(std::size_t index, const segment_reader& reader);
  result<> read_frames(segment_reader& reader);
  result<> take(const frame_view& frame, decoder_dictionary& texts);
  result<std::optional<std::uint64_t>> step_over(segment_reader& reader, std::uint64_t offset);
  result<frame_header> announced_after_frames(segment_reader& reader) const;
  bool is_of_this_life(const frame_header& announced, const segment_reader& reader) const;
  result<> judge_end(segment_reader& reader);
  result<> judge_tail(segment_reader& reader);
  result<> judge_cut(const segment_reader& reader);
  result<> settle();

  /// Work from `expected_` up to before `next` is not there, though `next` was written.
  result<> lose_until(std::uint64_t next, const std::string& why);
  tl::unexpected<failure> corrupt(std::uint64_t seq, const std::string& why) const {
    return fail(errc::corrupt, "seq " + std::to_string(seq) + " in " + file_ + ": " + why);
  }
  tl::unexpected<failure> another_history(const std::string& why) const {
    return fail(errc::database_gone, why + " in " + folder_.path.string()
                                       + "; put back the database that belongs to this log, or move the log away where "
                                         "that is the one that is lost");
  }
  tl::unexpected<failure> too_old(std::uint64_t first_seq) const {
    return fail(errc::database_gone,
                "the database ends at seq " + std::to_string(applied_) + ", and the log begins at seq "
                  + std::to_string(first_seq) + " (" + file_
                  + "), so the database is older than the log reaches back; put back the newer one, or a copy of it "
                    "that holds seq "
                  + std::to_string(first_seq - 1) + ", or the log's missing segments");
  }
  void report(const std::string& sentence) { report_.findings.push_back(file_ + ": " + sentence); }

  const queue_folder& folder_;
  const std::uint64_t applied_;
  const std::uint64_t applied_chain_; ///< Of the frame that holds it; 0 where that is not known.
  recovery_report& report_;
  const log::visitor& visit_;
  recovered_queue found_;

  std::string file_;           ///< The segment being read.
  std::uint64_t expected_ = 1; ///< The `seq` that must come next.
  std::uint64_t chain_ = 0;
  bool chain_known_ = false;                      ///< Not after damage, where the frame before cannot be believed.
  std::uint64_t frames_end_ = header_block_bytes; ///< In the segment read last.
  std::optional<torn_tail> torn_;
};

result<> scan::list() {
  auto names = folder_.files->list(folder_.path);
  if (!names) {
    return tl::unexpected{names.error()};
  }
  found_.names = std::move(*names);
  for (const auto& name : found_.names) {
    if (const auto first_seq = segment_of_name(name)) {
      const auto opened = folder_.files->open(folder_.path / name, file_mode::read);
      if (!opened) {
        return tl::unexpected{opened.error()};
      }
      const auto bytes = (*opened)->size();
      if (!bytes) {
        return tl::unexpected{bytes.error()};
      }
      found_.segments.push_back({*first_seq, *bytes});
    }
  }
  return {};
}

result<> scan::compare_history() const {
  const auto other = holds_another_frame(folder_, found_.segments, {applied_, applied_chain_});
  if (!other) {
    return tl::unexpected{other.error()};
  }
  return *other ? another_history("the database was written under another log, and holds other work at seq "
                                  + std::to_string(applied_) + " than the log")
                : result<>{};
}

std::size_t scan::first_to_read() const {
  const auto beyond = std::find_if(found_.segments.begin(), found_.segments.end(),
                                   [this](const segment_entry& entry) { return entry.first_seq > applied_ + 1; });
  const auto index = beyond - found_.segments.begin();
  return index == 0 ? 0 : static_cast<std::size_t>(index - 1);
}

result<> scan::look_at_older() {
  for (std::size_t i = 0; i < first_to_read(); ++i) {
    file_ = folder_.segment_path(found_.segments[i].first_seq).string();
    const auto reader = segment_reader::open(folder_, found_.segments[i].first_seq);
    if (reader) {
      if (reader->header_copy_damaged()) {
        report("one of the two copies of its header is damaged; all of its work is applied");
      }
    } else if (reader.error().code == errc::corrupt) {
      report("its header is damaged; all of its work is applied");
    } else {
      return tl::unexpected{reader.error()};
    }
  }
  return {};
}

/// After a sync that failed the newest segment may end in a frame that stands in the system's memory alone. Taken as
/// good it would be gone after the next power loss, and with it what binds the next segment to this one (Rebello et
/// al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020).
result<> scan::forget_cached() {
  if (found_.segments.empty()) {
    return {};
  }
  const auto newest = folder_.files->open(folder_.segment_path(found_.segments.back().first_seq), file_mode::read);
  if (!newest) {
    return tl::unexpected{newest.error()};
  }
  (*newest)->forget_cached();
  return {};
}

result<> scan::read_segments() {
  expected_ = applied_ + 1;
  if (found_.segments.empty()) {
    if (applied_ > 0) {
      report_.findings.push_back(folder_.path.string() + ": it holds no segments, though " + range(1, applied_)
                                 + " were applied");
    }
    return {};
  }
  const auto start = first_to_read();
  expected_ = std::min(expected_, found_.segments[start].first_seq);
  for (auto i = start; i < found_.segments.size(); ++i) {
    const auto first_seq = found_.segments[i].first_seq;
    const auto path = folder_.segment_path(first_seq).string();
    auto reader = segment_reader::open(folder_, first_seq);
    if (!reader && reader.error().code != errc::corrupt) {
      return tl::unexpected{reader.error()};
    }
    if (!reader) {
      file_ = path;
      return corrupt(std::max(first_seq, applied_ + 1), reader.error().detail);
    }
    auto read = enter(i, *reader).and_then([&] { return read_frames(*reader); });
    if (read && i + 1 == found_.segments.size()) {
      read = judge_tail(*reader);
    } else if (read && found_.segments[i + 1].first_seq == expected_) {
      read = judge_end(*reader);
    }
    if (!read) {
      return read;
    }
    found_.newest = reader->header();
  }
  return {};
}

result<> scan::enter(std::size_t index, const segment_reader& reader) {
  const auto first_seq = found_.segments[index].first_seq;
  const auto before = std::exchange(file_, folder_.segment_path(first_seq).string());
  const auto& header = reader.header();
  if (first_seq != expected_) {
    if (index == 0 && first_seq > applied_ + 1) {
      return too_old(first_seq);
    }
    // What is missing belongs to the segment before, unless that is missing itself.
    const auto here = file_;
    file_ = before.empty() ? file_ : before;
    auto lost = lose_until(first_seq,
                           "the log does not go on to the segment that begins at seq " + std::to_string(first_seq));
    file_ = here;
    if (!lost) {
      return lost;
    }
  } else if (chain_known_ && header.chain != chain_) {
    if (first_seq > applied_) {
      return corrupt(first_seq, "the segment is not the successor of the one before it");
    }
    report("it is not the successor of the segment before it; all of its work up to seq " + std::to_string(applied_)
           + " is applied");
  }
  if (reader.header_copy_damaged()) {
    report("one of the two copies of its header is damaged; the other one serves");
  }
  chain_ = header.chain;
  chain_known_ = true;
  found_.witnessed = first_seq - 1;
  return {};
}

result<> scan::lose_until(std::uint64_t next, const std::string& why) {
  const auto last_lost = std::max(next, expected_) - 1;
  if (last_lost > applied_) {
    return corrupt(std::max(std::min(next, expected_), applied_ + 1), "acknowledged work is damaged: " + why);
  }
  report("damage in work that is applied already, " + range(std::min(next, expected_), last_lost) + ": " + why);
  expected_ = next;
  chain_known_ = false;
  return {};
}

result<> scan::read_frames(segment_reader& reader) {
  decoder_dictionary texts;
  std::uint64_t offset = header_block_bytes;
  while (true) {
    const auto frame = reader.frame_at(offset);
    if (!frame) {
      return tl::unexpected{frame.error()};
    }
    if (*frame && (*frame)->header.first_seq >= expected_) {
      offset += (*frame)->header.bytes;
      if (auto taken = take(**frame, texts); !taken) {
        return taken;
      }
      continue;
    }
    frames_end_ = offset;
    const auto next = step_over(reader, offset);
    if (!next) {
      return tl::unexpected{next.error()};
    }
    if (!*next) {
      return {};
    }
    offset = **next;
  }
}

result<> scan::take(const frame_view& frame, decoder_dictionary& texts) {
  const auto& header = frame.header;
  if (header.first_seq > expected_) {
    if (auto lost = lose_until(header.first_seq,
                               "the frame after it begins at seq " + std::to_string(header.first_seq));
        !lost) {
      return lost;
    }
  } else if (chain_known_ && header.chain != chain_) {
    if (header.first_seq > applied_) {
      return corrupt(header.first_seq, "the frame is not the successor of the frame before it");
    }
    report("the frame at seq " + std::to_string(header.first_seq) + " is not the successor of the frame before it");
  }
  const auto from = std::max(header.first_seq, applied_ + 1);
  const auto decoded = decode_frame(frame, from, texts);
  if (!decoded && header.next_seq() > from) {
    return fail(errc::corrupt, decoded.error().detail + " (" + file_ + ")");
  }
  if (decoded && !decoded->items.empty()) {
    report_.transactions += decoded->items.size();
    if (visit_) {
      visit_(*decoded);
    }
  }
  found_.witnessed = header.durable_upto;
  expected_ = header.next_seq();
  chain_ = header.checksum;
  chain_known_ = true;
  return {};
}

/// Where reading goes on after bytes at `offset` that are no frame; nothing where no frame follows in the segment.
/// That the frame found there leaves no gap is seen when it is taken.
result<std::optional<std::uint64_t>> scan::step_over(segment_reader& reader, std::uint64_t offset) {
  auto next = reader.find_frame(offset + frame_alignment, expected_);
  if (!next || !*next) {
    return next;
  }
  const auto frame = reader.frame_at(**next);
  if (!frame) {
    return tl::unexpected{frame.error()};
  }
  if ((*frame)->header.first_seq == expected_) {
    report("a frame without work is damaged at byte " + std::to_string(offset));
  }
  chain_known_ = false;
  return next;
}

result<frame_header> scan::announced_after_frames(segment_reader& reader) const {
  return reader.bytes(frames_end_, frame_header_bytes).map([](std::string_view start) {
    std::string fields{start};
    fields.resize(frame_header_bytes);
    return parse_frame_header(fields);
  });
}

/// Whether it was written since the segment's file was last begun. One wrong byte must not hide that: either of two
/// fields gives it away.
bool scan::is_of_this_life(const frame_header& announced, const segment_reader& reader) const {
  const bool has_length = announced.bytes >= frame_header_bytes && announced.bytes % frame_alignment == 0;
  return announced.salt == reader.header().salt || (announced.first_seq == expected_ && has_length);
}

/// The bytes after the last frame of a segment that the next one goes on from: nothing, an earlier life's, or what is
/// left of the frame without work that the next one is the successor of.
result<> scan::judge_end(segment_reader& reader) {
  return announced_after_frames(reader).map([&](const frame_header& announced) {
    if (is_of_this_life(announced, reader)) {
      report("a frame without work is damaged at byte " + std::to_string(frames_end_));
      chain_known_ = false;
    }
  });
}

/// The bytes after the last frame of the newest segment: nothing, an earlier life's, a torn frame, or damage.
result<> scan::judge_tail(segment_reader& reader) {
  const auto read = announced_after_frames(reader);
  if (!read) {
    return tl::unexpected{read.error()};
  }
  const auto& announced = *read;
  const bool of_this_life = is_of_this_life(announced, reader);
  const bool cut = reader.end() < reader.header().capacity;
  if (cut && (of_this_life || reader.end() < frames_end_ + frame_header_bytes)) {
    if (auto judged = judge_cut(reader); !judged) {
      return judged;
    }
  }
  if (!of_this_life) {
    if (expected_ <= applied_ && applied_chain_ != 0 && !cut) {
      // What was applied was synced before, in whole frames.
      return another_history("the database holds work up to seq " + std::to_string(applied_) + ", before which, at seq "
                             + std::to_string(expected_) + ", the log ends");
    }
    if (expected_ <= applied_) {
      report("the log ends before seq " + std::to_string(expected_) + ", though " + range(1, applied_)
             + " were applied");
    }
    return {};
  }
  if (expected_ > applied_) {
    torn_ = torn_tail{reader.header().first_seq, frames_end_, reader.end(), expected_};
    return {};
  }
  const bool has_count = announced.first_seq == expected_ && announced.count <= announced.bytes / 2;
  // What was applied was synced, and a frame is synced whole.
  if (has_count && announced.next_seq() > applied_ + 1) {
    return corrupt(applied_ + 1, "acknowledged work is damaged: the frame that begins at seq "
                                   + std::to_string(expected_) + " does not verify");
  }
  report("damage in work that is applied already, from seq " + std::to_string(expected_) + " on");
  return {};
}

/// A newest file that ends where its last frame does, or in the midst of one, before the size that it was made with. No
/// crash does that, since it had its size before it had its name: somebody cut it, or took away the segment after it.
/// What stood there nobody can know, so it is not passed over unless the database tells what it came to.
result<> scan::judge_cut(const segment_reader& reader) {
  const auto capacity = std::to_string(reader.header().capacity);
  const auto found = "the file ends after " + std::to_string(reader.end()) + " of " + capacity + " bytes";
  if (expected_ <= applied_) {
    report(found + "; work after seq " + std::to_string(applied_) + " may be missing");
    return {};
  }
  return corrupt(expected_, found
                              + ", so acknowledged work from there on may be missing; put back the whole file, or the "
                                "segment after it. Where they are lost for good, `truncate -s "
                              + capacity + " " + file_ + "` says that nothing comes after seq "
                              + std::to_string(expected_ - 1));
}

/// Everything acknowledged is there: from here on the folder may be changed.
result<> scan::settle() {
  failpoint("recovery.read");
  found_.last_seq = std::max(applied_, expected_ - 1);
  report_.last_seq = found_.last_seq;
  if (found_.segments.empty()) {
    return {};
  }
  if (torn_) {
    auto cut = cut_torn_tail(folder_, found_.names, *torn_);
    if (!cut) {
      return tl::unexpected{cut.error()};
    }
    report_.torn_tail = true;
    report_.findings.push_back(std::move(*cut));
  }
  // A frame or a name that was there but not synced when the process died is taken as good: it must not vanish later.
  auto newest = folder_.files->open(folder_.segment_path(found_.newest->first_seq), file_mode::read_write);
  if (!newest) {
    return tl::unexpected{newest.error()};
  }
  failpoint("recovery.settled");
  auto synced = (*newest)->sync().and_then([this] {
    failpoint("recovery.synced");
    return folder_.files->sync_folder(folder_.path);
  });
  if (!synced) {
    return synced;
  }
  found_.chain = chain_;
  found_.newest_end = frames_end_;
  return {};
}

} // namespace

result<recovered_queue> recover(const queue_folder& folder, const log_position& applied, recovery_report& report,
                                const log::visitor& visit) {
  return scan{folder, applied, report, visit}.run();
}

} // namespace millrace::storage
