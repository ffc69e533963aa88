#include <millrace/messages/uuid.hpp>

#include <chrono>
#include <set>

#include <boost/test/unit_test.hpp>

using namespace millrace;

namespace {

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
    .count();
}

} // namespace

BOOST_AUTO_TEST_SUITE(uuid_suite)

BOOST_AUTO_TEST_CASE(a_client_id_is_a_uuid_of_version_7_and_carries_when_it_was_made) {
  const auto before = now_ms();
  const auto id = new_client_id();
  const auto after = now_ms();
  BOOST_TEST((id[6] >> 4 == 7));
  BOOST_TEST((id[8] >> 6 == 2));
  BOOST_TEST(made_at_ms(id) >= before);
  BOOST_TEST(made_at_ms(id) <= after);
}

BOOST_AUTO_TEST_CASE(no_two_client_ids_are_the_same) {
  std::set<uuid> ids;
  for (int i = 0; i < 1'000; ++i) {
    BOOST_REQUIRE(ids.insert(new_client_id()).second);
  }
}

BOOST_AUTO_TEST_CASE(the_time_is_read_from_the_first_six_bytes) {
  const uuid id{0x01, 0x7F, 0x22, 0xE2, 0x79, 0xB0, 0x7C, 0xC3, 0x98, 0xC4, 0xDC, 0x0C, 0x0C, 0x07, 0x39, 0x8F};
  BOOST_TEST(made_at_ms(id) == 1'645'557'742'000); // RFC 9562, A.6.
}

BOOST_AUTO_TEST_CASE(a_uuid_of_another_version_has_no_time) {
  auto random = new_client_id();
  random[6] = static_cast<std::uint8_t>((random[6] & 0x0f) | 0x40);
  BOOST_TEST(made_at_ms(random) == 0);
  BOOST_TEST(made_at_ms(uuid{}) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
