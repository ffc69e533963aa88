#include "load_verify.hpp"

#include <algorithm>
#include <bitset>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace millrace::tools {

namespace {

constexpr std::uint64_t examined_rows_max = 2'000'000;
constexpr std::size_t examples_max = 10;
constexpr std::size_t example_bytes_max = 80;
constexpr std::uint64_t told_rows = 10'000;

/// What the second pass knows of one row's content.
struct content {
  std::uint64_t in_file = 0;
  std::uint64_t unknown = 0; ///< How often in the file with unknown outcome.
  std::uint64_t in_table = 0;
  std::uint64_t line = 0;

  std::uint64_t missing() const noexcept { return in_file > in_table ? in_file - in_table : 0; }
  /// How often it is in the table beyond what must be there.
  std::uint64_t surplus() const noexcept { return in_table > in_file ? in_table - in_file : 0; }
  std::uint64_t perhaps_found() const noexcept { return std::min(surplus(), unknown); }
};

/// What the second pass knows of one bucket.
struct tally {
  std::uint64_t missing = 0;
  std::uint64_t surplus = 0;
  std::uint64_t surplus_sum = 0; ///< Of its hashes, those of `perhaps_found` left out.
  std::uint64_t unknown = 0;
  std::uint64_t perhaps_found = 0; ///< How much of the surplus may be rows of unknown outcome.
};

/// A row as a person reads it on one line.
std::string shown(const row& row) {
  std::string text;
  for (std::size_t i = 0; i < row.size() && text.size() <= example_bytes_max; ++i) {
    text += (i == 0 ? "" : ", ") + row[i].to_string();
  }
  std::ranges::replace_if(
    text, [](char byte) { return static_cast<unsigned char>(byte) < 0x20; }, ' ');
  if (text.size() > example_bytes_max) {
    auto end = example_bytes_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
      --end;
    }
    text.resize(end);
    text += "…";
  }
  return text;
}

class comparison {
public:
  comparison(const table_scan& table, const verify_task& task) : table_(table), task_(task) {}

  tl::expected<verify_report, std::string> run();

private:
  using visit_source = std::function<void(std::uint64_t hash, std::uint64_t line, bool unknown)>;

  std::string scan_source(const visit_source& visit);
  std::string add_up();
  void choose_buckets();
  std::string examine();
  void judge();
  void judge(std::size_t bucket, const tally& seen);
  void give_examples();
  bool suspicious(std::uint64_t hash) const { return suspicious_[table_sum::bucket_of(hash)]; }

  const table_scan& table_;
  const verify_task& task_;
  table_sum file_;
  table_sum now_;
  std::vector<std::uint64_t> unknown_hashes_;
  std::bitset<table_sum::bucket_count> suspicious_;
  std::unordered_map<std::uint64_t, content> contents_;
  std::unordered_map<std::uint64_t, std::string> strangers_; ///< Some rows of the table whose content the file lacks.
  verify_report report_;
};

tl::expected<verify_report, std::string> comparison::run() {
  for (const auto step : {&comparison::add_up, &comparison::examine}) {
    if (auto problem = (this->*step)(); !problem.empty()) {
      return tl::unexpected{std::move(problem)};
    }
  }
  judge();
  give_examples();
  return report_;
}

std::string comparison::scan_source(const visit_source& visit) {
  auto source = task_.open_source();
  if (!source) {
    return source.error();
  }
  report_.not_compared = 0;
  while (const auto row = (*source)->next()) {
    const auto listed = [&row](const std::vector<std::uint64_t>& lines) {
      return std::binary_search(lines.begin(), lines.end(), row->line);
    };
    if (row->number % told_rows == 0 && !task_.on_progress(row->number)) {
      return "it was interrupted.";
    }
    if (!row->problem.empty() || listed(task_.failed_lines)) {
      continue;
    }
    if (task_.before_rows.contains(row->number)) {
      ++report_.not_compared;
      continue;
    }
    visit(hash_of_row(*row), row->line, listed(task_.unknown_lines));
  }
  return (*source)->problem();
}

std::string comparison::add_up() {
  auto problem = scan_source([&](std::uint64_t hash, std::uint64_t, bool unknown) {
    if (unknown) {
      unknown_hashes_.push_back(hash);
    } else {
      ++report_.compared;
      file_.add(hash);
    }
  });
  if (!problem.empty()) {
    return problem;
  }
  auto now = sum_of(table_, task_.on_progress);
  if (!now) {
    return now.error();
  }
  now_ = *now;
  choose_buckets();
  return {};
}

