#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace::tools {

/// Why a row of the file is not known to be in the table.
enum class row_end : std::uint8_t { malformed, failed, unknown };

/// What people are told of such rows: a sentence for all that ended alike since the last were fetched, with the lines
/// of the file that they begin at. Of each end the first sentences are given; further rows are only counted elsewhere.
class row_notes {
public:
  void add(row_end how, std::uint64_t line, const std::string& reason);

  /// The sentences that have not been fetched yet.
  std::vector<std::string> take();

private:
  static constexpr std::size_t sentences_max = 20;

  struct note {
    row_end how;
    std::string reason;
    std::vector<std::uint64_t> lines;
  };

  std::vector<note> notes_;
  std::array<std::size_t, 3> sentences_{}; ///< By the end, so far.
  std::vector<std::string> last_words_;
};

} // namespace millrace::tools
