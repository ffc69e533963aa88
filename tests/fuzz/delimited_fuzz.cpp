/// A delimited file. The first byte is the delimiter. Reading ends, at the end of the file; a row that cannot be read
/// costs no other one; what was read can be written with quotes and reads the same.

#include "fuzz.hpp"

#include <millrace/tools/millrace/load/delimited.hpp>

#include <algorithm>
#include <cstddef>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

using namespace millrace::test;
using millrace::tools::delimited_reader;
using millrace::tools::record;

namespace {

std::vector<record> read_all(const std::string& text, char delimiter) {
  std::istringstream input{text};
  delimited_reader reader{input, delimiter};
  std::vector<record> records;
  std::uint64_t line = 1;
  while (auto next = reader.next()) {
    require(next->line >= line, "rows come in the order of their lines");
    require(next->problem.empty() || next->fields.empty(), "a row that cannot be read has no fields");
    line = next->line;
    records.push_back(std::move(*next));
  }
  require(reader.bytes_read() == text.size(), "the whole file is read");
  return records;
}

/// After the first row that cannot be read, all is as if the file began with the line after the one where that began.
void check_that_reading_goes_on(const std::string& text, char delimiter, const std::vector<record>& records) {
  const auto bad = std::ranges::find_if(records, [](const record& read) { return !read.problem.empty(); });
  if (bad == records.end()) {
    return;
  }
  std::size_t begin = 0;
  for (std::uint64_t line = 0; line < bad->line; ++line) {
    const auto end = std::min(text.find_first_of("\r\n", begin), text.size());
    begin = std::min(end + (text.compare(end, 2, "\r\n") == 0 ? 2 : 1), text.size());
  }
  const auto rest = text.substr(begin);
  if (rest.starts_with("\xEF\xBB\xBF")) {
    return; // At the beginning of a file it would be no part of a field.
  }
  const auto expected = read_all(rest, delimiter);
  require(static_cast<std::size_t>(records.end() - bad) == expected.size() + 1, "a bad row costs no other one");
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto& read = *(bad + 1 + static_cast<std::ptrdiff_t>(i));
    require(read.fields == expected[i].fields && read.problem == expected[i].problem
              && read.line == expected[i].line + bad->line,
            "a bad row changes no other one");
  }
}

std::string quoted(const std::vector<std::string>& fields, char delimiter) {
  std::string line;
  for (const auto& field : fields) {
    line += line.empty() ? "\"" : std::string{delimiter} + "\"";
    for (const char byte : field) {
      line += byte == '"' ? "\"\"" : std::string{byte};
    }
    line += '"';
  }
  return line + "\n";
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const auto delimiter = static_cast<char>(data[0]);
  if (delimiter == '"' || delimiter == '\r' || delimiter == '\n') {
    return 0; // `millrace load` refuses them.
  }
  const std::string input{as_text(data + 1, size - 1)};
  const auto records = read_all(input, delimiter);
  check_that_reading_goes_on(input, delimiter, records);

  std::string text;
  std::vector<std::vector<std::string>> rows;
  for (const auto& read : records) {
    if (read.problem.empty()) {
      rows.push_back(read.fields);
      text += quoted(read.fields, delimiter);
    }
  }
  const auto again = read_all(text, delimiter);
  require(again.size() == rows.size(), "what was written with quotes has as many rows");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    require(again[i].problem.empty() && again[i].fields == rows[i], "what was written with quotes reads the same");
  }
  return 0;
}
