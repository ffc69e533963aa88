#include <millrace/messages/wire/registry.hpp>

#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/deep_to_string.hpp>

#include <boost/test/unit_test.hpp>

using namespace millrace;

namespace {

struct inspect_fixture {
  system_config config;
  caf::actor_system system{config};

  template <class T>
  std::vector<char> save(T& x) {
    std::vector<char> bytes;
    caf::binary_serializer sink{system, bytes};
    BOOST_REQUIRE(!sink(x));
    return bytes;
  }

  template <class T>
  caf::error load(const std::vector<char>& bytes, T& x) {
    caf::binary_deserializer source{system, bytes};
    return source(x);
  }

  template <class T>
  T travel(T x) {
    T result;
    BOOST_REQUIRE(!load(save(x), result));
    return result;
  }
};

transaction sample_transaction() {
  transaction work;
  work.add("INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5)", nullptr, -5, 2.5, "text", blob{std::string("\0\xff", 2)});
  work.in_group(on_error::continue_after, [](transaction& inner) { inner.add("DELETE FROM t").expect_rows(3); });
  work.add("UPDATE t SET a = :a", named{":a", 1});
  work.acknowledgement = ack::durable;
  work.deadline = std::chrono::milliseconds{1500};
  work.name = {new_client_id(0), 12};
  work.priority = priority::operations;
  return work;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(inspect_suite, inspect_fixture)

BOOST_AUTO_TEST_CASE(a_transaction_travels_whole) {
  const auto work = sample_transaction();
  BOOST_TEST((travel(work) == work));
}

BOOST_AUTO_TEST_CASE(a_query_travels_whole) {
  auto question = select("SELECT ?1", 1);
  question.consistency = consistency::at_least;
  question.at_least_seq = 77;
  question.max_rows = 3;
  BOOST_TEST((travel(question) == question));
}

BOOST_AUTO_TEST_CASE(an_outcome_travels_whole_with_rows_and_errors) {
  row_set rows{std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"id"})};
  rows.begin_row();
  rows.add_integer(42);
  rows.mark_truncated();
  outcome result{.seq = 9, .results = {{.rows_changed = 1, .last_row_id = 42, .rows = rows, .error = {}}, {}}};
  result.results.back().error = failure{errc::constraint, "NOT NULL", std::chrono::milliseconds{7}};
  BOOST_TEST((travel(result) == result));
}

BOOST_AUTO_TEST_CASE(pages_and_what_asks_for_them_travel_whole) {
  const page_cursor position{
    .question = select("SELECT ?1", 1), .page_rows = 10, .seq = 5, .offset = 20, .reader = 1, .number = 8};
  row_set rows{std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"id"})};
  rows.begin_row();
  rows.add_integer(42);
  rows.set_seq(5);
  BOOST_TEST((travel(page_query{select("SELECT 1"), 7}) == page_query{select("SELECT 1"), 7}));
  BOOST_TEST((travel(position) == position));
  BOOST_TEST((travel(row_page{rows, position}) == row_page{rows, position}));
  BOOST_TEST((travel(row_page{rows, std::nullopt}) == row_page{rows, std::nullopt}));
}

BOOST_AUTO_TEST_CASE(a_listing_of_the_quarantine_travels_whole) {
  const quarantine_listing listing{
    .entries = {{.seq = 4, .accepted_ms = 1'700'000'000'000, .deaths = 3, .work = sample_transaction()}}, .more = true};
  BOOST_TEST((travel(listing) == listing));
}

BOOST_AUTO_TEST_CASE(a_health_report_travels_with_its_breakers_and_its_pool) {
  health_report report{.foreign_commits = 2, .quarantined = 3, .scrubs = 4};
  report.transactions = {breaker_state::half_open, 1, 2, 3, 4, 5};
  report.pool.leases_ended = 9;
  const auto loaded = travel(report);
  BOOST_TEST(loaded.foreign_commits == 2);
  BOOST_TEST(loaded.quarantined == 3);
  BOOST_TEST(loaded.scrubs == 4);
  BOOST_TEST((loaded.transactions.state == breaker_state::half_open));
  BOOST_TEST(loaded.transactions.refused == 5);
  BOOST_TEST(loaded.pool.leases_ended == 9);
  const auto event = travel(breaker_changed{"queries", breaker_state::closed, breaker_state::open});
  BOOST_TEST(event.breaker == "queries");
  BOOST_TEST((event.to == breaker_state::open));
}

