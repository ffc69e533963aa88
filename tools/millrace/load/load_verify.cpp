#include "load_verify.hpp"

#include <millrace/storage/base/hash.hpp>
#include <millrace/storage/database.hpp>
#include <millrace/tools/millrace/common/sql_text.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <thread>
#include <unordered_map>
#include <utility>

namespace millrace::tools {

namespace {

constexpr std::size_t buckets = 4096;
constexpr std::uint64_t examined_rows_max = 2'000'000;
constexpr std::size_t examples_max = 10;
constexpr std::uint64_t page_rows = 10'000;
constexpr int attempts_max = 50;
constexpr std::chrono::milliseconds attempt_delay{100};

/// The hash of a row whose fields are added one by one; unambiguous because lengths are hashed too.
class row_hash {
public:
  void add(std::string_view field) {
    add_size(static_cast<std::uint32_t>(field.size()));
    bytes_ += field;
  }
  void add_null() { add_size(std::numeric_limits<std::uint32_t>::max()); }
  std::uint64_t take() {
    const auto hash = storage::hash_of(bytes_);
    bytes_.clear();
    return hash;
  }

private:
  void add_size(std::uint32_t size) {
    for (unsigned shift = 0; shift < 32; shift += 8) {
      bytes_ += static_cast<char>((size >> shift) & 0xFFU);
    }
  }

  std::string bytes_;
};

/// A number as it most likely stands in a file: a real that is whole has no `.0` there.
std::string as_in_file(const cell& number) {
  auto text = number.to_string();
  if (text.ends_with(".0")) {
    text.resize(text.size() - 2);
  }
  return text;
}

struct bucket {
  std::uint64_t sum = 0; ///< Hashes of the source's rows less those of the table's, modulo 2^64.
  std::int64_t net = 0;  ///< The same for their number.
  std::uint64_t rows = 0;
  bool suspicious = false;
};

/// What the second pass knows of one row's content.
struct entry {
  std::int64_t net = 0; ///< How often in the source, less how often in the table.
  std::uint64_t unknown = 0;
  std::uint64_t line = 0;
};

class comparison {
public:
  comparison(client& database, const verify_task& task) : database_(database), task_(task) {}

  tl::expected<verify_report, std::string> run();

private:
  using visit_source = std::function<void(std::uint64_t hash, std::uint64_t line, bool unknown)>;
  using visit_table = std::function<void(std::uint64_t hash, std::int64_t rowid)>;

  std::string scan_source(const visit_source& visit);
  std::string scan_table(const visit_table& visit);
  std::string scan_page(row_set page, const visit_table& visit);
  tl::expected<row_set, failure> fetch(const std::string& sql, std::int64_t after);
  std::string add_up();
  void choose_buckets();
  std::string examine();
  void judge();
  void example(std::string sentence);
  bool suspicious(std::uint64_t hash) const { return buckets_[hash % buckets].suspicious; }

