#include "sql.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/actors/engine/engine.hpp>
#include <millrace/messages/limits.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tools/millrace/common/connect.hpp>
#include <millrace/tools/millrace/common/console.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/common/sql_text.hpp>
#include <millrace/tools/millrace/common/table.hpp>
#include <millrace/tools/millrace/common/waiting_note.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <caf/actor_system.hpp>
#include <nlohmann/json.hpp>

namespace millrace::tools {

namespace {

using json = nlohmann::ordered_json;

struct sql_settings {
  std::string data;
  connect_settings remote;
  std::string statement;
  bool csv = false;
  bool json = false;
};

void print_table(const row_set& rows) {
  text_table table{rows.columns()};
  for (const auto row : rows) {
    std::vector<std::string> cells;
    std::vector<text_table::align> sides;
    for (std::size_t column = 0; column < row.size(); ++column) {
      const auto cell = row[column];
      const bool number = cell.kind() == cell::type::integer || cell.kind() == cell::type::real;
      cells.push_back(cell.to_string());
      sides.push_back(number ? text_table::align::right : text_table::align::left);
    }
    table.add(std::move(cells), sides);
  }
  table.print(std::cout);
}

void print_csv(const row_set& rows) {
  std::string line;
  const auto end_line = [&line] {
    line.back() = '\n';
    std::cout << line;
    line.clear();
  };
  for (const auto& title : rows.columns()) {
    line += csv_field(title) + ",";
  }
  end_line();
  for (const auto row : rows) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      line += csv_field(row[column].to_string()) + ",";
    }
    end_line();
  }
}

json to_json(const cell& one) {
  switch (one.kind()) {
    case cell::type::null:
      return nullptr;
    case cell::type::integer:
      return one.as_integer();
    case cell::type::real:
      return one.as_real();
    case cell::type::text:
    case cell::type::blob:
      break;
  }
  return one.to_string();
}

json to_json(const row_set& rows) {
  auto list = json::array();
  for (const auto row : rows) {
    auto object = json::object();
    for (std::size_t column = 0; column < row.size(); ++column) {
      object[rows.columns()[column]] = to_json(row[column]);
    }
    list.push_back(std::move(object));
  }
  return list;
}

void print_json(const json& document) {
  std::cout << document.dump(-1, ' ', false, json::error_handler_t::replace) << '\n';
}

void print_rows(const row_set& rows, const sql_settings& settings) {
  if (rows.columns().empty()) {
    return;
  }
  (settings.csv ? print_csv : print_table)(rows);
}

int print_query(const row_set& rows, const sql_settings& settings) {
  if (settings.json) {
    print_json(to_json(rows));
  } else {
    print_rows(rows, settings);
  }
  if (rows.truncated()) {
    std::cerr << "There are more rows than these " << grouped(rows.size())
              << "; narrow the query with WHERE or LIMIT.\n";
  }
  return exit_code::ok;
}

int print_outcome(const outcome& done, const sql_settings& settings) {
  const auto result = done.results.empty() ? statement_result{} : done.results.front();
  if (settings.json) {
    print_json({{"seq", done.seq}, {"rows_changed", result.rows_changed}, {"rows", to_json(result.rows)}});
    return exit_code::ok;
  }
  print_rows(result.rows, settings);
  const auto changed = static_cast<std::uint64_t>(std::max<std::int64_t>(0, result.rows_changed));
  // Beside CSV the sentence would be taken for a row.
  (settings.csv ? std::cerr : std::cout) << grouped(changed) << (changed == 1 ? " row" : " rows") << " changed.\n";
  return exit_code::ok;
}

bool reads_only(std::string_view word) {
  constexpr std::array<std::string_view, 5> words{"SELECT", "VALUES", "WITH", "EXPLAIN", "PRAGMA"};
  return std::find(words.begin(), words.end(), word) != words.end();
}

int run_statement(client& database, const sql_settings& settings) {
  const auto word = first_word(settings.statement);
  if (reads_only(word)) {
    auto question = select(settings.statement);
    question.max_rows = limits::rows_max;
    const auto rows = patiently([&] { return database.query(std::move(question)); });
    if (rows) {
      return print_query(*rows, settings);
    }
    // WITH may also begin an INSERT, UPDATE or DELETE; a reader refuses those without having done anything.
    if (word != "WITH" || rows.error().code != errc::not_a_query) {
      return complain(rows.error());
    }
  }
  const auto done = patiently([&] { return database.execute(settings.statement); });
  return done ? print_outcome(*done, settings) : complain(done.error());
}

int run_sql(const sql_settings& settings) {
  if (!settings.remote.server.empty()) {
    return at_server(settings.remote, [&](caf::actor_system& system, const network::remote_engine& target) {
      client database{system, target.front()};
      return run_statement(database, settings);
    });
  }
  system_config config;
  caf::actor_system system{config};
  options engine_options;
  engine_options.data = settings.data;
  engine_options.read.readers = 1;
  auto target = open(system, engine_options);
  if (!target) {
    return complain(target.error(), exit_code::engine);
  }
  client database{system, target->front()};
  return run_statement(database, settings);
}

constexpr const char* footer = R"(
SELECT, VALUES, WITH, EXPLAIN and PRAGMA are run as a query, anything else as one durable transaction.

Examples:
  millrace sql --data /srv/people "SELECT name, score FROM person ORDER BY score DESC LIMIT 10"
  millrace sql --data /srv/people --csv "SELECT * FROM person" > person.csv
  millrace sql --data /srv/people "DELETE FROM person WHERE score < 1 RETURNING name"
  millrace sql --connect 127.0.0.1:7400 "SELECT count(*) FROM person"

Exit codes: 0 done, 1 the statement failed, or whether it took effect is not known (the sentence says which), 2 usage,
70 the folder could not be opened, or the engine not be reached or not serve it now.)";

} // namespace

void add_sql_command(CLI::App& program, int& result) {
  auto settings = std::make_shared<sql_settings>();
  auto& command = *program.add_subcommand("sql", "Run one query or transaction and print its rows");
  command.footer(footer);
  command.add_option("QUERY", settings->statement, "One SQL statement")->required();
  auto* data = command.add_option("--data", settings->data, "The data folder; it is recovered where that is needed");
  add_connect_options(command, settings->remote, data);
  auto* csv = command.add_flag("--csv", settings->csv, "Print comma-separated values with a header");
  command.add_flag("--json", settings->json, "Print an array of objects, or the outcome as an object")->excludes(csv);
  command.callback([settings, &result] {
    require_place(settings->data, settings->remote);
    result = run_sql(*settings);
  });
}

} // namespace millrace::tools
