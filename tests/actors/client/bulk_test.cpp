#include "fake_front.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/messages/limits.hpp>
#include <millrace/tests/support/printing.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::test;

namespace {

struct bulk_fixture {
  system_config config;
  caf::actor_system system{config};
  fake_front front;
  engine_actor address = front.spawn(system);
  client tested{system, address};

  bulk_fixture() {
    front.on_transaction = [](const transaction& work, std::size_t nth) -> fake_front::verdict {
      return outcome{.seq = nth, .results = std::vector<statement_result>(work.statements.size(), {.rows_changed = 1})};
    };
  }
  ~bulk_fixture() { front.end(system); }

  std::vector<std::size_t> sizes() const {
    std::vector<std::size_t> result;
    for (const auto& work : front.transactions()) {
      result.push_back(work.statements.size());
    }
    return result;
  }
};

using sizes_of = std::vector<std::size_t>;

} // namespace

BOOST_FIXTURE_TEST_SUITE(bulk_suite, bulk_fixture)

BOOST_AUTO_TEST_CASE(rows_are_tuples_of_parameters_or_ranges_of_values_and_one_transaction) {
  const std::vector<std::pair<std::string, double>> pairs{{"a", 1.5}, {"b", 2.5}};
  const auto done = tested.execute_many("INSERT INTO t VALUES (?1, ?2)", pairs);
  BOOST_REQUIRE(done);
  BOOST_TEST((*done == bulk_outcome{.rows = 2, .rows_changed = 2, .transactions = 1, .seq = 1}));
  BOOST_TEST(tested.execute_many("x", std::vector<std::vector<value>>{{1, "c"}}).has_value());
  BOOST_TEST(tested.execute_many("x", std::vector{std::tuple{named{":n", 1}}}).has_value());
  const auto sent = front.transactions();
  BOOST_REQUIRE_EQUAL(sent.size(), 3);
  BOOST_TEST((sent[0].statements[1] == make_statement("INSERT INTO t VALUES (?1, ?2)", "b", 2.5)));
  BOOST_TEST((sent[1].statements[0] == make_statement("x", 1, "c")));
  BOOST_TEST((sent[2].statements[0] == make_statement("x", named{":n", 1})));
}

BOOST_AUTO_TEST_CASE(what_is_one_value_is_a_row_of_one_parameter_and_a_blob_is_no_row_of_its_bytes) {
  const std::array<std::byte, 1> byte{std::byte{7}};
  const std::vector<std::uint8_t> bytes{1, 2};
  const uuid id{9};
  BOOST_TEST(tested.execute_many("x", std::vector{byte}).has_value());
  BOOST_TEST(tested.execute_many("x", std::vector<std::vector<std::uint8_t>>{bytes}).has_value());
  BOOST_TEST(tested.execute_many("x", std::vector<uuid>{id}).has_value());
  BOOST_TEST(tested.execute_many("x", std::vector<std::string>{"text"}).has_value());
  BOOST_TEST(tested.execute_many("x", std::vector{5}).has_value());
  const auto sent = front.transactions();
  BOOST_REQUIRE_EQUAL(sent.size(), 5);
  BOOST_TEST((sent[0].statements[0] == make_statement("x", blob{"\x07"})));
  BOOST_TEST((sent[1].statements[0] == make_statement("x", blob{"\x01\x02"})));
  BOOST_TEST((sent[2].statements[0] == make_statement("x", id)));
  BOOST_TEST((sent[3].statements[0] == make_statement("x", "text")));
  BOOST_TEST((sent[4].statements[0] == make_statement("x", 5)));
}

BOOST_AUTO_TEST_CASE(no_rows_are_no_transaction) {
  BOOST_TEST((tested.execute_many("x", std::vector<std::tuple<int>>{}).value() == bulk_outcome{}));
  BOOST_TEST(front.transactions().empty());
}

BOOST_AUTO_TEST_CASE(more_rows_than_a_transaction_holds_are_several_in_order) {
  std::vector<std::tuple<int>> rows;
  for (int i = 0; i < 2 * static_cast<int>(limits::statements_max) + 1; ++i) {
    rows.emplace_back(i);
  }
  const auto done = tested.execute_many("x", rows);
  BOOST_REQUIRE(done);
  BOOST_TEST(done->rows == rows.size());
  BOOST_TEST(done->transactions == 3);
  BOOST_TEST(done->seq == 3);
  BOOST_TEST((sizes() == sizes_of{limits::statements_max, limits::statements_max, 1}));
  BOOST_TEST((front.transactions()[2].statements[0] == make_statement("x", std::get<0>(rows.back()))));
}

BOOST_AUTO_TEST_CASE(more_bytes_than_a_transaction_holds_are_several_and_each_within_its_limit) {
  const std::vector<std::tuple<std::string>> rows(5, std::tuple{std::string(limits::transaction_bytes_max / 3, 'x')});
  BOOST_TEST(tested.execute_many("x", rows).has_value());
  BOOST_TEST((sizes() == sizes_of{2, 2, 1}));
  for (const auto& work : front.transactions()) {
    BOOST_TEST(payload_bytes(work) <= limits::transaction_bytes_max);
  }
}

BOOST_AUTO_TEST_CASE(where_one_fails_those_before_it_are_told_and_none_after_it_is_sent) {
  for (const auto code : {errc::constraint, errc::outcome_unknown}) {
    const auto before = front.transactions().size();
    front.on_transaction = [=](const transaction&, std::size_t nth) -> fake_front::verdict {
      return nth == before + 1 ? fake_front::verdict{outcome{.seq = 7, .results = {{.rows_changed = 1}}}}
                               : refused(code);
    };
    client hasty{system, address, std::chrono::milliseconds{50}};
    const auto done = hasty.execute_many("x", std::vector<std::tuple<int>>(3 * limits::statements_max));
    BOOST_REQUIRE(!done);
    BOOST_TEST(done.error().code == code);
    BOOST_TEST(done.error().done.rows == limits::statements_max);
    BOOST_TEST(done.error().done.seq == 7);
    BOOST_TEST(done.error().in_doubt == (code == errc::outcome_unknown ? limits::statements_max : 0));
  }
}

BOOST_AUTO_TEST_SUITE_END()
