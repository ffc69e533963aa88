#include "crash_image.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <unistd.h>

namespace millrace::test {

namespace {

using kind = disk_event::kind;

constexpr std::size_t sector_bytes = 512;

bool happens(std::mt19937_64& random, unsigned percent) {
  return random() % 100 < percent;
}

void set_size_at_least(std::string& bytes, std::size_t size) {
  if (bytes.size() < size) {
    bytes.resize(size);
  }
}

void write(std::string& bytes, std::size_t offset, std::string_view written) {
  set_size_at_least(bytes, offset + written.size());
  bytes.replace(offset, written.size(), written);
}

void apply_whole(std::string& bytes, const disk_event& event) {
  const auto offset = static_cast<std::size_t>(event.offset);
  switch (event.what) {
    case kind::write:
      write(bytes, offset, event.bytes);
      break;
    case kind::truncate:
      bytes.resize(offset);
      break;
    case kind::reserve:
      set_size_at_least(bytes, offset);
      break;
    default:
      break;
  }
}

/// Calls `use(from, to)` for the part of a write in each sector.
template <class Use>
void for_each_sector(const disk_event& event, Use&& use) {
  const auto end = event.offset + event.bytes.size();
  for (auto at = event.offset; at < end;) {
    const auto next = std::min<std::uint64_t>((at / sector_bytes + 1) * sector_bytes, end);
    use(static_cast<std::size_t>(at - event.offset), static_cast<std::size_t>(next - event.offset));
    at = next;
  }
}

std::string garbage(std::size_t size, std::mt19937_64& random) {
  std::string bytes(size, '\0');
  for (std::size_t at = 0; at < size; at += sizeof(std::uint64_t)) {
    const auto word = random();
    std::memcpy(bytes.data() + at, &word, std::min(sizeof word, size - at));
  }
  return bytes;
}

/// Some of its sectors, or the first few.
void apply_torn(std::string& bytes, const disk_event& event, std::mt19937_64& random) {
  const bool first_few = happens(random, 50);
  bool going = true;
  for_each_sector(event, [&](std::size_t from, std::size_t to) {
    going = happens(random, first_few ? 80 : 50) && (going || !first_few);
    if (going) {
      write(bytes, static_cast<std::size_t>(event.offset) + from,
            std::string_view{event.bytes}.substr(from, to - from));
    }
  });
}

/// Something else in some of its sectors, or in all.
void apply_garbled(std::string& bytes, const disk_event& event, std::mt19937_64& random) {
  const unsigned percent = happens(random, 50) ? 100 : 30;
  for_each_sector(event, [&](std::size_t from, std::size_t to) {
    const auto part = happens(random, percent) ? garbage(to - from, random) : event.bytes.substr(from, to - from);
    write(bytes, static_cast<std::size_t>(event.offset) + from, part);
  });
}

void apply_harmed(std::string& bytes, const disk_event& event, std::mt19937_64& random) {
  const auto how = random() % 4;
  if (event.what == kind::write && how == 2) {
    apply_torn(bytes, event, random);
  } else if (event.what == kind::write && how == 3) {
    apply_garbled(bytes, event, random);
  }
}

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? std::string{} : path.substr(0, slash);
}

void apply_name(std::map<std::string, std::uint32_t>& names, const disk_event& event) {
  switch (event.what) {
    case kind::create:
      names[event.path] = event.file;
      break;
    case kind::rename:
      // One file never has two names, nor one without having been made.
      if (const auto found = names.find(event.path); found != names.end() && found->second == event.file) {
        names.erase(found);
        names[event.to] = event.file;
      }
      break;
    case kind::remove:
      names.erase(event.path);
      break;
    default:
      break;
  }
}

} // namespace

disk_model::disk_model(const crash_image& image) {
  std::uint32_t file = 0;
  for (const auto& [name, bytes] : image) {
    files_[++file].synced = bytes;
    folder_of(name).synced[name] = file;
  }
}

disk_model::folder_state& disk_model::folder_of(const std::string& path) {
  return folders_[parent_of(path)];
}

void disk_model::apply(const disk_event& event) {
  switch (event.what) {
    case kind::create:
      files_.try_emplace(event.file);
      [[fallthrough]];
    case kind::rename:
    case kind::remove:
      folder_of(event.path).pending.push_back(&event);
      break;
    case kind::write:
    case kind::truncate:
    case kind::reserve:
      files_[event.file].pending.push_back(&event);
      break;
    case kind::sync: {
      auto& file = files_[event.file];
      for (const auto* pending : file.pending) {
        apply_whole(file.synced, *pending);
      }
      file.pending.clear();
      break;
    }
    case kind::sync_folder: {
      auto& folder = folders_[event.path];
      for (const auto* pending : folder.pending) {
        apply_name(folder.synced, *pending);
      }
      folder.pending.clear();
      break;
    }
    case kind::note:
      break;
  }
}

disk_model::name_table disk_model::names_left(const folder_state& folder, std::mt19937_64& random) {
  auto names = folder.synced;
  const bool in_order = happens(random, 70);
  const auto done = random() % (folder.pending.size() + 1);
  for (std::size_t i = 0; i < folder.pending.size(); ++i) {
    if (in_order ? i < done : happens(random, 50)) {
      apply_name(names, *folder.pending[i]);
    }
  }
  return names;
}

std::string disk_model::bytes_left(const disk_file& file, std::mt19937_64& random) {
  auto bytes = file.synced;
  // All, none, the first few and a torn one, or each by itself with little or much harm.
  const auto fate = random() % 6;
  const auto whole = fate == 0   ? file.pending.size()
                     : fate == 1 ? 0
                     : fate == 2 ? random() % (file.pending.size() + 1)
                                 : std::size_t{0};
  constexpr unsigned harm_percent[] = {2, 20, 70};
  for (std::size_t i = 0; i < file.pending.size(); ++i) {
    const auto& event = *file.pending[i];
    if (fate < 3 ? i < whole : !happens(random, harm_percent[fate - 3])) {
      apply_whole(bytes, event);
    } else if (fate >= 3 || (fate == 2 && i == whole)) {
      apply_harmed(bytes, event, random);
    }
  }
  return bytes;
}

std::size_t disk_model::unsynced() const {
  std::size_t count = 0;
  for (const auto& [number, file] : files_) {
    count += file.pending.size();
  }
  for (const auto& [path, folder] : folders_) {
    count += folder.pending.size();
  }
  return count;
}

crash_image disk_model::everything() const {
  crash_image image;
  for (const auto& [path, folder] : folders_) {
    auto names = folder.synced;
    for (const auto* pending : folder.pending) {
      apply_name(names, *pending);
    }
    for (const auto& [name, file] : names) {
      auto& bytes = image[name] = files_.at(file).synced;
      for (const auto* pending : files_.at(file).pending) {
        apply_whole(bytes, *pending);
      }
    }
  }
  return image;
}

crash_image disk_model::lose_power(std::mt19937_64& random) const {
  crash_image image;
  for (const auto& [path, folder] : folders_) {
    for (const auto& [name, file] : names_left(folder, random)) {
      image[name] = bytes_left(files_.at(file), random);
    }
  }
  return image;
}

void write_image(const crash_image& image, const std::filesystem::path& folder) {
  for (const auto& [name, bytes] : image) {
    const auto path = folder / name;
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const auto written = file < 0 ? -1 : ::write(file, bytes.data(), bytes.size());
    ::close(file);
    if (written != static_cast<ssize_t>(bytes.size())) {
      throw std::runtime_error{"the image's file " + path.string() + " cannot be written"};
    }
  }
}

} // namespace millrace::test
