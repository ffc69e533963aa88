#include "rot_queue.hpp"

#include <millrace/storage/queue/format.hpp>

#include <algorithm>
#include <map>
#include <stdexcept>

namespace millrace::test {

namespace {

const std::filesystem::path folder{"/data/queue"};
const uuid database{7, 1, 7, 2, 7, 3, 7, 4, 7, 5, 7, 6, 7, 7, 7, 8};
const storage::log_options settings{16 * 1024, 2};
constexpr std::size_t segments_min = 5;

/// The work with a given `seq`: of every kind, of many lengths, and recognisable.
storage::work work_of(std::uint64_t seq) {
  const auto number = std::to_string(seq);
  switch (seq % 23) {
    case 3:
      return storage::skip_order{{seq - 1, seq - 2}, errc::deadline_exceeded, 0};
    case 7:
      return schema_script{number, "CREATE TABLE t" + number + "(n)"};
    case 11:
      return storage::stretch_end{};
    case 17:
      return storage::quarantine_order{seq - 3, storage::quarantine_order::action::discard};
    default:
      break;
  }
  auto work = execute("INSERT INTO t" + std::to_string(seq % 7) + " VALUES (?1, ?2)", seq, std::string(seq % 90, 'r'));
  if (seq % 5 == 0) {
    work.add("UPDATE t SET n = :n", named{":n", 0.5 * static_cast<double>(seq)});
  }
  if (seq % 3 == 0) {
    work.name = {database, seq};
  }
  return work;
}

const storage::work& due_at(std::uint64_t seq) {
  static std::vector<storage::work> all;
  while (all.size() <= seq) {
    all.push_back(work_of(all.size()));
  }
  return all[seq];
}

storage::batch batch_from(std::uint64_t first_seq) {
  storage::batch work{first_seq, static_cast<std::int64_t>(1'700'000'000'000 + first_seq), {}};
  for (auto seq = first_seq; seq < first_seq + 1 + first_seq % 13; ++seq) {
    work.items.push_back(due_at(seq));
  }
  return work;
}

template <class T>
void require(const storage::result<T>& given) {
  if (!given) {
    throw std::runtime_error{to_string(given.error())};
  }
}

void require(bool kept, const std::string& otherwise) {
  if (!kept) {
    throw std::runtime_error{otherwise};
  }
}

storage::result<storage::log> open(memory_file_system& disk, std::uint64_t applied, storage::recovery_report& report,
                                   const storage::log::visitor& visit = {}) {
  return storage::log::open(disk, folder, database, applied, settings, report, visit);
}

/// Checks that work is what was written, without a gap.
class reading {
public:
  explicit reading(std::uint64_t from) : due_(from) {}

  void take(const storage::batch& work) {
    require(work.first_seq == due_,
            "it reads seq " + std::to_string(work.first_seq) + " where seq " + std::to_string(due_) + " is due");
    for (const auto& item : work.items) {
      require(item == due_at(due_), "seq " + std::to_string(due_) + " reads as something else");
      ++due_;
    }
  }