  client& database_;
  const verify_task& task_;
  std::vector<std::string> columns_;
  std::array<bucket, buckets> buckets_{};
  std::vector<std::uint64_t> unknown_hashes_;
  std::unordered_map<std::uint64_t, entry> entries_;
  std::unordered_map<std::uint64_t, std::int64_t> rowids_; ///< Where content was found that the source lacks.
  std::uint64_t scanned_ = 0;
  std::int64_t last_rowid_ = 0;
  verify_report report_;
};

tl::expected<verify_report, std::string> comparison::run() {
  for (const auto step : {&comparison::add_up, &comparison::examine}) {
    if (auto problem = (this->*step)(); !problem.empty()) {
      return tl::unexpected{std::move(problem)};
    }
  }
  judge();
  return report_;
}

std::string comparison::scan_source(const visit_source& visit) {
  auto source = task_.open_source();
  if (!source) {
    return source.error();
  }
  columns_ = (*source)->columns();
  row_hash hash;
  while (const auto row = (*source)->next()) {
    const auto listed = [&row](const std::vector<std::uint64_t>& lines) {
      return std::binary_search(lines.begin(), lines.end(), row->line);
    };
    if (!row->problem.empty() || listed(task_.failed_lines)) {
      continue;
    }
    for (const auto& field : row->fields) {
      hash.add(field);
    }
    visit(hash.take(), row->line, listed(task_.unknown_lines));
  }
  return (*source)->problem();
}

std::string comparison::scan_table(const visit_table& visit) {
  const auto sql = "SELECT _rowid_, " + identifier_list(columns_) + " FROM " + quote_identifier(task_.table)
                   + " WHERE _rowid_ > ?1 ORDER BY _rowid_ LIMIT " + std::to_string(page_rows);
  last_rowid_ = task_.after_rowid;
  for (;;) {
    auto page = fetch(sql, last_rowid_);
    if (!page) {
      return to_string(page.error());
    }
    if (page->empty()) {
      return {};
    }
    if (auto problem = scan_page(std::move(*page), visit); !problem.empty()) {
      return problem;
    }
  }
}

std::string comparison::scan_page(row_set page, const visit_table& visit) {
  row_hash hash;
  for (const auto row : page) {
    last_rowid_ = row[0].as_integer();
    for (std::size_t column = 1; column < row.size(); ++column) {
      const auto cell = row[column];
      if (cell.is_null()) {
        hash.add_null();
      } else if (cell.kind() == cell::type::text) {
        hash.add(cell.as_text());
      } else {
        hash.add(as_in_file(cell));
      }
    }
    visit(hash.take(), last_rowid_);
  }
  scanned_ += page.size();
  return task_.on_progress(scanned_) ? std::string{} : "the comparison was interrupted.";
}

tl::expected<row_set, failure> comparison::fetch(const std::string& sql, std::int64_t after) {
  for (int attempt = 1;; ++attempt) {
    auto question = select(sql, after);
    question.consistency = consistency::linearizable;
    auto page = database_.query(std::move(question));
    if (page || kind(page.error().code) != error_kind::retryable || attempt == attempts_max) {
      return page;
    }
    std::this_thread::sleep_for(attempt_delay);
  }
}

std::string comparison::add_up() {
  const auto add = [this](std::uint64_t hash, bool source) {
    auto& one = buckets_[hash % buckets];
    one.sum += source ? hash : 0 - hash;
    one.net += source ? 1 : -1;
    ++one.rows;
  };
  auto problem = scan_source([&](std::uint64_t hash, std::uint64_t, bool unknown) {
    if (unknown) {
      unknown_hashes_.push_back(hash);
    } else {
      ++report_.compared;
      add(hash, true);
    }
  });
  if (problem.empty()) {
    problem = scan_table([&](std::uint64_t hash, std::int64_t) { add(hash, false); });
  }
  if (problem.empty()) {
    choose_buckets();
  }
  return problem;
}

void comparison::choose_buckets() {
  for (const auto hash : unknown_hashes_) {
    buckets_[hash % buckets].suspicious = true;
  }
  std::uint64_t rows = 0;
  for (auto& one : buckets_) {
    if (one.sum == 0 && one.net == 0) {
      rows += one.suspicious ? one.rows : 0;
      continue;
    }
    one.suspicious = rows == 0 || rows + one.rows <= examined_rows_max;
    report_.at_least = report_.at_least || !one.suspicious;
    rows += one.suspicious ? one.rows : 0;
  }
}

std::string comparison::examine() {
  if (std::none_of(buckets_.begin(), buckets_.end(), [](const bucket& one) { return one.suspicious; })) {
    return {};
  }
  auto problem = scan_source([this](std::uint64_t hash, std::uint64_t line, bool unknown) {
    if (suspicious(hash)) {
      auto& one = entries_[hash];
      one.line = line;
      one.unknown += unknown ? 1 : 0;
      one.net += unknown ? 0 : 1;
    }
  });
  if (!problem.empty()) {
    return problem;
  }
  return scan_table([this](std::uint64_t hash, std::int64_t rowid) {
    if (suspicious(hash)) {
      --entries_[hash].net;
      rowids_[hash] = rowid;
    }
  });
}

void comparison::judge() {
  for (const auto& [hash, one] : entries_) {
    const auto surplus = static_cast<std::uint64_t>(std::max<std::int64_t>(0, -one.net));
    const auto found = std::min(surplus, one.unknown);
    report_.unknown_found += found;
    report_.unknown_missing += one.unknown - found;
    if (one.net > 0) {
      report_.missing += static_cast<std::uint64_t>(one.net);
      example("line " + std::to_string(one.line) + " is not in the table as it stands in the file.");
    }
    if (surplus > found) {
      report_.unexpected += surplus - found;
      example("the row with rowid " + std::to_string(rowids_[hash]) + " is not accounted for by the file.");
    }
  }
}

void comparison::example(std::string sentence) {
  if (report_.examples.size() < examples_max) {
    report_.examples.push_back(std::move(sentence));
  }
}

} // namespace

tl::expected<verify_report, std::string> verify_table(client& database, const verify_task& task) {
  return comparison{database, task}.run();
}

tl::expected<std::int64_t, failure> greatest_rowid(client& database, const std::string& table) {
  auto rows = database.query("SELECT max(_rowid_) FROM " + quote_identifier(table));
  if (!rows) {
    return tl::unexpected{rows.error()};
  }
  const auto greatest = rows->empty() ? cell{} : (*rows)[0][std::size_t{0}];
  return greatest.is_null() ? std::numeric_limits<std::int64_t>::min() : greatest.as_integer();
}

} // namespace millrace::tools
