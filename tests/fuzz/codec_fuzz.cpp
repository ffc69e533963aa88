/// Records of the write-ahead queue, one after another as in a frame. What decodes can be encoded, and decodes to the
/// same again.

#include "fuzz.hpp"

#include <millrace/storage/codec/codec.hpp>

#include <utility>
#include <vector>

using namespace millrace::storage;
using namespace millrace::test;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<work> items;
  decoder_dictionary texts;
  byte_reader in{as_text(data, size)};
  while (in.left() > 0) {
    const auto record = in.text(in.left());
    if (!in.ok()) {
      break;
    }
    if (auto item = decode(record, texts)) {
      items.push_back(std::move(*item));
    }
  }

  byte_writer out;
  encoder_dictionary encoder;
  for (const auto& item : items) {
    require(encode(out, encoder, item).has_value(), "what decodes can be encoded");
  }
  decoder_dictionary again;
  byte_reader records{out.view()};
  for (const auto& item : items) {
    const auto decoded = decode(records.text(records.left()), again);
    require(decoded && *decoded == item, "what was encoded decodes to the same");
  }
  require(records.ok() && records.left() == 0, "nothing else is encoded");
  return 0;
}
