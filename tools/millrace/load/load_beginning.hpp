#pragma once

#include "load_records.hpp"
#include "row_source.hpp"
#include "table_scan.hpp"
#include "table_sum.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/tools/millrace/common/engine_voice.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace millrace::tools {

/// What a load is to do about what earlier ones recorded.
enum class record_mode {
  begin,      ///< Load all rows, and record them.
  go_on,      ///< Leave out the rows that are recorded.
  unrecorded, ///< Load all rows, and record none.
};

/// What is known of a load that is about to begin.
struct beginning {
  std::string table;
  std::filesystem::path file;
  source_format format;
  record_mode mode = record_mode::begin;
  engine_voice* voice = nullptr; ///< Says why the engine takes long to record it; none where it is null.
  /// Tells what the table holds, where that is to be known and may be much; null where it need not be.
  std::function<tl::expected<table_sum, std::string>()> look_at_table;
  /// Told now and then how much of the file was read, 0 to 1; ends it by returning false.
  std::function<bool(double)> on_progress;
};

/// A load that has begun.
struct begun_load {
  std::int64_t id = 0;
  bool recorded = true;            ///< Whether its rows are to be.
  done_rows done;                  ///< Rows that are in already.
  std::optional<table_sum> before; ///< What the table held before any of them; nothing where that is not known.
};

/// Which loads are recorded, as a sentence.
std::string recorded_loads(client& database);

/// Records that a load begins, or goes on, or gives the sentence that says why it may not: what would add rows twice,
/// or leave rows out, without being asked to, is refused.
[[nodiscard]] tl::expected<begun_load, std::string> begin_or_go_on(client& database, const beginning& wanted);

} // namespace millrace::tools
