#include "transaction.hpp"

#include <algorithm>
#include <stdexcept>

namespace millrace {

transaction& transaction::expect_rows(std::int64_t rows) & {
  if (statements.empty() || rows < 0) {
    throw std::logic_error{statements.empty() ? "expect_rows is about the statement added last, and there is none yet"
                                              : "no statement changes " + std::to_string(rows) + " rows"};
  }
  statements.back().expected_rows = rows;
  return *this;
}

std::optional<std::size_t> group_depth(const transaction& work) {
  std::vector<std::uint64_t> open_ends;
  std::uint64_t previous_first = 0;
  std::size_t deepest = 0;
  for (const auto& part : work.groups) {
    const auto end = std::uint64_t{part.first} + part.count;
    while (!open_ends.empty() && open_ends.back() <= part.first) {
      open_ends.pop_back();
    }
    const auto bound = open_ends.empty() ? work.statements.size() : open_ends.back();
    if (part.first < previous_first || end > bound) {
      return std::nullopt;
    }
    previous_first = part.first;
    open_ends.push_back(end);
    deepest = std::max(deepest, open_ends.size());
  }
  return deepest;
}

} // namespace millrace
