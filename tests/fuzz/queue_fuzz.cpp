/// The folder of a write-ahead queue, as any bytes. Whatever is in it: what is refused as damaged is left as it was,
/// what is accepted reads the same by a cursor and after another recovery, and can be appended to.

#include "fuzz.hpp"

#include <millrace/storage/queue/log.hpp>
#include <millrace/tests/support/disks/folder_image.hpp>
#include <millrace/tests/support/disks/memory_file_system.hpp>

#include <optional>
#include <utility>

#include <xxhash.h>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::test;

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t size_max);

namespace {

constexpr log_options small_segments{8192, 2};
/// A header may announce any capacity.
constexpr std::uint64_t file_bytes_max = 64 * 1024;
constexpr std::size_t header_hashed_bytes = segment_header_bytes - 8;

/// What a folder was found to hold.
struct contents {
  std::optional<storage::log> log;
  failure refusal;
  recovery_report report;
  std::vector<work> unapplied;
};

contents open(file_system& files, std::uint64_t applied_seq) {
  contents found;
  auto expected = applied_seq + 1;
  auto opened = storage::log::open(
    files, image_path, image_database, applied_seq, small_segments, found.report, [&](const batch& work) {
      require(work.first_seq == expected, "recovery shows work in order");
      expected += work.items.size();
      found.unapplied.insert(found.unapplied.end(), work.items.begin(), work.items.end());
    });
  if (opened) {
    found.log.emplace(std::move(*opened));
    require(found.report.last_seq == expected - 1, "recovery shows all work up to the last");
    require(found.report.transactions == found.unapplied.size(), "recovery counts what it shows");
  } else {
    found.refusal = opened.error();
  }
  return found;
}

std::vector<work> read_back(storage::log& log, std::uint64_t seq) {
  std::vector<work> all;
  auto cursor = log.read_from(seq);
  require(cursor.has_value(), "a log can be read from where it is not applied");
  while (true) {
    auto next = (*cursor)->next();
    require(next.has_value(), "what recovery accepted can be read back");
    if (!*next) {
      return all;
    }
    all.insert(all.end(), (*next)->items.begin(), (*next)->items.end());
  }
}

void check_refusal(errc code, bool unchanged) {
  switch (code) {
    case errc::corrupt:
    case errc::database_gone: // It is older than the log reaches back.
    case errc::folder_newer:
    case errc::folder_foreign:
      require(unchanged, "what is refused as damaged is left as it was");
      return;
    default:
      require(code == errc::disk_full, "only damage or a full disk is a reason to refuse");
  }
}

/// Appends to a log and gives what it holds then.
std::vector<work> append(storage::log& log, std::vector<work> held) {
  batch added{log.last_seq() + 1, 1'700'000'000'000, {}};
  added.items.emplace_back(execute("INSERT INTO t VALUES (?1)", 1));
  const auto done = log.append(added);
  require(done || done.error().code == errc::disk_full, "a log that was opened can be appended to");
  if (done) {
    held.push_back(added.items.front());
  }
  return held;
}

/// Makes the checksums of a packed segment fit, and by chance what else binds a frame to its place, since no fuzzer
/// finds those. `chain` is the checksum of the last frame before.
void seal(std::uint8_t* file, std::size_t size, std::uint8_t first_seq, std::uint64_t& chain, unsigned chance) {
  auto* bytes = reinterpret_cast<char*>(file);
  if ((chance & 1U) != 0) {
    store<std::uint64_t>(bytes + 40, first_seq);
    store<std::uint64_t>(bytes + 56, chain);
  }
  for (auto* header : {bytes, bytes + segment_header_bytes}) {
    store<std::uint64_t>(header + header_hashed_bytes, XXH3_64bits(header, header_hashed_bytes));
  }
  const auto salt = load<std::uint64_t>(bytes + 48);
  for (auto at = image_headers_bytes; at + frame_header_bytes <= size;) {
    auto* frame = bytes + at;
    const std::size_t length = load<std::uint32_t>(frame + 8);
    if (length < frame_header_bytes || length > size - at || length % frame_alignment != 0) {
      return;
    }
    if ((chance & 2U) != 0) {
      store<std::uint64_t>(frame + 16, salt);
      store<std::uint64_t>(frame + 48, chain);
    }
    chain = XXH3_64bits_withSeed(frame + 8, length - 8, salt);
    store<std::uint64_t>(frame, chain);
    at += length;
  }
}

} // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max,
                                               unsigned seed) {
  size = LLVMFuzzerMutate(data, size, size_max);
  if (seed % 8 == 0) {
    return size;
  }
  std::uint64_t chain = 0;
  for (const auto& file : image_files(as_text(data, size))) {
    if (file.what <= image_segments && file.packed.size() >= image_headers_bytes) {
      const auto offset = static_cast<std::size_t>(file.packed.data() - reinterpret_cast<const char*>(data));
      seal(data + offset, file.packed.size(), file.what, chain, seed / 8);
    }
  }
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto image = as_text(data, size);
  const std::uint64_t applied_seq = image.empty() ? 0 : data[0];
  memory_file_system files;
  require(files.make_folder(image_path).has_value(), "a folder in memory can be made");
  std::size_t index = 0;
  bool has_spare = false;
  for (const auto& file : image_files(image)) {
    has_spare = has_spare || file.what == image_spare;
    files.put(image_path / image_file_name(file.what, ++index), unpacked(file.packed));
  }
  const auto before = files.contents();

  files.limit_files(file_bytes_max);
  auto first = open(files, applied_seq);
  if (!first.log) {
    check_refusal(first.refusal.code, files.contents() == before);
    return 0;
  }
  require(read_back(*first.log, applied_seq + 1) == first.unapplied, "a cursor reads what recovery showed");
  first.log.reset();

  auto second = open(files, applied_seq);
  require(second.log.has_value(), "what was recovered once can be recovered again");
  require(second.unapplied == first.unapplied, "a second recovery shows the same work");
  require(second.report.last_seq == first.report.last_seq, "a second recovery ends at the same work");
  // No spare of a real log holds what is still to come, but one of these may: the first opening went on in it, and the
  // second takes that for torn, once.
  require(!second.report.torn_tail || has_spare, "a torn tail is cut off once");

  const auto held = append(*second.log, std::move(second.unapplied));
  second.log.reset();
  auto third = open(files, applied_seq);
  require(third.log.has_value(), "what was appended to can be recovered");
  require(!third.report.torn_tail, "what was appended to has no torn tail");
  require(third.unapplied == held, "what was appended is there");
  return 0;
}
