#include "log.hpp"

#include "cursor.hpp"
#include "history.hpp"
#include "recovery.hpp"
#include "segment_pool.hpp"

#include <millrace/storage/base/failpoint.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace millrace::storage {

class log::impl {
public:
  impl(queue_folder folder, const log_options& options) : pool_(folder, options) { extent_.folder = std::move(folder); }

  result<> open(const log_position& applied, recovery_report& report, const visitor& visit);
  result<std::uint64_t> append(const batch& added);
  result<> append_witness();
  result<> release(std::uint64_t checkpointed_seq);
  result<> shrink();
  bool at_rest() const noexcept;
  result<> come_to_rest();

  result<bool> contradicts(const log_position& applied) const;

  const log_extent& extent() const noexcept { return extent_; }

  /// Takes a step that changes the log. One that an exception broke off may have left anything behind, so none follows.
  template <class Step>
  std::invoke_result_t<Step> change(Step step) {
    if (broken_off_) {
      return fail(errc::io_error, "an earlier change of the log was broken off");
    }
    broken_off_ = true;
    auto done = step();
    broken_off_ = false;
    return done;
  }

private:
  result<> make_folder();
  result<> go_on(const recovered_queue& found);
  result<> reopen(const recovered_queue& found);
  result<> extend();
  result<> start_segment(std::uint64_t frame_bytes, segment_purpose purpose);
  result<> encode_frame(const batch& added);
  result<> roll_over(const batch& added);
  result<> write_frame(frame_header header);
  result<> clear_unfinished_frame(failure reason);
  tl::unexpected<failure> poison(failure reason);

  segment_pool pool_;
  log_extent extent_;
  log_position opened_for_;
  active_segment active_;
  std::uint64_t chain_ = 0;
  std::uint64_t witnessed_ = 0; ///< What the log itself says is synced.
  std::int64_t accept_time_ms_ = 0;
  encoder_dictionary texts_;
  byte_writer frame_;
  std::optional<failure> poisoned_;
  bool broken_off_ = false;
};

/// Makes the folder where it is missing. It may have been made, but not synced, by a process that died.
result<> log::impl::make_folder() {
  const auto& folder = extent_.folder;
  const auto names = folder.files->list(folder.path);
  if (!names && names.error().code != errc::file_not_found) {
    return tl::unexpected{names.error()};
  }
  const auto made = names ? result<>{} : folder.files->make_folder(folder.path);
  const bool in_use = names && std::any_of(names->begin(), names->end(), segment_of_name);
  return made && !in_use ? folder.files->sync_folder(folder.path.parent_path()) : made;
}

result<> log::impl::open(const log_position& applied, recovery_report& report, const visitor& visit) {
  if (auto made = make_folder(); !made) {
    return made;
  }
  auto found = recover(extent_.folder, applied, report, visit);
  if (!found) {
    return tl::unexpected{found.error()};
  }
  if (auto adopted = pool_.adopt(found->names); !adopted) {
    return adopted;
  }
  opened_for_ = applied;
  extent_.segments = std::move(found->segments);
  extent_.last_seq = found->last_seq;
  witnessed_ = found->witnessed;
  chain_ = found->chain;
  // A log at rest takes nothing of the disk before there is work.
  return go_on(*found).and_then([this] { return at_rest() ? result<>{} : pool_.ensure_reserve(); });
}

/// Makes the log ready for appending: in the newest segment where that holds no work yet, else in a new one. On a disk
/// that is full, the last spare being taken by a restart before, it goes on in the newest one after all.
result<> log::impl::go_on(const recovered_queue& found) {
  if (!found.newest) {
    return start_segment(0, segment_purpose::first);
  }
  active_.header = *found.newest;
  const bool appendable = found.newest->version == log_format_version;
  if (appendable && found.newest->first_seq == extent_.last_seq + 1) {
    return reopen(found).and_then([this] { return extend(); });
  }
  auto started = start_segment(0, segment_purpose::recovery);
  if (started || started.error().code != errc::disk_full || !appendable) {
    return started;
  }
  // What texts the segment defines is not known here, and beyond the file's end there is no room.
  texts_ = encoder_dictionary::closed();
  active_.header.capacity = std::min(active_.header.capacity, extent_.segments.back().bytes);
  if (auto reopened = reopen(found); !reopened) {
    return reopened;
  }
  auto witnessed = append_witness();
  // The next frame that finds room is as good a witness.
  return witnessed || witnessed.error().code != errc::disk_full ? witnessed : result<>{};
}

/// Opens the newest segment for appending after its last frame.
result<> log::impl::reopen(const recovered_queue& found) {
  auto target = extent_.folder.files->open(extent_.folder.segment_path(found.newest->first_seq), file_mode::read_write);
  if (!target) {
    return tl::unexpected{target.error()};
  }
  active_.target = std::move(*target);
  extent_.active_end = found.newest_end;
  return {};
}

/// Reserves the active segment's room again where its file was cut short.
result<> log::impl::extend() {
  auto& entry = extent_.segments.back();
  if (entry.bytes >= active_.header.capacity) {
    return {};
  }
  entry.bytes = active_.header.capacity;
  return active_.target->preallocate(entry.bytes).and_then([this] { return active_.target->sync(); });
}

