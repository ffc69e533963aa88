/// The parts of a row set as another node sends them. What fits together can be read cell by cell, and is made of the
/// same cells when it is built by hand.

#include "fuzz.hpp"

#include <millrace/messages/row_set.hpp>
#include <millrace/storage/base/bytes.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace millrace;
using namespace millrace::test;

namespace {

void add(row_set& to, const cell& from) {
  switch (from.kind()) {
    case cell::type::null:
      return to.add_null();
    case cell::type::integer:
      return to.add_integer(from.as_integer());
    case cell::type::real:
      return to.add_real(from.as_real());
    case cell::type::text:
      return to.add_text(from.as_text());
    case cell::type::blob:
      return to.add_blob(from.get<blob>()->bytes);
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  storage::byte_reader in{as_text(data, size)};
  const auto width = in.byte();
  const auto count = in.varint();
  std::vector<std::string> columns;
  for (std::size_t i = 0; i < width; ++i) {
    columns.push_back("c" + std::to_string(i));
  }
  const auto given = row_set::from_parts(columns, std::string{in.rest()}, count, (width & 1U) != 0);
  if (!given) {
    return 0;
  }
  require(given->size() == count && given->cells() == in.rest(), "nothing is left out");

  row_set built{std::make_shared<const std::vector<std::string>>(columns)};
  if (given->truncated()) {
    built.mark_truncated();
  }
  for (const auto row : *given) {
    built.begin_row();
    for (std::size_t i = 0; i < row.size(); ++i) {
      add(built, row[i]);
      static_cast<void>(row[i].to_string());
      static_cast<void>(row[i].as_value());
    }
  }
  require(built == *given, "the same cells make the same rows");
  return 0;
}