  void end(std::uint64_t last_seq) const {
    require(due_ == last_seq + 1, "it reads to before seq " + std::to_string(due_) + " though it says that seq "
                                    + std::to_string(last_seq) + " is the last");
  }

private:
  std::uint64_t due_;
};

placed_segment place(memory_file_system& disk, const std::filesystem::path& path, std::uint64_t first_seq) {
  const std::string_view bytes{disk.bytes(path)};
  const auto header = storage::decode_header_block(bytes, database, path.string());
  require(header);
  placed_segment segment{path, first_seq, {}, storage::header_block_bytes, bytes.size()};
  while (segment.frames_end + storage::frame_header_bytes <= bytes.size()) {
    const auto frame = storage::parse_frame_header(bytes.substr(segment.frames_end));
    if (!storage::plausible(frame, header->header.salt, bytes.size() - segment.frames_end)
        || !storage::verifies(bytes.substr(segment.frames_end, frame.bytes), header->header.salt)) {
      break;
    }
    const auto end = segment.frames_end + frame.bytes;
    segment.frames.push_back({segment.frames_end, end, frame.first_seq, frame.next_seq()});
    segment.frames_end = end;
  }
  return segment;
}

/// Whether recovery reads the segment, and not only its header.
bool is_read(const rotting_queue& queue, const placed_segment& segment, std::uint64_t applied) {
  const auto next = std::ranges::find(queue.segments, segment.path, &placed_segment::path) + 1;
  return next == queue.segments.end() || next->first_seq > applied + 1;
}

bool is_newest(const rotting_queue& queue, const placed_segment& segment) {
  return segment.path == queue.segments.back().path;
}

void read_back(storage::log& log, std::uint64_t from) {
  auto cursor = log.read_from(from);
  require(cursor);
  reading seen{from};
  for (;;) {
    const auto work = (*cursor)->next();
    require(work);
    if (!*work) {
      break;
    }
    seen.take(**work);
  }
  seen.end(log.last_seq());
}

void check_refusal(const failure& why, std::uint64_t applied, const permitted& allowed) {
  require(allowed.refusing, "it is refused: " + why.detail);
  require(why.code == errc::corrupt, "it is refused as " + std::string{name(why.code)} + ": " + why.detail);
  require(why.detail.find(allowed.file.string()) != std::string::npos, "the file is not named: " + why.detail);
  const auto digits = why.detail.find("seq ");
  require(digits != std::string::npos, "no seq is named: " + why.detail);
  const auto named = std::stoull(why.detail.substr(digits + 4));
  require(allowed.at == 0 ? named > applied : named == allowed.at,
          "seq " + std::to_string(allowed.at) + " is damaged: " + why.detail);
}

} // namespace

rotting_queue::rotting_queue(bool with_witness) {
  storage::recovery_report report;
  auto log = open(disk, 0, report);
  require(log);
  const auto names = [&] {
    auto all = disk.list(folder).value();
    std::erase_if(all, [](const std::string& name) { return !storage::segment_of_name(name); });
    return all;
  };
  const auto fill = [&](std::size_t count) {
    while (names().size() < count) {
      require(log->append(batch_from(log->last_seq() + 1)));
    }
  };
  fill(4);
  first = storage::segment_of_name(names()[2]).value();
  require(log->release(first - 1));
  fill(segments_min);
  for (int i = 0; i < 12; ++i) {
    require(log->append(batch_from(log->last_seq() + 1)));
  }
  if (with_witness) {
    require(log->append_witness());
  }
  last = log->last_seq();
  for (const auto& name : names()) {
    segments.push_back(place(disk, folder / name, storage::segment_of_name(name).value()));
  }
}

permitted after_flip(const rotting_queue& queue, const placed_segment& segment, std::size_t offset,
                     std::uint64_t applied) {
  permitted allowed{.file = segment.path, .last_min = queue.last};
  const auto& frames = segment.frames;
  const auto hit = std::ranges::find_if(
    frames, [offset](const placed_frame& one) { return one.offset <= offset && offset < one.end; });
  if (hit == frames.end()) {
    allowed.finding = offset < storage::segment_header_bytes
                      || (offset >= storage::header_copy_at
                          && offset < storage::header_copy_at + storage::segment_header_bytes);
    return allowed;
  }
  const auto has_work = hit->first_seq < hit->next_seq;
  const auto witnessed = !is_newest(queue, segment) || hit + 1 != frames.end();
  if (has_work && hit->next_seq > applied + 1) {
    const auto applied_within = hit->first_seq <= applied;
    allowed.at = std::max(hit->first_seq, applied + 1);
    allowed.refusing = witnessed || applied_within;
    // How far the last frame went is read from its header. Where that is damaged, nobody knows what it held.
    allowed.opening = !witnessed && (!applied_within || offset < hit->offset + storage::frame_header_bytes);
    allowed.last_min = std::max(hit->first_seq - 1, applied);
    allowed.finding = true;
    return allowed;
  }
  // Work that is applied, or none. A text that later work refers to may have been defined here; and the header of the
  // last frame may say that it held more than was applied.
  const auto misleading = !witnessed && offset < hit->offset + storage::frame_header_bytes;
  allowed.refusing = has_work && (segment.frames.back().next_seq > applied + 1 || misleading);
  allowed.finding = is_read(queue, segment, applied);
  return allowed;
}

permitted after_cut(const rotting_queue& queue, const placed_segment& segment, std::size_t size,
                    std::uint64_t applied) {
  permitted allowed{.file = segment.path, .last_min = queue.last};
  const auto read = is_read(queue, segment, applied);
  if (size < storage::segment_header_bytes) {
    allowed.opening = !read;
    allowed.refusing = read;
    allowed.finding = true;
    return allowed;
  }
  allowed.finding = size < storage::header_copy_at + storage::segment_header_bytes;
  const auto& frames = segment.frames;
  const auto lost = std::ranges::find_if(frames, [&](const placed_frame& one) {
    return one.end > size && one.next_seq > std::max(one.first_seq, applied + 1);
  });
  if (is_newest(queue, segment)) {
    const auto cut = std::ranges::find_if(frames, [size](const placed_frame& one) { return one.end > size; });
    const auto missing = cut == frames.end() ? queue.last + 1 : cut->first_seq;
    if (cut == frames.end() && size >= segment.frames_end + storage::frame_header_bytes) {
      return allowed; // That nothing came after the last frame is to be seen.
    }
    // What else stood at the end nobody can know.
    if (missing > applied) {
      allowed.opening = false;
      allowed.refusing = true;
      allowed.at = missing;
      return allowed;
    }
    allowed.finding = true;
    allowed.last_min = lost == frames.end() ? queue.last : std::max(lost->first_seq - 1, applied);
    allowed.refusing = lost != frames.end() && lost->first_seq <= applied;
    return allowed;
  }
  if (lost != frames.end()) {
    allowed.opening = false;
    allowed.refusing = true;
    allowed.at = std::max(lost->first_seq, applied + 1);
  }
  return allowed;
}

came_to recover_damaged(memory_file_system& disk, const rotting_queue& before, std::uint64_t applied,
                        const permitted& allowed, bool thorough) {
  const auto damaged = thorough ? disk.contents() : std::map<std::filesystem::path, std::string>{};
  storage::recovery_report report;
  reading seen{applied + 1};
  auto log = open(disk, applied, report, [&seen](const storage::batch& work) { seen.take(work); });
  if (!log) {
    check_refusal(log.error(), applied, allowed);
    require(!thorough || disk.contents() == damaged, "the queue is refused, and yet changed");
    return came_to::refused;
  }
  require(allowed.opening, "it opens, though acknowledged work is damaged");
  require(log->last_seq() >= allowed.last_min && log->last_seq() <= before.last,
          "the last seq is " + std::to_string(log->last_seq()));
  require(!allowed.finding || !report.findings.empty(), "nothing is reported");
  seen.end(log->last_seq());
  const auto result = report.findings.empty() ? came_to::unharmed : came_to::reported;
  if (!thorough) {
    return result;
  }
  read_back(*log, applied + 1);
  const auto after = disk.contents();
  storage::recovery_report second;
  auto again = open(disk, applied, second);
  require(again);
  require(again->last_seq() == log->last_seq(), "the second recovery ends elsewhere");
  require(disk.contents() == after, "the second recovery changes something");
  require(again->append(batch_from(again->last_seq() + 1)));
  read_back(*again, applied + 1);
  return result;
}

} // namespace millrace::test
