#include <millrace/storage/base/bytes.hpp>
#include <millrace/storage/queue/attempt_page.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <boost/test/unit_test.hpp>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::test;

namespace {

struct attempt_page_fixture {
  temporary_folder folder;
  const std::filesystem::path file = folder.path() / "attempt";
  const uuid database{1, 2, 3};

  std::unique_ptr<attempt_page> open() const { return open(database); }
  std::unique_ptr<attempt_page> open(const uuid& id) const {
    auto opened = attempt_page::open(file, id);
    BOOST_REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().detail));
    return std::move(*opened);
  }

  std::string bytes() const {
    std::ifstream input{file, std::ios::binary};
    return {std::istreambuf_iterator<char>{input}, {}};
  }
  void write(const std::string& content) const { std::ofstream{file, std::ios::binary} << content; }

  /// Does something in a process of its own that ends at once afterwards, without closing anything.
  template <class Action>
  void in_a_process_that_dies(Action&& action) const {
    const auto child = ::fork();
    BOOST_REQUIRE(child >= 0);
    if (child == 0) {
      const auto page = attempt_page::open(file, database);
      if (page) {
        action(**page);
      }
      ::_exit(page ? 0 : 1);
    }
    int status = -1;
    BOOST_REQUIRE_EQUAL(::waitpid(child, &status, 0), child);
    BOOST_REQUIRE_EQUAL(status, 0);
  }

  void check_says_nothing(const attempt_page& page) const {
    BOOST_CHECK(!page.broken());
    BOOST_CHECK_EQUAL(page.suspect().seq, 0u);
    BOOST_CHECK_EQUAL(page.suspect().deaths, 0u);
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(attempt, attempt_page_fixture)

BOOST_AUTO_TEST_CASE(a_new_page_says_nothing_and_is_private) {
  check_says_nothing(*open());
  struct stat status {};
  BOOST_REQUIRE_EQUAL(::stat(file.c_str(), &status), 0);
  BOOST_CHECK_EQUAL(status.st_size, 4096);
  BOOST_CHECK_EQUAL(status.st_mode & 0777u, 0600u);
}

BOOST_AUTO_TEST_CASE(a_call_that_a_process_died_in_is_known_afterwards) {
  in_a_process_that_dies([](attempt_page& page) {
    page.begin(5, 9);
    page.at(6);
    page.at(7);
  });
  const auto call = open()->broken();
  BOOST_REQUIRE(call);
  BOOST_CHECK_EQUAL(call->first, 5u);
  BOOST_CHECK_EQUAL(call->last, 9u);
  BOOST_CHECK_EQUAL(call->at, 7u);
}

BOOST_AUTO_TEST_CASE(a_process_that_dies_outside_every_call_leaves_none) {
  in_a_process_that_dies([](attempt_page& page) {
    page.begin(5, 9);
    page.at(5);
    page.end();
  });
  check_says_nothing(*open());
}

BOOST_AUTO_TEST_CASE(a_call_names_none_before_its_first_and_while_it_commits) {
  const auto page = open();
  page->begin(5, 9);
  BOOST_REQUIRE(page->broken());
  BOOST_CHECK_EQUAL(page->broken()->at, 0u);
  page->at(9);
  page->at(0);
  BOOST_CHECK_EQUAL(page->broken()->at, 0u);
  page->at(8);
  page->begin(6, 10);
  BOOST_CHECK_EQUAL(page->broken()->first, 6u);
  BOOST_CHECK_EQUAL(page->broken()->at, 0u);
}

BOOST_AUTO_TEST_CASE(deaths_are_counted_over_one_suspect_at_a_time) {
  const auto page = open();
  page->begin(7, 7);
  BOOST_CHECK_EQUAL(page->accuse(7).value(), 1u);
  BOOST_CHECK(!page->broken());
  BOOST_CHECK_EQUAL(page->accuse(7).value(), 2u);
  BOOST_CHECK_EQUAL(page->accuse(8).value(), 1u);
  BOOST_CHECK_EQUAL(page->suspect().seq, 8u);
  BOOST_CHECK_EQUAL(page->accuse(7).value(), 1u);
  BOOST_CHECK_EQUAL(page->suspect().deaths, 1u);
}

BOOST_AUTO_TEST_CASE(the_count_of_deaths_goes_on_from_process_to_process) {
  for (std::uint32_t deaths = 1; deaths <= 4; ++deaths) {
    in_a_process_that_dies([](attempt_page& page) {
      const auto call = page.broken();
      static_cast<void>(page.accuse(call ? call->at : 7));
      page.begin(7, 7);
      page.at(7);
    });
    const auto page = open();
    BOOST_CHECK_EQUAL(page->suspect().seq, 7u);
    BOOST_CHECK_EQUAL(page->suspect().deaths, deaths);
  }
}

BOOST_AUTO_TEST_CASE(another_databases_page_is_taken_for_nothing) {
  {
    const auto page = open();
    BOOST_REQUIRE(page->accuse(7));
    page->begin(7, 7);
  }
  check_says_nothing(*open(uuid{9}));
  check_says_nothing(*open());
}

BOOST_AUTO_TEST_CASE(a_page_that_is_not_well_formed_is_taken_for_nothing) {
  {
    const auto page = open();
    BOOST_REQUIRE(page->accuse(7));
    page->begin(7, 9);
  }
  const auto whole = bytes();
  BOOST_REQUIRE_EQUAL(whole.size(), 4096u);
  for (const std::size_t byte : {0, 7, 8, 15, 16, 31}) {
    auto damaged = whole;
    damaged[byte] ^= 0x20;
    write(damaged);
    check_says_nothing(*open());
  }
  for (const auto& content : {std::string{}, std::string(100, 'x'), std::string(4096, '\xff')}) {
    write(content);
    const auto page = open();
    check_says_nothing(*page);
    BOOST_CHECK_EQUAL(page->accuse(3).value(), 1u);
  }
  write(whole);
  BOOST_CHECK_EQUAL(open()->broken()->last, 9u);
}

BOOST_AUTO_TEST_CASE(a_suspicion_that_does_not_verify_is_none) {
  BOOST_REQUIRE(open()->accuse(7));
  const auto whole = bytes();
  for (std::size_t byte = 128; byte < 152; ++byte) {
    auto damaged = whole;
    damaged[byte] ^= 1;
    write(damaged);
    const auto page = open();
    BOOST_CHECK_EQUAL(page->suspect().seq, 0u);
    BOOST_CHECK_EQUAL(page->accuse(7).value(), 1u);
  }
}

BOOST_AUTO_TEST_CASE(a_count_of_deaths_does_not_wrap_around) {
  BOOST_REQUIRE(open()->accuse(7));
  auto page = bytes();
  store<std::uint64_t>(page.data() + 136, UINT32_MAX);
  store<std::uint64_t>(page.data() + 144, XXH3_64bits(page.data() + 128, 16));
  write(page);
  BOOST_CHECK_EQUAL(open()->accuse(7).value(), UINT32_MAX);
}

BOOST_AUTO_TEST_CASE(a_call_that_makes_no_sense_is_none) {
  const auto page = open();
  page->begin(9, 7);
  BOOST_CHECK(!page->broken());
  page->begin(7, 9);
  page->at(10);
  BOOST_CHECK_EQUAL(page->broken()->at, 0u);
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_made_is_an_error) {
  const auto opened = attempt_page::open(folder.path() / "missing" / "attempt", database);
  BOOST_REQUIRE(!opened);
  BOOST_CHECK(opened.error().detail.find("attempt") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