/// Makes the segment after the active one. Its header is a witness for everything before it. An active segment without
/// work is replaced, since its successor bears its name.
result<> log::impl::start_segment(std::uint64_t frame_bytes, segment_purpose purpose) {
  auto& segments = extent_.segments;
  segment_header header;
  header.number = active_.header.number + 1;
  header.first_seq = extent_.last_seq + 1;
  header.chain = chain_;
  auto made = pool_.make(header, frame_bytes, purpose);
  if (!made) {
    return tl::unexpected{made.error()};
  }
  if (!segments.empty() && segments.back().first_seq == header.first_seq) {
    segments.pop_back();
  }
  active_ = std::move(*made);
  segments.push_back({active_.header.first_seq, active_.header.capacity});
  extent_.active_end = header_block_bytes;
  witnessed_ = extent_.last_seq;
  texts_ = {};
  failpoint("roll.done");
  return {};
}

result<> log::impl::encode_frame(const batch& added) {
  begin_frame(frame_);
  for (const auto& item : added.items) {
    if (auto encoded = encode(frame_, texts_, item); !encoded) {
      return encoded;
    }
    if (frame_.size() > frame_bytes_max - frame_alignment) {
      return fail(errc::too_large, "the batch exceeds 1 GiB");
    }
  }
  return {};
}

result<std::uint64_t> log::impl::append(const batch& added) {
  if (poisoned_) {
    return tl::unexpected{*poisoned_};
  }
  if (added.first_seq != extent_.last_seq + 1 || added.items.empty()) {
    return fail(errc::malformed, "the batch does not begin at seq " + std::to_string(extent_.last_seq + 1));
  }
  const auto texts_before = texts_.size();
  auto done = encode_frame(added);
  if (!done) {
    texts_.rollback_to(texts_before);
    return tl::unexpected{std::move(done).error()};
  }
  if (extent_.active_end + frame_.size() + frame_alignment > active_.header.capacity) {
    texts_.rollback_to(texts_before);
    if (auto rolled = roll_over(added); !rolled) {
      return tl::unexpected{std::move(rolled).error()};
    }
  }
  frame_header header;
  header.count = static_cast<std::uint32_t>(added.items.size());
  header.first_seq = added.first_seq;
  header.accept_time_ms = added.accept_time_ms;
  done = write_frame(header);
  if (!done) {
    texts_.rollback_to(extent_.active_end == header_block_bytes ? 0 : texts_before);
    return tl::unexpected{std::move(done).error()};
  }
  extent_.last_seq = added.last_seq();
  accept_time_ms_ = added.accept_time_ms;
  return chain_;
}

/// Starts a segment in which the batch fits and encodes it again, since no text is defined there.
result<> log::impl::roll_over(const batch& added) {
  failpoint("roll.begin");
  const auto rested = at_rest();
  auto texts = std::exchange(texts_, {});
  auto done = encode_frame(added);
  if (done) {
    done = start_segment(frame_.size() + frame_alignment, segment_purpose::roll_over);
  }
  if (done && rested) {
    done = pool_.ensure_reserve();
  }
  if (!done) {
    texts_ = std::move(texts);
    const bool may_be_retried = done.error().code == errc::disk_full || done.error().code == errc::too_large;
    return may_be_retried ? done : poison(std::move(done.error()));
  }
  return encode_frame(added);
}

/// Writes and syncs what `frame_` holds after the synced frames.
result<> log::impl::write_frame(frame_header header) {
  header.salt = active_.header.salt;
  header.durable_upto = extent_.last_seq;
  header.chain = chain_;
  const auto checksum = seal_frame(frame_, header);
  failpoint("queue.before_write");
  if (auto written = active_.target->write_at(extent_.active_end, frame_.view()); !written) {
    if (written.error().code == errc::disk_full) {
      return clear_unfinished_frame(std::move(written.error()));
    }
    return poison(std::move(written.error()));
  }
  failpoint("queue.after_write");
  if (auto synced = active_.target->sync(); !synced) {
    return poison(std::move(synced.error()));
  }
  failpoint("queue.after_sync");
  chain_ = checksum;
  witnessed_ = extent_.last_seq;
  extent_.active_end += frame_.size();
  return {};
}

/// The disk is full, and the frame's client is told that it had no effect. What was written of it may end in zeroes
/// that stand on the disk already, and would then be found whole: its header must go.
result<> log::impl::clear_unfinished_frame(failure reason) {
  const auto end = extent_.active_end;
  auto cleared = write_zeroes(*active_.target, end, end + frame_header_bytes).and_then([this] {
    return active_.target->sync();
  });
  return cleared ? result<>{tl::unexpected{std::move(reason)}} : poison(std::move(cleared.error()));
}

tl::unexpected<failure> log::impl::poison(failure reason) {
  // `disk_full` would promise that a later attempt may succeed.
  if (reason.code == errc::disk_full) {
    reason.code = errc::io_error;
  }
  poisoned_ = reason;
  return tl::unexpected{std::move(reason)};
}

