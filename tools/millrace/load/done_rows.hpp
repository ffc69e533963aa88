#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace millrace::tools {

/// Rows of a file by their numbers, kept as ranges: memory grows with the gaps, not with the rows.
class done_rows {
public:
  /// `first` to `last`, both included.
  struct span {
    std::uint64_t first = 0;
    std::uint64_t last = 0;

    friend bool operator==(const span&, const span&) = default;
  };

  void add(span rows);
  bool contains(std::uint64_t row) const;
  /// The last range of at least so many rows.
  std::optional<span> last_range(std::uint64_t rows_min) const;

private:
  std::map<std::uint64_t, std::uint64_t> ranges_; ///< First to last; they neither overlap nor touch.
};

} // namespace millrace::tools
