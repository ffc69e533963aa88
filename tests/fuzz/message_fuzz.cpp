/// A message as another node sends it; the first byte says which. What loads can be saved, loads to the same again,
/// and can be shown.

#include "fuzz.hpp"

#include <millrace/messages/wire/registry.hpp>

#include <array>
#include <cstddef>
#include <utility>
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
constexpr auto first_type = caf::id_block::millrace_first_type_id;
constexpr auto checks = []<std::size_t... At>(std::index_sequence<At...>) {
  return std::array{&check<typename caf::type_by_id<first_type + At>::type>...};
}
(std::make_index_sequence<caf::id_block::millrace_last_type_id - first_type + 1>{});

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0) {
    checks[data[0] % checks.size()](as_text(data + 1, size - 1));
  }
  return 0;
}
