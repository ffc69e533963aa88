#include "shell_fixture.hpp"

#include <millrace/tools/millrace/common/number_between.hpp>
#include <millrace/tools/millrace/common/usage.hpp>

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <string>
#include <utility>

using namespace millrace::tools;

BOOST_FIXTURE_TEST_SUITE(usage_suite, millrace::test::shell_fixture)

BOOST_AUTO_TEST_CASE(a_call_that_makes_no_sense_is_told_in_a_sentence_and_ends_with_2) {
  const std::pair<std::string, std::string> calls[] = {
    {"", "millrace needs a command."},
    {"nonsense", "There is no command \"nonsense\"."},
    {"nonsense --help", "There is no command \"nonsense\"."},
    {"nonsense --version", "There is no command \"nonsense\"."},
    {"lod x", "There is no command \"lod\"; did you mean load?"},
    {"quarantine lsit --data d", "There is no command \"lsit\" of millrace quarantine; did you mean list?"},
    {"quarantine --data d", "millrace quarantine needs a command."},
    {"--jsn sql", "millrace sql has no option --jsn; did you mean --json?"},
    {"sql --jsn=1 --help", "millrace sql has no option --jsn; did you mean --json?"},
    {"sql --bogus q", "millrace sql has no option --bogus."},
    {"sql --data d SELECT 1", "\"1\" was not expected; what has spaces in it is to be put in quotes."},
    {"sql --data d ' ; '", "QUERY: there is no statement in it"},
    {"sql --data", "--data needs a value."},
    {"sql --data d --data e q", "--data is given more than once."},
    {"sql --data d --connect e q", "--data excludes --connect"},
    {"sql q", "--data or --connect is required"},
    {"sql --data d --null x q", "--null requires --csv"},
    {"sql --data d --timeout nan q", "--timeout: \"nan\" is no number from 0.001 to 604800"},
    {"sql --data d --timeout 0 q", "--timeout: \"0\" is no number"},
    {"quarantine show 99999999999999999999 --data d", "SEQ: \"99999999999999999999\" is no number from 1 to"},
    {"serve --data new --create --readers 0", "--readers: \"0\" is no number from 1 to 1000"},
    {"serve --data new --create --schema .", "--schema: . is a folder; name a file in it"},
    {"serve --data new --create --schema ''", "--schema: its value is empty"},
    {"serve --data new --create --schema missing.sql", "--schema: missing.sql cannot be read: No such file"},
    {"serve --data new --create --schema", "--schema needs a value."},
    {"serve --data new --create --schema nowhere.sql", "--schema: nowhere.sql cannot be read: No such file"},
    {"serve --data new --create --drain-seconds 1.5", "--drain-seconds: \"1.5\" is no number from 0 to 86400"},
    {"serve --data new --create --transaction-seconds 0", "--transaction-seconds: \"0\" is no number from 1 to 86400"},
    {"serve --data new --create --connections -1", "--connections: \"-1\" is no number from 1"},
    {"serve --data new --create --tls-certificate no.pem --tls-key k --tls-ca c",
     "--tls-certificate: no.pem cannot be read: No such file or directory"},
    {"serve --data new --create --query-seconds -1", "--query-seconds: \"-1\" is no number from 0 to 86400"},
    {"serve --data '' --create", "--data: its value is empty"},
    {"sql --data '' q", "--data: its value is empty"},
    {"sql --connect '' q", "--connect: its value is empty"},
    {"sql --connect h:1 --tls-ca '' q", "--tls-ca: its value is empty"},
    {"sql --connect h:1 --tls-ca . q", "--tls-ca: . is a folder; name a file in it"},
    {"sql --data d --tls-pin p q", "--tls-pin requires --connect"},
    {"sql --connect h:1 --tls-pin p q", "TLS needs a certificate, its key and a certificate authority"},
    {"quarantine list --data ''", "--data: its value is empty"},
    {"load '' --data new --table t", "FILE: its value is empty"},
    {"load f --data new --table t --ack-file ''", "--ack-file: its value is empty"},
    {"load f --data new --table t --clients 0", "--clients: \"0\" is no number from 1 to 100000"},
    {"load f --data new --table t --patience 1e9", "--patience: \"1e9\" is no number from 1 to 604800"},
    {"load f --data new --table t --kill-writer -1", "--kill-writer: \"-1\" is no number from 0 to 10000"},
    {"bench --data ''", "--data: its value is empty"},
    {"certs ''", "FOLDER: its value is empty"},
    {"certs new --host '' ", "--host: its value is empty"},
    {"certs new --client a b", "\"b\" was not expected"},
    {"certs new --host a b", "\"b\" was not expected"},
    {"bench --seconds nan", "--seconds: \"nan\" is no number from 0.1 to 86400"},
    {"bench --clients 1e3", "--clients: \"1e3\" is no number from 1 to 100000"},
    {"certs new --client ../x", "--client: \"../x\" is no plain name"},
    {"certs new --days 0", "--days: \"0\" is no number from 1 to 3650"},
  };
  for (const auto& [call, sentence] : calls) {
    const auto ended = shell("exec $M " + call);
    BOOST_TEST_CONTEXT("millrace " << call << ": " << ended.err) {
      BOOST_TEST(ended.code == 2);
      BOOST_TEST(ended.out == "");
      BOOST_TEST(ended.err.starts_with(sentence));
    }
  }
  BOOST_TEST(std::filesystem::is_empty(folder.path()));
}