void comparison::choose_buckets() {
  for (const auto hash : unknown_hashes_) {
    suspicious_.set(table_sum::bucket_of(hash));
  }
  auto expected = task_.before;
  expected += file_;
  std::uint64_t rows = 0;
  for (std::size_t i = 0; i < table_sum::bucket_count; ++i) {
    const auto here = file_[i].rows + now_[i].rows;
    if (now_[i] != expected[i]) {
      suspicious_[i] = rows == 0 || rows + here <= examined_rows_max;
      report_.at_least = report_.at_least || !suspicious_[i];
    }
    rows += suspicious_[i] ? here : 0;
  }
}

std::string comparison::examine() {
  if (suspicious_.none()) {
    return {};
  }
  auto problem = scan_source([this](std::uint64_t hash, std::uint64_t line, bool unknown) {
    if (suspicious(hash)) {
      auto& one = contents_[hash];
      one.line = line;
      ++(unknown ? one.unknown : one.in_file);
    }
  });
  if (!problem.empty()) {
    return problem;
  }
  const auto begin = [this] {
    for (auto& [hash, one] : contents_) {
      one.in_table = 0;
    }
    strangers_.clear();
  };
  const auto visit = [this](const row& row) {
    const auto hash = hash_of_row(row);
    if (!suspicious(hash)) {
      return;
    }
    auto& one = contents_[hash];
    ++one.in_table;
    if (one.line == 0 && strangers_.size() < examples_max) {
      strangers_.emplace(hash, shown(row));
    }
  };
  return table_.each_row(begin, visit, task_.on_progress);
}

void comparison::judge() {
  std::unordered_map<std::size_t, tally> tallies;
  for (const auto& [hash, one] : contents_) {
    auto& seen = tallies[table_sum::bucket_of(hash)];
    seen.missing += one.missing();
    seen.surplus += one.surplus();
    seen.surplus_sum += hash * (one.surplus() - one.perhaps_found());
    seen.unknown += one.unknown;
    seen.perhaps_found += one.perhaps_found();
  }
  for (std::size_t i = 0; i < table_sum::bucket_count; ++i) {
    if (suspicious_[i]) {
      judge(i, tallies[i]);
    }
  }
}

/// Which rows of the surplus were there before is not known, only how many they were and the sum of their hashes.
void comparison::judge(std::size_t bucket, const tally& seen) {
  const auto& before = task_.before[bucket];
  const auto added = seen.surplus > before.rows ? seen.surplus - before.rows : 0;
  const auto found = std::min(added, seen.perhaps_found);
  report_.unknown_found += found;
  report_.unknown_missing += seen.unknown - found;
  auto missing = seen.missing + (before.rows > seen.surplus ? before.rows - seen.surplus : 0);
  auto unexpected = added - found;
  const bool sum_is_known = found == seen.perhaps_found;
  if (missing == 0 && unexpected == 0 && sum_is_known && seen.surplus_sum != before.sum) {
    // A row that was there before gave way to another.
    missing = unexpected = 1;
  }
  report_.missing += missing;
  report_.unexpected += unexpected;
  report_.at_least = report_.at_least || (before.rows > 0 && missing + unexpected > 0);
}

void comparison::give_examples() {
  for (const auto& [hash, one] : contents_) {
    if (report_.examples.size() == examples_max) {
      return;
    }
    const auto line = "line " + std::to_string(one.line);
    if (one.missing() > 0) {
      report_.examples.push_back(line + " is not in the table as it stands in the file.");
    }
    if (one.surplus() == one.perhaps_found() || task_.before[table_sum::bucket_of(hash)].rows > 0) {
      continue;
    }
    if (one.line > 0) {
      report_.examples.push_back(line + " is in the table more often than in the file.");
    } else if (const auto stranger = strangers_.find(hash); stranger != strangers_.end()) {
      report_.examples.push_back("the row (" + stranger->second + ") is not accounted for by the file.");
    }
  }
}

} // namespace

tl::expected<verify_report, std::string> verify_table(const table_scan& table, const verify_task& task) {
  return comparison{table, task}.run();
}

tl::expected<table_sum, std::string> sum_of(const table_scan& table, const table_scan::tell_progress& on_progress) {
  table_sum sum;
  auto problem = table.each_row([&sum] { sum = {}; }, [&sum](const row& row) { sum.add(hash_of_row(row)); },
                                on_progress);
  if (!problem.empty()) {
    return tl::unexpected{std::move(problem)};
  }
  return sum;
}

} // namespace millrace::tools