BOOST_AUTO_TEST_CASE(a_transaction_cut_at_any_byte_is_refused_and_does_no_harm) {
  auto work = sample_transaction();
  const auto bytes = save(work);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    transaction loaded;
    BOOST_TEST(static_cast<bool>(load({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length)}, loaded)));
  }
}

BOOST_AUTO_TEST_CASE(a_row_set_whose_cells_do_not_fit_is_refused) {
  row_set rows{std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"id"})};
  rows.begin_row();
  rows.add_text("abc");
  auto bytes = save(rows);
  const std::string text{bytes.begin(), bytes.end()};
  bytes.at(text.find("abc") - 4) = 100; // the cell's length
  row_set loaded;
  BOOST_TEST(static_cast<bool>(load(bytes, loaded)));
}

BOOST_AUTO_TEST_CASE(lists_far_beyond_the_limits_are_not_read) {
  // So many parameters and names in each of so many statements, and groups, all of them empty.
  const auto is_read = [this](std::size_t parameters, std::size_t names, std::size_t statements, std::size_t groups) {
    statement one;
    one.parameters.resize(parameters);
    one.names.resize(names);
    transaction work;
    work.statements.assign(statements, one);
    work.groups.resize(groups);
    transaction loaded;
    return !load(save(work), loaded) && loaded == work;
  };
  // A little too much is: it is refused later, with a sentence.
  BOOST_TEST(is_read(limits::parameters_max + 1, limits::parameters_max + 1, 1, limits::groups_max + 1));
  BOOST_TEST(is_read(0, 0, limits::statements_max + 1, 0));
  BOOST_TEST(!is_read(2 * limits::parameters_max + 1, 0, 1, 0));
  BOOST_TEST(!is_read(0, 2 * limits::parameters_max + 1, 1, 0));
  BOOST_TEST(!is_read(0, 0, 2 * limits::statements_max + 1, 0));
  BOOST_TEST(!is_read(0, 0, 1, 2 * limits::groups_max + 1));
  // None of these is too long, but all together are.
  BOOST_TEST(!is_read(limits::parameters_max, 0, limits::statements_max / 2, 0));
  BOOST_TEST(!is_read(0, limits::parameters_max, limits::statements_max / 2, 0));
  // As many as the bytes of a transaction allow.
  BOOST_TEST(is_read(limits::parameters_max, limits::parameters_max, limits::transaction_bytes_max / 16 / 1'000, 0));
}

BOOST_AUTO_TEST_CASE(a_length_that_is_only_announced_takes_no_memory) {
  auto work = execute("x");
  auto bytes = save(work);
  const std::vector<char> announced{'\xFF', '\xFF', '\xFF', '\xFF', '\x0F'}; // 2^32 - 1 statements.
  bytes.erase(bytes.begin());
  bytes.insert(bytes.begin(), announced.begin(), announced.end());
  transaction loaded;
  BOOST_TEST(static_cast<bool>(load(bytes, loaded)));
  BOOST_TEST(loaded.statements.empty());
}

BOOST_AUTO_TEST_CASE(a_result_of_more_columns_than_there_can_be_is_not_read) {
  row_set rows{std::make_shared<const std::vector<std::string>>(40'000)};
  const auto bytes = save(rows);
  row_set loaded;
  BOOST_TEST(static_cast<bool>(load(bytes, loaded)));
}

BOOST_AUTO_TEST_CASE(a_message_can_be_shown) {
  BOOST_TEST(caf::deep_to_string(sample_transaction()).find("DELETE FROM t") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(every_real_travels_unchanged) {
  using limits_of = std::numeric_limits<double>;
  for (const double number : {0.0, -0.0, 0.1, -2.5, limits_of::max(), limits_of::min(), limits_of::denorm_min(),
                              limits_of::infinity(), -limits_of::infinity()}) {
    const auto loaded = travel(value{number});
    BOOST_TEST(std::bit_cast<std::uint64_t>(std::get<double>(loaded.data())) == std::bit_cast<std::uint64_t>(number));
  }
}

BOOST_AUTO_TEST_CASE(any_deadline_travels_and_can_be_shown) {
  transaction work;
  work.deadline = std::chrono::milliseconds::max();
  BOOST_TEST((travel(work) == work));
  BOOST_TEST(caf::deep_to_string(work).find("9223372036854775807") != std::string::npos);
  auto question = select("SELECT 1");
  question.deadline = std::chrono::milliseconds::min();
  BOOST_TEST((travel(question) == question));
  BOOST_TEST(caf::deep_to_string(question).find("-9223372036854775808") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
