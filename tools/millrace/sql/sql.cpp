#include "sql.hpp"

#include "row_printer.hpp"
#include "statement_list.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/actors/schema/migrator.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tools/millrace/common/at_place.hpp>
#include <millrace/tools/millrace/common/console.hpp>
#include <millrace/tools/millrace/common/engine_voice.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/common/interrupt_watch.hpp>
#include <millrace/tools/millrace/common/number_between.hpp>
#include <millrace/tools/millrace/common/output.hpp>
#include <millrace/tools/millrace/common/readable_file.hpp>
#include <millrace/tools/millrace/common/sql_text.hpp>
#include <millrace/tools/millrace/common/user_name.hpp>
#include <millrace/tools/millrace/common/waiting_note.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <caf/actor_system.hpp>

namespace millrace::tools {

namespace {

using clock = std::chrono::steady_clock;

struct sql_settings {
  work_place place;
  std::string statement; ///< Or several.
  std::string file;      ///< Where they are instead; `-` is standard input.
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

/// What is asked, and where.
struct sql_job {
  caf::actor_system& system;
  engine_actor front;
  operations_actor operations;
  const sql_settings& settings;
  engine_voice& voice;
};

/// What this command has instead of what was refused; empty where the engine's own sentence says it all.
std::string_view hint(const sql_piece& piece, const failure& reason) {
  constexpr std::array<std::string_view, 6> transaction_words{"BEGIN",    "COMMIT",    "END",
                                                              "ROLLBACK", "SAVEPOINT", "RELEASE"};
  if (piece.statements.front().starts_with('.')) {
    return "Commands with a dot are those of sqlite3's shell. `millrace schema dump` shows the schema.";
  }
  if (piece.what == sql_piece::kind::schema && reason.code == errc::wrong_role) {
    return "The schema changes at a server's port for operators (millrace serve --listen-operator).";
  }
  if (std::ranges::find(transaction_words, first_word(piece.statements.front())) != transaction_words.end()) {
    return "Each statement is a transaction of its own, and so is all that stands between BEGIN and COMMIT.";
  }
  return {};
}

int complain_of_statement(const sql_job& job, const sql_piece& piece, const failure& reason) {
  const int code = complain(reason);
  if (kind(reason.code) != error_kind::rejected) {
    if (const auto news = job.voice.news(); !news.empty()) {
      std::cerr << news << '\n';
    }
  } else if (const auto more = hint(piece, reason); !more.empty()) {
    std::cerr << more << '\n';
  }
  return code;
}

/// How a query whose time was over gets more. A server bounds that of all (`serve --query-seconds`), which shows only
/// where it ended one long before its own deadline.
std::string more_time(const sql_settings& settings, clock::duration took) {
  constexpr auto own = "--timeout SECONDS gives it longer";
  if (settings.place.remote.server.empty()) {
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
int complain_of_query(const sql_job& job, const sql_piece& piece, const failure& reason, clock::duration took) {
  const int code = complain_of_statement(job, piece, reason);
  if (reason.code == errc::deadline_exceeded) {
    std::cerr << more_time(job.settings, took) << '\n';
  }
  return code;
}

/// Prints the pages as they come, so that a result may be of any size.
int print_pages(const sql_job& job, const sql_piece& piece, client& database, row_page page) {
  const auto& settings = job.settings;
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
    auto next = patiently(job.voice, [&] { return database.page(std::move(*page.next)); });
    if (!next) {
      complain_of_query(job, piece, next.error(), clock::now() - asked);
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
  bool truncated = false;
  for (const auto& result : done.results) {
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
    truncated = truncated || result.rows.truncated();
  }
  vouch("The statement took effect.");
  return truncated ? complain(
           "The statement took effect, but it had to be sent again, and of the rows that it gave only "
           "these were kept for that.",
           exit_code::failed)
                   : exit_code::ok;
}

int run_transaction(const sql_job& job, const sql_piece& piece) {
  constexpr std::chrono::milliseconds usual_patience{60'000};
  client database{job.system, job.front, job.settings.timeout().value_or(usual_patience)};
  transaction work;
  for (const auto& one : piece.statements) {
    work.add(one);
  }
  work.deadline = job.settings.timeout().value_or(work.deadline);
  const auto done = patiently(job.voice, [&] { return database.execute(std::move(work)); });
  if (done) {
    return print_outcome(*done, job.settings);
  }
  const int code = complain_of_statement(job, piece, done.error());
  if (done.error().code == errc::deadline_exceeded) {
    std::cerr << "--timeout SECONDS gives it longer.\n";
  }
  return code;
}

int run_schema_change(const sql_job& job, const sql_piece& piece) {
  migrator by{job.system, job.operations, {.author = user_name()}};
  const auto done = patiently(job.voice, [&] { return by.apply_ad_hoc(piece.source); });
  if (!done) {
    return complain_of_statement(job, piece, done.error());
  }
  if (job.settings.json) {
    std::cout << R"({"seq":)" << done->seq << R"(,"schema_changed":true})" << '\n';
  } else {
    (job.settings.csv ? std::cerr : std::cout) << "The schema is changed.\n";
  }
  vouch("The statement took effect.");
  return exit_code::ok;
}

int run_query(const sql_job& job, const sql_piece& piece) {
  auto question = select(piece.statements.front());
  question.deadline = job.settings.query_time();
  client reads{job.system, job.front, question.deadline + grace};
  const auto asked = clock::now();
  auto page = patiently(job.voice, [&] { return reads.page(page_query{std::move(question), page_rows}); });
  if (page) {
    return print_pages(job, piece, reads, std::move(*page));
  }
  // WITH may also begin an INSERT, UPDATE or DELETE; a reader refuses those without having done anything.
  return first_word(piece.statements.front()) == "WITH" && page.error().code == errc::not_a_query
           ? run_transaction(job, piece)
           : complain_of_query(job, piece, page.error(), clock::now() - asked);
}

int run_piece(const sql_job& job, const sql_piece& piece) {
  switch (piece.what) {
    case sql_piece::kind::query:
      return run_query(job, piece);
    case sql_piece::kind::schema:
      return run_schema_change(job, piece);
    case sql_piece::kind::transaction:
      break;
  }
  return run_transaction(job, piece);
}

/// One after another, until one fails.
int run_pieces(const sql_job& job, const std::vector<sql_piece>& pieces) {
  const bool reads = pieces.size() == 1 && pieces.front().what == sql_piece::kind::query;
  const interrupt_watch watch{
    reads ? "Interrupted. The result is not complete."
          : "Interrupted. Whether the statement took effect is not known; look before running it again."};
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (const int code = run_piece(job, pieces[i]); code != exit_code::ok) {
      if (pieces.size() > 1) {
        std::cerr << fmt::format(
          "That is what begins in line {}{}. {} before it took effect, {} after it.\n", pieces[i].line,
          pieces[i].source.find('\n') == std::string::npos ? "" : ", from which lines are counted",
          i == 0 ? "Nothing" : "What stands", i + 1 == pieces.size() ? "nothing stands" : "nothing was run");
      }
      return code;
    }
    if (!output_arrives()) {
      break; // Which `main` corrects, and says why.
    }
  }
  return exit_code::ok;
}

int run_text(const sql_settings& settings, std::string_view text) {
  constexpr std::string_view byte_order_mark =
    "\xef\xbb\xbf"; // Some editors put it before a text, which is none of it.
  if (text.starts_with(byte_order_mark)) {
    text.remove_prefix(byte_order_mark.size());
  }
  const auto pieces = cut_statements(text);
  if (!pieces) {
    return complain(pieces.error(), exit_code::usage);
  }
  if (pieces->empty()) {
    return complain("There is no statement in it.", exit_code::usage);
  }
  return at_place(settings.place,
                  [&](caf::actor_system& system, const engine_actor& front, operations_actor operations) {
                    engine_voice voice{system, front};
                    return run_pieces({system, front, std::move(operations), settings, voice}, *pieces);
                  });
}

int run_sql(const sql_settings& settings) {
  if (settings.file.empty()) {
    return run_text(settings, settings.statement);
  }
  std::ostringstream text;
  if (settings.file == "-") {
    text << std::cin.rdbuf();
  } else {
    std::ifstream input{settings.file, std::ios::binary};
    text << input.rdbuf();
  }
  return run_text(settings, text.str());
}

std::string check_file(std::string name) {
  return name == "-" ? "" : readable_file()(name);
}

std::string check_statement(const std::string& text) {
  const bool blank = text.find_first_not_of(" \t\r\n\f;") == std::string::npos;
  return blank ? "there is no statement in it" : "";
}

constexpr const char* footer = R"(
SELECT, VALUES, WITH, EXPLAIN and PRAGMA are run as a query, anything else as one durable transaction. A result may be
of any size; all of it shows one state of the database. CREATE, ALTER, DROP, REINDEX and ANALYZE change the schema, which
stands in its history (millrace schema history); at a server that is done at its port for operators. Several statements
are run one after another, until one fails; what stands between BEGIN and COMMIT takes effect as a whole.

Examples:
  millrace sql --data /srv/people "SELECT name, score FROM person ORDER BY score DESC LIMIT 10"
  millrace sql --data /srv/people --csv "SELECT * FROM person" > person.csv
  millrace sql --data /srv/people "DELETE FROM person WHERE score < 1 RETURNING name"
  millrace sql --connect 127.0.0.1:7400 "SELECT count(*) FROM person"
  millrace sql --data /srv/people "CREATE TABLE person(name TEXT NOT NULL, score REAL) STRICT"
  millrace sql --data /srv/people -f people.sql

Exit codes: 0 done, 1 the statement failed, or whether it took effect is not known (the sentence says which), or not all
rows could be had or written, 2 usage, 70 the folder could not be opened, or the engine not be reached or not serve it
now, 130 interrupted, 141 nobody reads the output any more.)";

} // namespace

void add_sql_command(CLI::App& program, int& result) {
  auto settings = std::make_shared<sql_settings>();
  auto& command = *program.add_subcommand("sql", "Run SQL and print the rows that it gives");
  command.footer(footer);
  auto* statement =
    command.add_option("QUERY", settings->statement, "SQL, in quotes")->check(CLI::Validator{check_statement, ""});
  command.add_option("-f,--file", settings->file, "Run the SQL in this file instead; - is standard input")
    ->check(CLI::Validator{check_file, "FILE"})
    ->excludes(statement);
  add_place(command, settings->place);
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
    require_place(settings->place);
    if (settings->statement.empty() && settings->file.empty()) {
      throw CLI::RequiredError{"QUERY, or --file,"};
    }
    result = run_sql(*settings);
  });
}

} // namespace millrace::tools
