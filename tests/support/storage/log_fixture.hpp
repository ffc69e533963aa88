#pragma once

#include <millrace/storage/queue/format.hpp>
#include <millrace/storage/queue/log.hpp>
#include <millrace/tests/support/disks/memory_file_system.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace millrace::test {

inline const uuid database_id{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
inline const std::filesystem::path queue_path{"/data/queue"};
inline const std::filesystem::path first_segment = queue_path / storage::segment_name(1);

/// Segments of 8 KiB, so that a few batches fill one.
inline const storage::log_options small_segments{8192, 2};

/// The work with a given `seq`, recognisable.
inline transaction work_of(std::uint64_t seq) {
  return execute("INSERT INTO idea(title, score) VALUES (?1, ?2)", "idea " + std::to_string(seq), seq);
}

inline storage::batch batch_of(std::uint64_t first_seq, std::size_t count) {
  storage::batch work{first_seq, static_cast<std::int64_t>(1'700'000'000'000 + first_seq), {}};
  for (std::size_t i = 0; i < count; ++i) {
    work.items.emplace_back(work_of(first_seq + i));
  }
  return work;
}

struct opened_log {
  storage::result<storage::log> log;
  storage::recovery_report report;
};

inline opened_log try_open(storage::file_system& files, std::uint64_t applied_seq = 0,
                           const storage::log_options& options = small_segments) {
  storage::recovery_report report;
  auto log = storage::log::open(files, queue_path, database_id, applied_seq, options, report);
  return {std::move(log), std::move(report)};
}

inline storage::log open_log(storage::file_system& files, std::uint64_t applied_seq = 0,
                             const storage::log_options& options = small_segments) {
  auto opened = try_open(files, applied_seq, options);
  BOOST_REQUIRE_MESSAGE(opened.log, (opened.log ? "" : opened.log.error().detail));
  return std::move(*opened.log);
}

template <class T>
void require_ok(const storage::result<T>& given) {
  BOOST_REQUIRE_MESSAGE(given, (given ? "" : given.error().detail));
}

/// Reads everything from `seq` on and checks that it is what `work_of` made, without a gap. Gives the `seq` after it.
inline std::uint64_t check_work_from(storage::log& log, std::uint64_t seq) {
  auto cursor = log.read_from(seq);
  require_ok(cursor);
  while (true) {
    auto work = (*cursor)->next();
    require_ok(work);
    if (!*work) {
      return seq;
    }
    BOOST_REQUIRE_EQUAL((*work)->first_seq, seq);
    for (const auto& item : (*work)->items) {
      BOOST_REQUIRE(item == storage::work{work_of(seq)});
      ++seq;
    }
  }
}

/// Names in a queue folder that end so.
inline std::vector<std::string> files_ending(storage::file_system& files, std::string_view suffix) {
  auto names = files.list(queue_path);
  require_ok(names);
  std::erase_if(*names, [&](const std::string& name) { return !name.ends_with(suffix); });
  return *names;
}

} // namespace millrace::test
