#include <millrace/storage/queue/format.hpp>
#include <millrace/tests/support/disks/faulty_file_system.hpp>
#include <millrace/tests/support/storage/log_fixture.hpp>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::test;

namespace {

std::string golden(const char* version) {
  const auto folder = std::filesystem::path{__FILE__}.parent_path() / "golden";
  std::ifstream input{folder / (segment_name(1) + version), std::ios::binary};
  return {std::istreambuf_iterator<char>{input}, {}};
}

/// A queue whose one segment was written in format version 1 and holds work up to 4.
struct format_fixture {
  memory_file_system disk;
  faulty_file_system files{disk};

  static constexpr std::uint64_t last = 4;

  format_fixture() {
    require_ok(disk.make_folder(queue_path));
    disk.put(first_segment, golden(".v1"));
  }

  segment_header header_of(std::uint64_t first_seq) {
    const auto& bytes = disk.bytes(queue_path / segment_name(first_seq));
    auto reading = decode_header_block(bytes.substr(0, header_block_bytes), database_id, "");
    require_ok(reading);
    return reading->header;
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(format, format_fixture)

BOOST_AUTO_TEST_CASE(a_segment_of_version_1_is_read_and_never_appended_to) {
  const auto before = disk.bytes(first_segment);
  {
    auto queue = open_log(disk);
    require_ok(queue.append(batch_of(last + 1, 2)));
  }
  BOOST_CHECK(disk.bytes(first_segment) == before);
  BOOST_CHECK_EQUAL(header_of(1).version, 1u);
  BOOST_CHECK_EQUAL(header_of(last + 1).version, log_format_version);
  auto again = open_log(disk);
  BOOST_CHECK_EQUAL(check_work_from(again, last + 1), last + 3);
}

BOOST_AUTO_TEST_CASE(a_segment_of_version_1_without_work_is_replaced) {
  open_log(disk);
  const auto path = queue_path / segment_name(last + 1);
  auto older = header_of(last + 1);
  older.version = 1;
  disk.bytes(path).replace(0, header_block_bytes, encode_header_block(older));
  {
    auto queue = open_log(disk);
    BOOST_CHECK_EQUAL(files_ending(disk, ".waq").size(), 2u);
    BOOST_CHECK_EQUAL(header_of(last + 1).version, log_format_version);
    BOOST_CHECK_EQUAL(header_of(last + 1).number, older.number + 1);
    BOOST_CHECK_EQUAL(header_of(last + 1).chain, older.chain);
    BOOST_CHECK_EQUAL(queue.bytes_on_disk(), 2 * small_segments.segment_bytes);
    require_ok(queue.append(batch_of(last + 1, 2)));
  }
  auto again = open_log(disk);
  BOOST_CHECK_EQUAL(check_work_from(again, last + 1), last + 3);
}

BOOST_AUTO_TEST_CASE(a_full_disk_without_a_spare_stops_where_the_newest_segment_is_of_version_1) {
  files.fail(operation::preallocate, errc::disk_full);
  const auto before = disk.contents();
  const auto opened = try_open(files);
  BOOST_REQUIRE(!opened.log);
  BOOST_CHECK(opened.log.error().code == errc::disk_full);
  BOOST_CHECK(disk.contents() == before);
}

BOOST_AUTO_TEST_CASE(a_queue_of_format_version_2_opens_for_ever) {
  const auto bytes = golden(".v2");
  BOOST_REQUIRE_EQUAL(bytes.size(), 8192u);
  disk.put(first_segment, bytes);
  BOOST_CHECK_EQUAL(header_of(1).version, 2u);
  auto queue = open_log(disk);
  BOOST_CHECK_EQUAL(queue.last_seq(), 9u);
  auto cursor = queue.read_from(1);
  require_ok(cursor);
  auto rich = execute("INSERT INTO a VALUES (?1, ?2, ?3, ?4, ?5)", nullptr, -300, 2.5, "Käse", blob{"\x01\xff"});
  rich.in_group(on_error::continue_after, [](transaction& inner) {
    inner.add("UPDATE a SET b = :b", named{":b", 7}).expect_rows(1);
  });
  auto with_name = rich;
  with_name.name = {{0x01, 0x8b, 2, 3, 4, 5, 0x70, 7, 0x80, 9, 10, 11, 12, 13, 14, 15}, 300};
  using action = quarantine_order::action;
  const std::vector<std::vector<work>> expected{
    {schema_script{"0001_a.sql", "CREATE TABLE a(b, c, d, e, f)"}, rich, with_name},
    {execute("INSERT INTO a(b) VALUES (?1)", 1), with_name},
    {skip_order{{3, 5}, errc::quarantined, 3}, stretch_end{}, quarantine_order{3, action::resubmit},
     quarantine_order{5, action::discard}},
  };
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto read = (*cursor)->next().value();
    BOOST_REQUIRE(read);
    BOOST_CHECK_EQUAL(read->accept_time_ms, 1'700'000'000'000 + static_cast<std::int64_t>(i));
    BOOST_CHECK(read->items == expected[i]);
  }
  BOOST_CHECK(!(*cursor)->next().value());
}

/// What version 3 adds. MILLRACE_MAKE_GOLDEN=1 writes the file where it is missing.
BOOST_AUTO_TEST_CASE(a_queue_of_format_version_3_opens_for_ever) {
  sha256 digest{};
  digest.front() = 0x11;
  digest.back() = 0xee;
  const applied_migration lease{
    .version = 300, .name = "add_lease", .checksum = digest, .chain = {}, .needs = {{"core", 2}, {"master", 12}}};
  const std::vector<work> expected{
    schema_change{.step = schema_step::ad_hoc, .sql = "CREATE TABLE a(b)", .author = "ada"},
    schema_change{.step = schema_step::repair, .set = "main", .expected = digest, .migrations = {lease, lease}},
    schema_change{.step = schema_step::up,
                  .set = "main",
                  .expected = digest,
                  .migrations = {lease},
                  .sql = "UPDATE a SET b = 1 WHERE b BETWEEN :first AND :last",
                  .before = {{"main/before_each.sql", "SELECT 1"}},
                  .after = {{"main/0300_add_lease.after.sql", "SELECT 2"}, {"main/after_each.sql", "SELECT 3"}},
                  .timeout = std::chrono::milliseconds{30'000},
                  .backfill = "a",
                  .rows_max = 1'000,
                  .goes_on = true},
    skip_order{{1}, errc::quarantined, 3, "no space left on device"}};
  if (golden(".v3").empty() && std::getenv("MILLRACE_MAKE_GOLDEN") != nullptr) {
    memory_file_system made;
    require_ok(made.make_folder(queue_path));
    require_ok(open_log(made).append({1, 1'700'000'000'000, expected}));
    std::ofstream{std::filesystem::path{__FILE__}.parent_path() / "golden" / (segment_name(1) + ".v3"),
                  std::ios::binary}
      << made.bytes(first_segment);
  }
  const auto bytes = golden(".v3");
  BOOST_REQUIRE_EQUAL(bytes.size(), 8192u);
  disk.put(first_segment, bytes);
  BOOST_CHECK_EQUAL(header_of(1).version, 3u);
  auto queue = open_log(disk);
  BOOST_CHECK_EQUAL(queue.last_seq(), 4u);
  auto cursor = queue.read_from(1);
  require_ok(cursor);
  const auto read = (*cursor)->next().value();
  BOOST_REQUIRE(read);
  BOOST_CHECK_EQUAL(read->accept_time_ms, 1'700'000'000'000);
  BOOST_CHECK(read->items == expected);
}

BOOST_AUTO_TEST_SUITE_END()
