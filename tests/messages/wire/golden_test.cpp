/// The bytes of every message as they were when it came to be. They are the same for ever: programs of all releases
/// read each other's. MILLRACE_MAKE_GOLDEN=1 writes those that are missing.

#include "samples.hpp"

#include <concepts>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <caf/actor_system.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>

namespace {

using namespace millrace;
using namespace millrace::test;

const auto folder = std::filesystem::path{__FILE__}.parent_path() / "golden";

struct golden_fixture {
  template <class T>
  std::string saved(T message) {
    std::vector<char> bytes;
    caf::binary_serializer sink{system, bytes};
    BOOST_REQUIRE(!sink(message));
    return {bytes.begin(), bytes.end()};
  }

  /// The file of a message; its version is the one that the message came with.
  template <class T>
  std::filesystem::path file_of() {
    for (std::uint32_t version = 1; version <= wire::spoken.newest; ++version) {
      auto path = folder / (name_of<T>() + ".v" + std::to_string(version));
      if (std::filesystem::exists(path)) {
        return path;
      }
    }
    return folder / (name_of<T>() + ".v" + std::to_string(wire::spoken.newest));
  }

  template <class T>
  void check() {
    const auto path = file_of<T>();
    const auto expected = sample<T>();
    const auto today = saved(expected);
    if (!std::filesystem::exists(path) && std::getenv("MILLRACE_MAKE_GOLDEN") != nullptr) {
      std::ofstream{path, std::ios::binary} << today;
    }
    BOOST_REQUIRE_MESSAGE(std::filesystem::exists(path), path << " is missing");
    std::ifstream input{path, std::ios::binary};
    const std::string golden{std::istreambuf_iterator<char>{input}, {}};
    BOOST_TEST((golden == today), path << " is not what is written today");
    T loaded;
    caf::binary_deserializer source{system, golden.data(), golden.size()};
    BOOST_TEST(!source(loaded), path << " does not open");
    BOOST_TEST(source.remaining() == 0U, path << " is not read to its end");
    BOOST_TEST((saved(loaded) == golden), path << " does not open as what was saved");
    if constexpr (std::equality_comparable<T>) {
      BOOST_TEST((loaded == expected), path << " does not open as what was saved");
    }
  }

  template <class... Ts>
  void check_all(wire::types<Ts...>) {
    (check<Ts>(), ...);
  }

  system_config config;
  caf::actor_system system{config};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(golden_suite, golden_fixture)

BOOST_AUTO_TEST_CASE(every_message_to_a_server_is_written_and_read_as_on_the_first_day) {
  check_all(wire::to_server{});
}

BOOST_AUTO_TEST_CASE(every_message_to_a_client_is_written_and_read_as_on_the_first_day) {
  check_all(wire::to_client{});
}

BOOST_AUTO_TEST_CASE(every_registered_type_has_golden_bytes) {
  check_all(registered{});
}

BOOST_AUTO_TEST_SUITE_END()
