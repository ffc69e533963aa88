#include "torn_tail.hpp"

#include <millrace/storage/base/failpoint.hpp>

#include <algorithm>
#include <charconv>

namespace millrace::storage {

namespace {

constexpr std::uint64_t copy_bytes_max = 1024 * 1024;
constexpr std::size_t copies_max = 8;
constexpr std::string_view torn_infix = ".torn-";

struct torn_copy {
  std::uint64_t number = 0;
  std::string name;
};

/// The copies kept so far, oldest first.
std::vector<torn_copy> copies_among(const std::vector<std::string>& names) {
  std::vector<torn_copy> copies;
  for (const auto& name : names) {
    const auto infix = name.find(torn_infix);
    if (infix == std::string::npos || !segment_of_name(std::string_view{name}.substr(0, infix))) {
      continue;
    }
    torn_copy copy{0, name};
    const auto* digits = name.data() + infix + torn_infix.size();
    if (std::from_chars(digits, name.data() + name.size(), copy.number).ec == std::errc{}) {
      copies.push_back(copy);
    }
  }
  std::sort(copies.begin(), copies.end(),
            [](const torn_copy& left, const torn_copy& right) { return left.number < right.number; });
  return copies;
}

/// The tail without the zeroes that nothing was written over, bounded.
result<std::string> read_tail(file& source, const torn_tail& tail) {
  std::string bytes(static_cast<std::size_t>(std::min(tail.end - tail.offset, copy_bytes_max)), '\0');
  const auto given = source.read_at(tail.offset, {bytes.data(), bytes.size()});
  if (!given) {
    return tl::unexpected{given.error()};
  }
  bytes.resize(*given);
  bytes.erase(bytes.find_last_not_of('\0') + 1);
  return bytes;
}

result<> keep_copy(const queue_folder& folder, const std::string& name, const std::string& bytes) {
  const auto path = folder.path / name;
  auto copy = folder.files->open(path, file_mode::create_new);
  if (!copy) {
    return tl::unexpected{copy.error()};
  }
  failpoint("torn.copy_made");
  auto kept = (*copy)->write_at(0, bytes).and_then([&] {
    failpoint("torn.copy_written");
    return (*copy)->sync();
  });
  if (!kept) {
    static_cast<void>(folder.files->remove(path));
    return kept;
  }
  return folder.files->sync_folder(folder.path);
}

} // namespace

result<std::string> cut_torn_tail(const queue_folder& folder, const std::vector<std::string>& names,
                                  const torn_tail& tail) {
  auto segment = folder.files->open(folder.segment_path(tail.first_seq), file_mode::read_write);
  if (!segment) {
    return tl::unexpected{segment.error()};
  }
  const auto bytes = read_tail(**segment, tail);
  if (!bytes) {
    return tl::unexpected{bytes.error()};
  }
  const auto copies = copies_among(names);
  for (std::size_t i = 0; i + copies_max <= copies.size(); ++i) {
    if (auto removed = folder.files->remove(folder.path / copies[i].name); !removed) {
      return tl::unexpected{removed.error()};
    }
  }
  const auto number = copies.empty() ? 1 : copies.back().number + 1;
  const auto name = segment_name(tail.first_seq) + std::string{torn_infix} + std::to_string(number);
  const auto kept = keep_copy(folder, name, *bytes);
  if (!kept && kept.error().code != errc::disk_full) {
    return tl::unexpected{kept.error()};
  }
  failpoint("torn.copy_kept");
  auto cut = write_zeroes(**segment, tail.offset, tail.end).and_then([&] {
    failpoint("torn.cut");
    return (*segment)->sync();
  });
  failpoint("torn.synced");
  if (!cut) {
    return tl::unexpected{cut.error()};
  }
  return folder.segment_path(tail.first_seq).string() + ": an unfinished frame at seq " + std::to_string(tail.seq)
         + " was cut off; " + (kept ? "a copy is kept as " + name : "there was no room to keep a copy");
}

} // namespace millrace::storage
