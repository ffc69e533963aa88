#include <millrace/tests/support/storage/sqlite_fixture.hpp>

#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace millrace;
using namespace millrace::storage;
using namespace millrace::storage::testing;
using namespace std::chrono_literals;

namespace {

std::string repeated(const std::string& part, std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) {
    text += part;
  }
  return text;
}

/// Texts that are hostile to a function that compares its arguments, or goes through one for each part of another.
std::vector<std::string> hostile_texts() {
  constexpr std::size_t bytes = 2'000'000;
  std::string keys = "{\"a\":1";
  for (int i = 0; keys.size() < bytes; ++i) {
    keys += ",\"" + std::to_string(i) + "\":1";
  }
  return {std::string(bytes, 'a'),           std::string(bytes / 2, 'b') + "a",
          std::string(bytes / 2, 'a') + "b", "%" + std::string(bytes / 2, 'a') + "b",
          repeated("*a", bytes / 2) + "b",   keys + "}",
          "[" + repeated("1,", bytes) + "1]"};
}

struct patient_fixture : database_fixture {
  patient_fixture() {
    schema("CREATE TABLE t(a)");
    auto opened = sqlite::make_database(file)->open_reader();
    BOOST_REQUIRE(opened);
    reader = std::move(*opened);
  }

  std::string cell(const query& question) {
    const auto rows = reader->run(question, {});
    return rows ? (*rows)[0][0].to_string() : to_string(rows.error());
  }

  std::unique_ptr<database_reader> reader;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(sqlite_patient_functions_suite, patient_fixture)

BOOST_AUTO_TEST_CASE(they_give_what_those_of_sqlite_give) {
  plain_connection plain{file};
  std::mt19937 random{20'260'101};
  // Few letters, so that they meet; bytes that are no UTF-8; signs of patterns; a zero byte.
  const std::vector<std::string> parts{"61", "62", "41", "c3a9", "c389", "e282ac", "f09f9880", "25", "5f", "2a",
                                       "3f", "5b", "5d", "5e",   "2d",   "5c",     "a9",       "c3", "00", "20"};
  const auto any = [&](std::size_t most) {
    std::string hex;
    for (std::size_t count = random() % (most + 1); count > 0; --count) {
      hex += parts[random() % (random() % 3 == 0 ? parts.size() : 9)];
    }
    const auto literal = "x'" + hex + "'";
    const auto kind = random() % 12;
    return kind == 0 ? "NULL" : kind == 1 ? literal : kind == 2 ? std::string{"-1.5"} : "CAST(" + literal + " AS TEXT)";
  };
  const auto text = [](const std::string& call) { return "quote(CAST(" + call + " AS BLOB)) || typeof(" + call + ")"; };
  for (int i = 0; i < 20'000; ++i) {
    const auto whole = any(9);
    const auto part = any(4);
    const auto both = whole + "," + part;
    const std::vector<std::string> calls{"instr(" + both + ")",
                                         "replace(" + both + "," + any(2) + ")",
                                         "trim(" + both + ")",
                                         "ltrim(" + both + ")",
                                         "rtrim(" + both + ")",
                                         "trim(" + whole + ")",
                                         "like(" + any(6) + "," + whole + ")",
                                         "glob(" + any(6) + "," + whole + ")",
                                         "like(" + any(6) + "," + whole + ",'\\')",
                                         "like(" + any(6) + "," + whole + ",'%')"};
    const auto sql = "SELECT " + text(calls[static_cast<std::size_t>(i) % calls.size()]);
    BOOST_REQUIRE_MESSAGE(cell(select(sql)) == plain.rows(sql), sql << "\n"
                                                                    << cell(select(sql)) << "\n"
                                                                    << plain.rows(sql));
  }
}

BOOST_AUTO_TEST_CASE(json_patch_keeps_its_kind_and_its_errors) {
  BOOST_TEST(cell(select("SELECT json_array(json_patch('{\"a\":1}', '{\"b\":2,\"a\":null}'), json_patch(NULL, '{}'))"))
             == "[{\"b\":2},null]");
  BOOST_TEST(cell(select("SELECT json_patch('{', '{}')")).find("malformed JSON") != std::string::npos);
  const auto keys = hostile_texts().at(5);
  BOOST_TEST(cell(select("SELECT json_patch(?1, ?1)", keys)).find("too long for each other") != std::string::npos);
  BOOST_TEST(cell(select("SELECT length(json_patch(?1, '{\"z\":1}')) - length(?1)", keys)) == "6");
}

BOOST_AUTO_TEST_CASE(an_index_may_hold_what_they_give) {
  schema("CREATE INDEX trimmed ON t(trim(a, 'x')) WHERE a LIKE '%y%'; INSERT INTO t VALUES ('xyx'), ('xzx')");
  BOOST_TEST(cell(select("SELECT a FROM t WHERE trim(a, 'x') = 'y' AND a LIKE '%y%'")) == "xyx");
  BOOST_TEST(rows("PRAGMA integrity_check") == "ok");
}

BOOST_AUTO_TEST_CASE(no_function_outlasts_the_deadline) {
  const auto texts = hostile_texts();
  plain_connection plain{file};
  // The window functions among them, and how many arguments each takes.
  for (const auto& found : plain.cells("SELECT DISTINCT name, narg, type FROM pragma_function_list WHERE narg <> 0 "
                                       "AND name NOT IN ('load_extension', 'fts3_tokenizer') ORDER BY name")) {
    const auto& name = found.at(0);
    const int given = std::stoi(found.at(1));
    for (int count = given < 0 ? 1 : given; count <= (given < 0 ? 3 : given); ++count) {
      const std::string arguments = count == 1 ? "?1" : count == 2 ? "?1, ?2" : "?1, ?2, '%'";
      const auto call = (name == "->" || name == "->>") ? "?1 " + name + " ?2" : "\"" + name + "\"(" + arguments + ")";
      const auto sql = "SELECT length(" + call + (found.at(2) == "w" ? " OVER ()" : "") + "), ?2";
      for (const auto& first : texts) {
        for (const auto& second : count == 1 ? std::vector<std::string>{""} : texts) {
          const auto begun = std::chrono::steady_clock::now();
          static_cast<void>(reader->run(select(sql, first, second), {.deadline = begun + 50ms}));
          // A call that nothing interrupts takes minutes.
          const auto took = std::chrono::steady_clock::now() - begun;
          BOOST_TEST((took < 5s), sql << " took " << std::chrono::duration<double>(took).count() << " s");
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_transaction_ends_within_one_function) {
  database_options options;
  options.transaction_time_max = 50ms;
  open(options);
  const auto done = try_to_apply(next_batch(
    {execute("INSERT INTO t VALUES (trim(?1, ?2))", std::string(1'000'000, 'a'), std::string(1'000'000, 'b') + "a")}));
  BOOST_REQUIRE(!done);
  BOOST_TEST(done.error().why.detail.find("computes for more than") != std::string::npos, done.error().why.detail);
}

BOOST_AUTO_TEST_SUITE_END()
