/// That the guard reads what CAF writes: frames made by CAF itself, and the names under which its types travel.

#include <millrace/actors/network/guard/basp_guard.hpp>
#include <millrace/messages/wire/requests.hpp>
#include <millrace/tests/support/network/basp_frames.hpp>

#include <type_traits>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <caf/actor_system.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/io/basp/header.hpp>
#include <caf/io/basp/version.hpp>
#include <caf/io/middleman.hpp>

namespace {

using namespace millrace;
using namespace millrace::network;
using namespace millrace::test;

/// A system, and what it writes.
struct basp_wire_fixture {
  template <class... Ts>
  std::string written(Ts... values) {
    std::vector<char> bytes;
    caf::binary_serializer sink{system, bytes};
    BOOST_REQUIRE(!sink(values...));
    return {bytes.begin(), bytes.end()};
  }

  /// Whether the guard's name for a message is what CAF writes.
  template <class... Ts>
  void check_names(wire::types<Ts...>) {
    const auto check = [&]<class T>(std::type_identity<T>) {
      const auto bytes = written(caf::make_message(T{}));
      basp_reader in{bytes};
      BOOST_TEST(in.u16() == 0U);
      BOOST_TEST(in.string() == wire::content<T>);
    };
    (check(std::type_identity<Ts>{}), ...);
  }

  system_config config;
  caf::actor_system system{config};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(basp_wire, basp_wire_fixture)

BOOST_AUTO_TEST_CASE(a_header_is_written_as_it_is_read) {
  static_assert(caf::io::basp::header_size == basp_header_bytes);
  static_assert(caf::io::basp::version == basp_version);
  static_assert(caf::io::basp::header::named_receiver_flag == basp_named_receiver);
  static_assert(caf::io::basp::header::select_connection_flag == basp_select_connection);
  const caf::io::basp::header given{
    caf::io::basp::message_type::down_message, 2, 0x01020304, 0x1122334455667788, 9, 10};
  const auto bytes = written(given);
  BOOST_TEST(bytes.size() == basp_header_bytes);
  const basp_header expected{.operation = 5,
                             .flags = 2,
                             .payload_bytes = 0x01020304,
                             .operation_data = 0x1122334455667788,
                             .source_actor = 9,
                             .dest_actor = 10};
  BOOST_TEST((read_header(bytes) == expected));
  BOOST_TEST(header_bytes(expected) == bytes);
}

BOOST_AUTO_TEST_CASE(a_node_is_written_as_it_is_read) {
  caf::node_id::default_data::host_id_type host;
  host.fill('T');
  const auto bytes = written(caf::make_node_id(2, host));
  BOOST_TEST(bytes == a_node(2, 'T'));
  basp_reader in{bytes};
  node_bytes node;
  BOOST_TEST(in.node(node));
  BOOST_TEST(in.done());
  const auto none = written(caf::node_id{});
  basp_reader nobody{none};
  BOOST_TEST(!nobody.node(node));
}

BOOST_AUTO_TEST_CASE(the_contents_that_pass_are_named_as_caf_names_them) {
  check_names(wire::to_server{});
  check_names(wire::to_client{});
}

BOOST_AUTO_TEST_CASE(errors_of_millrace_and_of_caf_are_plain) {
  for (const auto& error :
       {to_error({errc::overloaded, "try again", std::chrono::milliseconds{5}}),
        caf::make_error(caf::sec::unexpected_message), caf::make_error(caf::exit_reason::remote_link_unreachable)}) {
    const auto bytes = written(error);
    basp_reader in{bytes};
    BOOST_TEST(is_plain_error(in));
  }
  const auto bytes = written(caf::make_error(caf::sec::runtime_error, caf::make_message(1)));
  basp_reader in{bytes};
  BOOST_TEST(!is_plain_error(in));
}

BOOST_AUTO_TEST_SUITE_END()
