#include <millrace/messages/uuid.hpp>

#include <cstdint>
#include <set>

#include <boost/test/unit_test.hpp>

using namespace millrace;

BOOST_AUTO_TEST_SUITE(uuid_suite)

BOOST_AUTO_TEST_CASE(a_client_id_is_a_uuid_of_version_8_and_carries_the_seq_at_which_it_was_issued) {
  for (const std::uint64_t seq :
       {0ull, 1ull, 0xfffull, 0x1000ull, 1'000'000ull, 0x123456789abcdefull, 0xfffffffffffffffull}) {
    const auto id = new_client_id(seq);
    BOOST_TEST((id[6] >> 4 == 8));
    BOOST_TEST((id[8] >> 6 == 2));
    BOOST_TEST(issued_at_seq(id) == seq);
  }
}

BOOST_AUTO_TEST_CASE(a_seq_that_does_not_fit_is_the_highest_that_does) {
  BOOST_TEST(issued_at_seq(new_client_id(~0ull)) == 0xfffffffffffffffull);
}

BOOST_AUTO_TEST_CASE(no_two_client_ids_are_the_same) {
  std::set<uuid> ids;
  for (int i = 0; i < 1'000; ++i) {
    BOOST_REQUIRE(ids.insert(new_client_id(7)).second);
  }
}

BOOST_AUTO_TEST_CASE(the_seq_stands_in_the_first_sixty_bits_around_the_version) {
  const uuid id{0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0x8d, 0xef, 0x98, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f};
  BOOST_TEST(issued_at_seq(id) == 0x123456789abcdefull);
}

BOOST_AUTO_TEST_CASE(a_uuid_of_another_version_or_variant_was_issued_before_everything) {
  for (const int version : {1, 4, 7}) {
    auto other = new_client_id(5);
    other[6] = static_cast<std::uint8_t>((other[6] & 0x0f) | (version << 4));
    BOOST_TEST(issued_at_seq(other) == 0u);
  }
  auto other = new_client_id(5);
  other[8] |= 0x40;
  BOOST_TEST(issued_at_seq(other) == 0u);
  BOOST_TEST(issued_at_seq(uuid{}) == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
