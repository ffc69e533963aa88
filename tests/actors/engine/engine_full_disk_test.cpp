#include <millrace/tests/support/actors/engine_fixture.hpp>
#include <millrace/tests/support/disks/vfs_shim.hpp>
#include <millrace/tests/support/process/open_files.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <thread>

#include <sqlite3.h>

using namespace millrace;
using namespace millrace::test;

namespace {

/// Has room for 24 MB of one transaction, and for 8 while queries have temporary files.
class shared_disk final : public vfs_observer {
public:
  explicit shared_disk(std::filesystem::path temporary) : temporary_(std::move(temporary)) {}

  /// One thread writes SQLite's log: a header before each page, which names the database's size where a commit ends.
  int before(const vfs_operation& asked) override {
    if (asked.what != vfs_operation::kind::write || !asked.path.ends_with("-wal")) {
      return SQLITE_OK;
    }
    const auto bytes = asked.offset - begins_at_;
    if (bytes > 24'000'000 || (bytes > 8'000'000 && open_files(temporary_) > 0)) {
      errno = ENOSPC;
      return SQLITE_FULL;
    }
    if (asked.offset == 0) {
      begins_at_ = 0;
    } else if (asked.bytes.size() == 24 && asked.bytes.substr(4, 4) != std::string_view{"\0\0\0", 4}) {
      begins_at_ = asked.offset + 24 + 4096;
    }
    return SQLITE_OK;
  }

private:
  std::filesystem::path temporary_;
  std::int64_t begins_at_ = 0; ///< The transaction.
};

/// Adds so many megabytes.
transaction add(int megabytes) {
  return execute(
    "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?1) "
    "SELECT zeroblob(4000) FROM n",
    megabytes * 250);
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(engine_full_disk_suite, engine_fixture)

BOOST_AUTO_TEST_CASE(queries_that_fill_the_disk_without_an_end_set_nothing_aside_but_what_never_fits) {
  shared_disk disk{settings.data / "tmp"};
  const vfs_shim shim{disk};
  open("CREATE TABLE t(filling BLOB)");
  std::atomic<bool> over{false};
  std::atomic<int> sorted{0};
  std::vector<std::thread> sorters;
  for (int i = 0; i < 2; ++i) {
    sorters.emplace_back([&] {
      auto db = connect();
      while (!over) {
        sorted += db.query(select("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 400000) "
                                  "SELECT count(*) FROM (SELECT i FROM c ORDER BY i % 1000, i LIMIT -1 OFFSET 1)"))
                    ? 1
                    : 0;
      }
    });
  }
  auto db = connect();
  for (const auto megabytes : {12, 12, 30, 12}) {
    BOOST_REQUIRE(eventually([&, before = sorted.load()] { return sorted > before; }));
    BOOST_TEST(code_of(db.execute(add(megabytes))) == (megabytes == 30 ? errc::quarantined : errc::none));
  }
  over = true;
  std::ranges::for_each(sorters, &std::thread::join);
  BOOST_TEST(rows("SELECT count(*) FROM t") == "9000");
  BOOST_TEST(rows("SELECT deaths FROM millrace_quarantine") == "3");
  tested.reset();
}

BOOST_AUTO_TEST_SUITE_END()