result<> log::impl::append_witness() {
  if (poisoned_) {
    return tl::unexpected{*poisoned_};
  }
  if (witnessed_ == extent_.last_seq) {
    return {};
  }
  if (extent_.active_end + frame_header_bytes > active_.header.capacity) {
    auto started = start_segment(0, segment_purpose::roll_over);
    return started || started.error().code == errc::disk_full ? started : poison(std::move(started.error()));
  }
  failpoint("witness.begin");
  begin_frame(frame_);
  frame_header header;
  header.first_seq = extent_.last_seq + 1;
  header.accept_time_ms = accept_time_ms_;
  return write_frame(header);
}

result<> log::impl::release(std::uint64_t checkpointed_seq) {
  auto& segments = extent_.segments;
  std::size_t count = 0;
  while (count + 1 < segments.size() && segments[count + 1].first_seq <= checkpointed_seq) {
    ++count;
  }
  if (count == 0) {
    return {};
  }
  const auto end = segments.begin() + static_cast<std::ptrdiff_t>(count);
  const std::vector<segment_entry> covered{segments.begin(), end};
  segments.erase(segments.begin(), end);
  failpoint("release.begin");
  return pool_.retire(covered);
}

bool log::impl::at_rest() const noexcept {
  return active_.header.first_seq == extent_.last_seq + 1 && active_.header.capacity == header_block_bytes;
}

result<> log::impl::shrink() {
  if (poisoned_) {
    return tl::unexpected{*poisoned_};
  }
  failpoint("shrink.begin");
  return come_to_rest().and_then([this] { return release(extent_.last_seq); }).and_then([this] {
    return pool_.remove_spares();
  });
}

/// Begins a segment without room, and takes from the one before it what that has reserved and not used.
result<> log::impl::come_to_rest() {
  const auto used = extent_.active_end;
  const auto first_seq = active_.header.first_seq;
  if (at_rest()) {
    return {};
  }
  if (auto started = start_segment(0, segment_purpose::rest); !started || first_seq == active_.header.first_seq) {
    return started;
  }
  auto& before = *std::prev(extent_.segments.end(), 2);
  before.bytes = used;
  return extent_.folder.files->open(extent_.folder.segment_path(first_seq), file_mode::read_write)
    .and_then([used](const std::unique_ptr<file>& last) { return last->truncate(used); });
}

result<bool> log::impl::contradicts(const log_position& applied) const {
  if (applied == opened_for_) {
    return false; // Recovery has compared it.
  }
  if (applied.chain != 0 && applied.seq > extent_.last_seq) {
    return true;
  }
  return holds_another_frame(extent_.folder, extent_.segments, applied);
}

log::log(std::unique_ptr<impl> state) : impl_(std::move(state)) {}
log::log(log&&) noexcept = default;
log& log::operator=(log&&) noexcept = default;
log::~log() = default;

std::optional<uuid> log::database_of(file_system& files, const std::filesystem::path& folder) {
  auto names = files.list(folder).value_or(std::vector<std::string>{});
  std::ranges::reverse(names);
  for (const auto& name : names) {
    if (!segment_of_name(name)) {
      continue;
    }
    std::array<char, header_block_bytes> block{};
    const auto bytes = files.open(folder / name, file_mode::read).and_then([&](const auto& segment) {
      return segment->read_at(0, block);
    });
    if (const auto reading = decode_header_block({block.data(), bytes.value_or(0)}, std::nullopt, name)) {
      return reading->header.database;
    }
  }
  return std::nullopt;
}

result<log> log::open(file_system& files, std::filesystem::path folder, const uuid& database,
                      const log_position& applied, const log_options& options, recovery_report& report,
                      const visitor& visit) {
  report = {};
  auto state = std::make_unique<impl>(queue_folder{&files, std::move(folder), database}, options);
  if (auto opened = state->open(applied, report, visit); !opened) {
    return tl::unexpected{opened.error()};
  }
  return log{std::move(state)};
}

std::uint64_t log::last_seq() const noexcept {
  return impl_->extent().last_seq;
}

std::uint64_t log::bytes_on_disk() const noexcept {
  std::uint64_t bytes = 0;
  for (const auto& segment : impl_->extent().segments) {
    bytes += segment.bytes;
  }
  return bytes;
}

result<std::uint64_t> log::append(const batch& added) {
  return impl_->change([&] { return impl_->append(added); });
}

result<> log::append_witness() {
  return impl_->change([&] { return impl_->append_witness(); });
}

result<> log::release(std::uint64_t checkpointed_seq) {
  return impl_->change([&] { return impl_->release(checkpointed_seq); });
}

result<> log::shrink() {
  return impl_->change([&] { return impl_->shrink(); });
}

result<bool> log::contradicts(const log_position& applied) const {
  return impl_->contradicts(applied);
}

result<std::unique_ptr<log_cursor>> log::read_from(std::uint64_t seq) {
  return make_cursor(impl_->extent(), seq);
}

} // namespace millrace::storage
