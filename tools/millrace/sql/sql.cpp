#include "sql.hpp"

#include "row_printer.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tools/millrace/common/connect.hpp>
#include <millrace/tools/millrace/common/console.hpp>
#include <millrace/tools/millrace/common/engine_voice.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/common/in_folder.hpp>
#include <millrace/tools/millrace/common/interrupt_watch.hpp>
#include <millrace/tools/millrace/common/number_between.hpp>
#include <millrace/tools/millrace/common/output.hpp>
#include <millrace/tools/millrace/common/readable_file.hpp>
#include <millrace/tools/millrace/common/sql_text.hpp>
#include <millrace/tools/millrace/common/waiting_note.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <caf/actor_system.hpp>

namespace millrace::tools {

namespace {

using clock = std::chrono::steady_clock;

struct sql_settings {
  std::string data;
  connect_settings remote;
  std::string statement;
  std::string null_text;
  double timeout_seconds = 0; ///< 0 where none was given.
  bool csv = false;
  bool json = false;

  row_format format() const { return json ? row_format::json : csv ? row_format::csv : row_format::table; }
  std::optional<std::chrono::milliseconds> timeout() const {
    return timeout_seconds == 0 ? std::nullopt
                                : std::optional{std::chrono::ceil<std::chrono::milliseconds>(
                                  std::chrono::duration<double>{timeout_seconds})};
  }
  /// How long a query, or a further page of its result, may take.
  std::chrono::milliseconds query_time() const { return timeout().value_or(query{}.deadline); }
};

constexpr std::uint32_t page_rows = 10'000;
/// What an answer may take beyond the query's own deadline.
constexpr std::chrono::seconds grace{2};

constexpr std::array<std::string_view, 5> query_words{"SELECT", "VALUES", "WITH", "EXPLAIN", "PRAGMA"};

/// What this command has instead of what was refused; empty where the engine's own sentence says it all.
std::string_view hint(std::string_view statement, std::string_view word, const failure& reason) {
  constexpr std::array<std::string_view, 5> schema_words{"CREATE", "ALTER", "DROP", "REINDEX", "ANALYZE"};
  constexpr std::array<std::string_view, 6> transaction_words{"BEGIN",    "COMMIT",    "END",
                                                              "ROLLBACK", "SAVEPOINT", "RELEASE"};
  if (statement.starts_with('.')) {
    return "Commands with a dot are those of sqlite3's shell. The schema is shown by SELECT sql FROM sqlite_schema.";
  }
  // What is temporary belongs into no schema either.
  if (std::ranges::find(schema_words, word) != schema_words.end()
      && reason.detail.find("CREATE TEMP") == std::string::npos) {
    return "Put it into a file, which `millrace serve --schema FILE` applies once.";
  }
  if (std::ranges::find(transaction_words, word) != transaction_words.end()) {
    return "`millrace sql` runs one statement, which is a transaction of its own.";
  }
  return {};
}

int complain_of_statement(engine_voice& voice, const failure& reason, const sql_settings& settings) {
  const int code = complain(reason);
  if (kind(reason.code) != error_kind::rejected) {
    if (const auto news = voice.news(); !news.empty()) {
      std::cerr << news << '\n';
    }
  } else if (const auto more = hint(settings.statement, first_word(settings.statement), reason); !more.empty()) {
    std::cerr << more << '\n';
  }
  return code;
}

/// How a query whose time was over gets more. A server bounds that of all (`serve --query-seconds`), which shows only
/// where it ended one long before its own deadline.
std::string more_time(const sql_settings& settings, clock::duration took) {
  constexpr auto own = "--timeout SECONDS gives it longer";
  if (settings.remote.server.empty()) {
    return fmt::format("{}.", own);
  }
  const std::chrono::duration<double> allowed = settings.query_time();
  return took > 0.9 * allowed
           ? fmt::format("{}, as far as the server lets a query take (serve --query-seconds, 30 where not given).", own)
           : fmt::format(
             "The server ended it, before the {:g} s of --timeout were over: it lets no query take longer "
             "(serve --query-seconds). Ask for less, or at its address for operators.",
             allowed.count());
}

/// Complains of a query, or of a further page of its result, that took so long.
int complain_of_query(engine_voice& voice, const failure& reason, const sql_settings& settings, clock::duration took) {
  const int code = complain_of_statement(voice, reason, settings);
  if (reason.code == errc::deadline_exceeded) {
    std::cerr << more_time(settings, took) << '\n';
  }
  return code;
}

/// Prints the pages as they come, so that a result may be of any size.
int print_pages(client& database, engine_voice& voice, row_page page, const sql_settings& settings) {
  const auto printer = make_row_printer(settings.format(), settings.null_text, std::cout);
  std::uint64_t rows = 0;
  for (;;) {
    printer->print(page.rows);
    rows += page.rows.size();
    if (!page.next) {
      break;
    }
    if (!output_arrives()) {
      return exit_code::ok; // Which `main` corrects, and says why.
    }
    const auto asked = clock::now();
    auto next = patiently(voice, [&] { return database.page(std::move(*page.next)); });
    if (!next) {
      complain_of_query(voice, next.error(), settings, clock::now() - asked);
      return complain("The result is not complete: " + grouped(rows) + " rows of it were printed.", exit_code::failed);
    }
    page = std::move(*next);
  }
  printer->end();
  if (settings.json) {
    std::cout << '\n';
  }
  return exit_code::ok;
}

int print_outcome(const outcome& done, const sql_settings& settings) {
  const auto result = done.results.empty() ? statement_result{} : done.results.front();
  const auto printer = make_row_printer(settings.format(), settings.null_text, std::cout);
  if (settings.json) {
    std::cout << R"({"seq":)" << done.seq << R"(,"rows_changed":)" << result.rows_changed << R"(,"rows":)";
  }
  printer->print(result.rows);
  printer->end();
  const auto changed = static_cast<std::uint64_t>(std::max<std::int64_t>(0, result.rows_changed));
  if (settings.json) {
    std::cout << "}\n";
  } else {
    // Beside CSV the sentence would be taken for a row.
    (settings.csv ? std::cerr : std::cout) << grouped(changed) << (changed == 1 ? " row" : " rows") << " changed.\n";
  }
  vouch("The statement took effect.");
  return result.rows.truncated() ? complain(
           "The statement took effect, but it had to be sent again, and of the rows that it gave only these "
           "were kept for that.",
           exit_code::failed)
                                 : exit_code::ok;
}

int run_transaction(client& database, engine_voice& voice, const sql_settings& settings) {
  const interrupt_watch watch{
    "Interrupted. Whether the statement took effect is not known; look before running it again."};
  auto work = execute(settings.statement);
  work.deadline = settings.timeout().value_or(work.deadline);
  const auto done = patiently(voice, [&] { return database.execute(std::move(work)); });
  if (done) {
    return print_outcome(*done, settings);
  }
  const int code = complain_of_statement(voice, done.error(), settings);
  if (done.error().code == errc::deadline_exceeded) {
    std::cerr << "--timeout SECONDS gives it longer.\n";
  }
  return code;
}

int run_statement(caf::actor_system& system, const engine_actor& front, const sql_settings& settings) {
  constexpr std::chrono::milliseconds usual_patience{60'000};
  engine_voice voice{system, front};
  client database{system, front, settings.timeout().value_or(usual_patience)};
  const auto word = first_word(settings.statement);
  if (std::ranges::find(query_words, word) == query_words.end()) {
    return run_transaction(database, voice, settings);
  }
  {
    const interrupt_watch watch{"Interrupted. The result is not complete."};
    auto question = select(settings.statement);
    question.deadline = settings.query_time();
    client reads{system, front, question.deadline + grace};
    const auto asked = clock::now();
    auto page = patiently(voice, [&] { return reads.page(page_query{std::move(question), page_rows}); });
    if (page) {
      return print_pages(reads, voice, std::move(*page), settings);
    }
    // WITH may also begin an INSERT, UPDATE or DELETE; a reader refuses those without having done anything.
    if (word != "WITH" || page.error().code != errc::not_a_query) {
      return complain_of_query(voice, page.error(), settings, clock::now() - asked);
    }
  }
  return run_transaction(database, voice, settings);
}

int run_sql(const sql_settings& settings) {
  if (!settings.remote.server.empty()) {
    return at_server(settings.remote, [&](caf::actor_system& system, const network::remote_engine& target) {
      return run_statement(system, target.front(), settings);
    });
  }
  options engine_options;
  engine_options.data = settings.data;
  engine_options.read.readers = 1;
  engine_options.replay_wait = whole_replay;
  return in_folder(engine_options, [&](caf::actor_system& system, const engine& target) {
    return run_statement(system, target.front(), settings);
  });
}

std::string check_statement(const std::string& text) {
  const bool blank = text.find_first_not_of(" \t\r\n\f;") == std::string::npos;
  return blank ? "there is no statement in it" : "";
}

constexpr const char* footer = R"(
SELECT, VALUES, WITH, EXPLAIN and PRAGMA are run as a query, anything else as one durable transaction. A result may be
of any size; all of it shows one state of the database.

Examples:
  millrace sql --data /srv/people "SELECT name, score FROM person ORDER BY score DESC LIMIT 10"
  millrace sql --data /srv/people --csv "SELECT * FROM person" > person.csv
  millrace sql --data /srv/people "DELETE FROM person WHERE score < 1 RETURNING name"
  millrace sql --connect 127.0.0.1:7400 "SELECT count(*) FROM person"

Exit codes: 0 done, 1 the statement failed, or whether it took effect is not known (the sentence says which), or not all
rows could be had or written, 2 usage, 70 the folder could not be opened, or the engine not be reached or not serve it
now, 130 interrupted, 141 nobody reads the output any more.)";

} // namespace

void add_sql_command(CLI::App& program, int& result) {
  auto settings = std::make_shared<sql_settings>();
  auto& command = *program.add_subcommand("sql", "Run one query or transaction and print its rows");
  command.footer(footer);
  command.add_option("QUERY", settings->statement, "One SQL statement, in quotes")
    ->required()
    ->check(CLI::Validator{check_statement, ""});
  auto* data = command.add_option("--data", settings->data, "The data folder; it is recovered where that is needed")
                 ->check(a_name());
  add_connect_options(command, settings->remote, data);
  auto* csv = command.add_flag("--csv", settings->csv, "Print comma-separated values with a header");
  command.add_option("--null", settings->null_text, "With --csv: how NULL is written; nothing where not given")
    ->needs(csv);
  command.add_flag("--json", settings->json, "Print an array of objects, or the outcome as an object")->excludes(csv);
  command
    .add_option(
      "--timeout", settings->timeout_seconds,
      "Seconds after which a query that gave no (further) rows is ended, 30 where not given, and a transaction "
      "that was not begun has no effect")
    ->check(number_between(0.001, 7 * 24 * 3600.0));
  command.callback([settings, &result] {
    require_place(settings->data, settings->remote);
    result = run_sql(*settings);
  });
}

} // namespace millrace::tools
