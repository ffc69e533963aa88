#include "bench_kept.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace millrace::tools {

tl::expected<kept_report, failure> check_kept(client& database, const std::deque<bench_run::kept_rows>& kept) {
  kept_report report;
  std::vector<std::vector<bool>> seen;
  for (const auto& one : kept) {
    report.acknowledged += one.acknowledged;
    seen.emplace_back(one.acknowledged, false);
  }
  std::int64_t after = 0;
  for (bool more = true; more;) {
    auto question = select("SELECT rowid, client, number FROM bench_kept WHERE rowid > ?1 ORDER BY rowid", after);
    question.consistency = consistency::linearizable;
    const auto rows = database.query(std::move(question));
    if (!rows) {
      return tl::unexpected{rows.error()};
    }
    for (const auto row : *rows) {
      after = row[0].as_integer();
      const auto client = static_cast<std::size_t>(row[1].as_integer());
      const auto place = static_cast<std::size_t>(row[2].as_integer()) - 1;
      const bool expected = client < seen.size() && place < seen[client].size() && !seen[client][place];
      if (expected) {
        seen[client][place] = true;
      } else {
        ++report.doubled;
      }
    }
    more = rows->truncated();
  }
  for (const auto& one : seen) {
    report.lost += static_cast<std::uint64_t>(std::count(one.begin(), one.end(), false));
  }
  return report;
}

} // namespace millrace::tools
