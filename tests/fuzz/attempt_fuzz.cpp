/// The page that says what the writer is trying. Whatever it holds: a broken call names work of its own or none, and
/// a death that is counted is counted after the process ends.

#include "fuzz.hpp"

#include <millrace/storage/base/bytes.hpp>
#include <millrace/storage/queue/attempt_page.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <algorithm>
#include <fstream>
#include <string>

#include <xxhash.h>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::test;

namespace {

constexpr uuid database{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
constexpr std::size_t suspect_at = 128;
constexpr std::size_t checksum_at = 144;

/// The first byte says whether the checksum of the suspicion is made to fit, which no fuzzer finds.
std::string page_of(std::string_view input) {
  std::string page{input.substr(std::min<std::size_t>(1, input.size()))};
  if (!input.empty() && (input.front() & 1) != 0 && page.size() >= checksum_at + 8) {
    store<std::uint64_t>(page.data() + checksum_at, XXH3_64bits(page.data() + suspect_at, checksum_at - suspect_at));
  }
  return page;
}

std::unique_ptr<attempt_page> open(const std::filesystem::path& file) {
  auto page = attempt_page::open(file, database);
  require(page.has_value(), "any file serves as a page");
  return std::move(*page);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const temporary_folder folder;
  const auto file = folder.path() / "attempt";
  std::ofstream{file, std::ios::binary} << page_of(as_text(data, size));

  auto page = open(file);
  const auto before = page->suspect();
  if (const auto call = page->broken()) {
    require(call->first > 0 && call->first <= call->last, "a broken call is of some work");
    require(call->at == 0 || (call->at >= call->first && call->at <= call->last), "it names work of its own or none");
  }
  const auto seq = before.seq == 0 ? 7 : before.seq;
  const auto deaths = page->accuse(seq);
  require(deaths && *deaths > 0 && *deaths >= before.deaths, "deaths only become more");

  page.reset();
  page = open(file);
  require(page->suspect().seq == seq && page->suspect().deaths == *deaths, "a death counted stays counted");
  require(!page->broken(), "a call is accused once");
  return 0;
}
