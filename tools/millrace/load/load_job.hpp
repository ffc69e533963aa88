#pragma once

#include "row_source.hpp"

#include <millrace/tools/millrace/common/connect.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace millrace::tools {

/// What the command line of `millrace load` says.
struct load_settings {
  std::string file;
  std::string data;
  connect_settings remote; ///< Instead of `data`.
  std::string table;
  std::size_t clients = 1000;
  std::string delimiter = ",";
  std::vector<std::string> columns;
  std::optional<std::string> null;
  bool header = false;
  bool no_header = false;
  bool create = true;
  unsigned kill_writer = 0;
  unsigned kill_reader = 0;
  std::string ack_path;
  bool resume = false;
  bool no_resume = false; ///< Record nothing, and do not look at what was recorded.
  bool verify = false;
  bool strict = false;
  bool skip_malformed = false;
  bool json = false;
  unsigned patience = 120; ///< Seconds without an answer to any row, after which the load is given up.

  source_format format() const {
    return {.delimiter = delimiter == "\\t" ? '\t' : delimiter.front(),
            .header = header || (!no_header && columns.empty()),
            .columns = columns,
            .null = null};
  }
};

/// Runs a load from opening the file to printing the summary. Returns the exit code.
int run_load(const load_settings& settings);

} // namespace millrace::tools
