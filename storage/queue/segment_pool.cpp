#include "segment_pool.hpp"

#include <millrace/storage/base/failpoint.hpp>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <sys/random.h>

namespace millrace::storage {

namespace {

constexpr std::uint64_t block_bytes = 4096;

std::uint64_t rounded_up(std::uint64_t bytes, std::uint64_t step) noexcept {
  return (bytes + step - 1) / step * step;
}

result<std::uint64_t> random_salt() {
  std::uint64_t salt = 0;
  while (::getrandom(&salt, sizeof salt, 0) != static_cast<ssize_t>(sizeof salt)) {
    if (errno != EINTR) {
      return fail(errc::io_error, "drawing a random number: " + std::generic_category().message(errno));
    }
  }
  return std::max<std::uint64_t>(salt, 1);
}

/// A sync is never tried again, whatever made it fail (storage/DESIGN.md §2 rule 8).
result<> final_if_failed(result<> synced) {
  if (!synced && synced.error().code == errc::disk_full) {
    synced.error().code = errc::io_error;
  }
  return synced;
}

} // namespace

segment_pool::segment_pool(queue_folder folder, const log_options& options)
  : folder_(std::move(folder)),
    segment_bytes_(rounded_up(std::max<std::uint64_t>(options.segment_bytes, 2 * block_bytes), block_bytes)),
    spares_max_(std::max<std::size_t>(options.spare_segments, 1)) {}

bool segment_pool::wanted(std::uint64_t bytes) const noexcept {
  return bytes == segment_bytes_ && spares_.size() < spares_max_;
}

result<std::uint64_t> segment_pool::size_of(const std::string& name) {
  auto opened = folder_.files->open(folder_.path / name, file_mode::read);
  if (!opened) {
    return tl::unexpected{opened.error()};
  }
  return (*opened)->size();
}

result<> segment_pool::adopt(const std::vector<std::string>& names) {
  std::vector<std::string> half_made;
  for (const auto& name : names) {
    const auto spare = spare_of_name(name);
    if (name.ends_with(temporary_suffix)) {
      half_made.push_back(name);
    }
    if (!spare) {
      continue;
    }
    next_spare_ = std::max(next_spare_, *spare + 1);
    const auto bytes = size_of(name);
    if (!bytes) {
      return tl::unexpected{bytes.error()};
    }
    if (wanted(*bytes)) {
      spares_.push_back(*spare);
    } else if (auto removed = folder_.files->remove(folder_.path / name); !removed) {
      return removed;
    }
  }
  for (const auto& name : half_made) {
    const auto bytes = size_of(name);
    if (!bytes) {
      return tl::unexpected{bytes.error()};
    }
    if (auto kept = keep_or_remove(name, *bytes, spares_); !kept) {
      return kept;
    }
  }
  return {};
}

result<> segment_pool::keep_or_remove(const std::string& name, std::uint64_t bytes, std::vector<std::uint64_t>& kept) {
  if (bytes != segment_bytes_ || spares_.size() + (&kept == &spares_ ? 0 : kept.size()) >= spares_max_) {
    return folder_.files->remove(folder_.path / name);
  }
  failpoint("spare.before_rename");
  auto renamed = folder_.files->rename(folder_.path / name, folder_.path / spare_name(next_spare_));
  if (renamed) {
    kept.push_back(next_spare_++);
  }
  return renamed;
}

result<std::unique_ptr<file>> segment_pool::take_spare(const std::filesystem::path& temporary) {
  const auto spare = folder_.path / spare_name(spares_.back());
  if (auto renamed = folder_.files->rename(spare, temporary); !renamed) {
    return tl::unexpected{renamed.error()};
  }
  failpoint("spare.taken");
  auto opened = folder_.files->open(temporary, file_mode::read_write);
  if (opened) {
    spares_.pop_back();
  } else {
    static_cast<void>(folder_.files->rename(temporary, spare));
  }
  return opened;
}

result<std::unique_ptr<file>> segment_pool::make_file(const std::filesystem::path& temporary, std::uint64_t bytes) {
  // One that an earlier attempt could not remove would be in the way; that there is none is no failure.
  static_cast<void>(folder_.files->remove(temporary));
  auto made = folder_.files->open(temporary, file_mode::create_new);
  if (!made) {
    return made;
  }
  failpoint("segment.file_made");
  if (auto reserved = (*made)->preallocate(bytes); !reserved) {
    static_cast<void>(folder_.files->remove(temporary));
    return tl::unexpected{reserved.error()};
  }
  return made;
}

result<> segment_pool::finish(file& target, const segment_header& header, const std::filesystem::path& temporary,
                              bool fill) {
  failpoint("segment.before_header");
  if (auto written = target.write_at(0, encode_header_block(header)); !written) {
    return written;
  }
  if (fill) {
    if (auto written = write_zeroes(target, header_block_bytes, header.capacity); !written) {
      return written;
    }
  }
  failpoint("segment.header_written");
  if (auto synced = final_if_failed(target.sync()); !synced) {
    return synced;
  }
  failpoint("segment.synced");
  if (auto renamed = folder_.files->rename(temporary, folder_.segment_path(header.first_seq)); !renamed) {
    return renamed;
  }
  failpoint("segment.renamed");
  return final_if_failed(folder_.files->sync_folder(folder_.path));
}

result<active_segment> segment_pool::make(segment_header header, std::uint64_t frame_bytes, segment_purpose purpose) {
  const auto salt = random_salt();
  if (!salt) {
    return tl::unexpected{salt.error()};
  }
  header.database = folder_.database;
  header.salt = *salt;
  header.capacity = purpose == segment_purpose::rest
                      ? header_block_bytes
                      : std::max(segment_bytes_, rounded_up(header_block_bytes + frame_bytes, block_bytes));
  auto temporary = folder_.segment_path(header.first_seq);
  temporary += temporary_suffix;
  const std::size_t reserved = purpose == segment_purpose::recovery ? 0 : 1;
  const bool recycle = header.capacity == segment_bytes_ && spares_.size() > reserved;
  auto target = recycle ? take_spare(temporary) : make_file(temporary, header.capacity);
  if (!target) {
    return tl::unexpected{target.error()};
  }
  if (auto done = finish(**target, header, temporary, purpose == segment_purpose::first); !done) {
    // Its blocks may be the last that a restart can get on a full disk.
    std::vector<std::uint64_t> kept;
    static_cast<void>(keep_or_remove(temporary.filename(), header.capacity, kept));
    spares_.insert(spares_.end(), kept.begin(), kept.end());
    return tl::unexpected{done.error()};
  }
  return active_segment{std::move(*target), header};
}

result<> segment_pool::ensure_reserve() {
  if (!spares_.empty()) {
    return {};
  }
  const auto spare = folder_.path / spare_name(next_spare_);
  auto temporary = spare;
  temporary += temporary_suffix;
  auto made = make_file(temporary, segment_bytes_);
  auto done = made ? (*made)->sync() : result<>{tl::unexpected{made.error()}};
  failpoint("reserve.made");
  if (done) {
    done = folder_.files->rename(temporary, spare);
  }
  failpoint("reserve.renamed");
  if (done) {
    done = folder_.files->sync_folder(folder_.path);
  }
  if (done) {
    spares_.push_back(next_spare_++);
    return {};
  }
  return done.error().code == errc::disk_full ? result<>{} : done;
}

result<> segment_pool::remove_spares() {
  for (; !spares_.empty(); spares_.pop_back()) {
    if (auto removed = folder_.files->remove(folder_.path / spare_name(spares_.back())); !removed) {
      return removed;
    }
  }
  return {};
}

result<> segment_pool::retire(const std::vector<segment_entry>& segments) {
  std::vector<std::uint64_t> kept;
  for (const auto& segment : segments) {
    if (auto done = keep_or_remove(segment_name(segment.first_seq), segment.bytes, kept); !done) {
      return done;
    }
  }
  failpoint("release.renamed");
  if (auto synced = folder_.files->sync_folder(folder_.path); !synced) {
    return synced;
  }
  failpoint("release.synced");
  spares_.insert(spares_.end(), kept.begin(), kept.end());
  return {};
}

} // namespace millrace::storage