BOOST_AUTO_TEST_CASE(help_is_no_failure) {
  for (const auto* const call : {"--help", "--version", "sql --help", "sql q --help", "quarantine show --help"}) {
    const auto ended = shell(std::string{"exec $M "} + call);
    BOOST_TEST_CONTEXT(call) {
      BOOST_TEST(ended.code == 0);
      BOOST_TEST(ended.err == "");
      BOOST_TEST(ended.out != "");
    }
  }
}

BOOST_AUTO_TEST_CASE(a_path_that_is_too_long_ends_with_2_and_makes_nothing) {
  const auto ended = shell(
    "mkdir -p $(printf 'd%.0s' $(seq 200))/$(printf 'd%.0s' $(seq 200)) && cd d*/d* && "
    "$M serve --create --data $(printf 'x%.0s' $(seq 200)); code=$?; ls; exit $code");
  BOOST_TEST(ended.code == 2);
  BOOST_TEST(ended.out == "");
  BOOST_TEST(ended.err.find("bytes, and SQLite can use one of at most 487") != std::string::npos, ended.err);
}

BOOST_AUTO_TEST_CASE(what_was_meant_is_guessed_only_where_it_is_near) {
  BOOST_TEST(nearest("lsit", {"show", "list"}) == "list");
  BOOST_TEST(nearest("--jsn", {"--data", "--json"}) == "--json");
  BOOST_TEST(nearest("nonsense", {"serve", "sql"}) == "");
  BOOST_TEST(nearest("xy", {"ab"}) == "");
  BOOST_TEST(nearest("x", {}) == "");
}

BOOST_AUTO_TEST_CASE(a_number_is_taken_only_where_it_is_one_and_in_its_range) {
  auto share = number_between(0.1, 1.0);
  for (std::string text : {"0.1", "1", "5e-1"}) {
    BOOST_TEST(share(text) == "", text);
  }
  for (std::string text : {"nan", "inf", "-0.5", "1.1", "", "1 ", "one", "0x1"}) {
    BOOST_TEST(share(text) != "", text);
  }
  auto count = number_between(std::int64_t{1}, std::int64_t{INT64_MAX});
  for (std::string text : {"9223372036854775808", "18446744073709551617", "1.5", "0"}) {
    BOOST_TEST(count(text) != "", text);
  }
}

BOOST_AUTO_TEST_SUITE_END()
