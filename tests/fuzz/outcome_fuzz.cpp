/// The record of what became of named transactions. What reads as an answer can be recorded and reads the same again.

#include "fuzz.hpp"

#include <millrace/storage/sqlite/common/outcome_record.hpp>

#include <algorithm>

using namespace millrace;
using namespace millrace::storage::sqlite;
using namespace millrace::test;

namespace {

/// A result without columns is recorded as one without rows, whatever else is said of it.
bool has_form_of_its_own(const storage::answer& reply) {
  return reply && std::ranges::any_of(reply->results, [](const statement_result& result) {
           return result.rows.columns().empty() && result.rows.truncated();
         });
}

void check_round_trip(const outcome_entry& entry, const storage::answer& reply) {
  outcome_record_writer writer;
  writer.add({entry.name}, entry.seq, reply);
  outcome_record_reader reader{writer.first_seq(), writer.bytes()};
  const auto read = reader.next();
  require(read && read->name == entry.name && read->seq == entry.seq, "what is recorded can be found");
  const auto again = decode_answer(read->seq, read->reply);
  require(again && *again == reply, "what is recorded reads the same");
  require(!reader.next() && reader.ok(), "nothing else is recorded");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  outcome_record_reader reader{1, as_text(data, size)};
  while (const auto entry = reader.next()) {
    const auto reply = decode_answer(entry->seq, entry->reply);
    if (reply && entry->reply.size() <= 1024 && !has_form_of_its_own(*reply)) {
      check_round_trip(*entry, *reply);
    }
  }
  return 0;
}
