#include "done_rows.hpp"

#include <algorithm>
#include <iterator>

namespace millrace::tools {

void done_rows::add(span rows) {
  auto next = ranges_.upper_bound(rows.first);
  if (next != ranges_.begin()) {
    const auto before = std::prev(next);
    if (before->second + 1 >= rows.first) {
      rows = {before->first, std::max(rows.last, before->second)};
      next = ranges_.erase(before);
    }
  }
  while (next != ranges_.end() && next->first <= rows.last + 1) {
    rows.last = std::max(rows.last, next->second);
    next = ranges_.erase(next);
  }
  ranges_.emplace_hint(next, rows.first, rows.last);
}

bool done_rows::contains(std::uint64_t row) const {
  const auto next = ranges_.upper_bound(row);
  return next != ranges_.begin() && std::prev(next)->second >= row;
}

std::optional<done_rows::span> done_rows::last_range(std::uint64_t rows_min) const {
  const auto found = std::find_if(ranges_.rbegin(), ranges_.rend(),
                                  [rows_min](const auto& range) { return range.second - range.first + 1 >= rows_min; });
  if (found == ranges_.rend()) {
    return std::nullopt;
  }
  return span{found->first, found->second};
}

} // namespace millrace::tools
