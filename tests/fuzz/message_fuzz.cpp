/// A message as another node sends it; the first byte says which. What loads can be saved, loads to the same again,
/// and can be shown.

#include "fuzz.hpp"

#include <millrace/messages/wire/registry.hpp>

#include <array>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/deep_to_string.hpp>

using namespace millrace;
using namespace millrace::test;

namespace {

template <class T>
std::vector<char> saved(T& message) {
  std::vector<char> bytes;
  caf::binary_serializer sink{nullptr, bytes};
  require(!sink(message), "what loads can be saved");
  return bytes;
}

template <class T>
void check(std::string_view bytes) {
  T message;
  caf::binary_deserializer source{nullptr, bytes.data(), bytes.size()};
  if (source(message)) {
    return;
  }
  static_cast<void>(caf::deep_to_string(message));
  const auto first = saved(message);
  T again;
  caf::binary_deserializer second{nullptr, first.data(), first.size()};
  require(!second(again), "what was saved can be loaded");
  require(saved(again) == first, "what was saved loads to the same");
}

/// All that is registered, in the order of the registry.
constexpr std::array<void (*)(std::string_view), 17> checks{check<transaction>,
                                                            check<outcome>,
                                                            check<query>,
                                                            check<row_set>,
                                                            check<failure>,
                                                            check<health_request>,
                                                            check<health_subscription>,
                                                            check<health_report>,
                                                            check<health_changed>,
                                                            check<page_query>,
                                                            check<page_cursor>,
                                                            check<row_page>,
                                                            check<breaker_changed>,
                                                            check<quarantine_list>,
                                                            check<quarantine_listing>,
                                                            check<quarantine_resubmit>,
                                                            check<quarantine_discard>};
static_assert(checks.size() == caf::id_block::millrace_last_type_id - caf::id_block::millrace_first_type_id + 1);

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0) {
    checks[data[0] % checks.size()](as_text(data + 1, size - 1));
  }
  return 0;
}
