#include "load.hpp"

#include "load_job.hpp"
#include "text.hpp"

#include <millrace/tools/millrace/common/number_between.hpp>
#include <millrace/tools/millrace/common/readable_file.hpp>

#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace millrace::tools {

namespace {

std::string check_delimiter(const std::string& text) {
  const bool good = text == "\\t" || (text.size() == 1 && text != "\"" && text != "\n" && text != "\r");
  return good ? std::string{} : "the delimiter is one character (\\t for a tab) and neither a quote nor a line break";
}

/// CLI11 would drop names that are empty, and take what follows for names.
std::vector<std::string> split_names(const std::string& list) {
  std::vector<std::string> names;
  std::istringstream input{list + ','};
  for (std::string name; std::getline(input, name, ',');) {
    names.push_back(name);
  }
  return names;
}

constexpr const char* footer = R"(
A row is a transaction of its own. A table that does not exist is created, all its columns TEXT; a server's must be
there. What cannot be a table's columns is refused before anything is created.

A load into a folder records which rows are in. One that was cut off, by kill -9 too, is gone on with by --resume. A
file that was loaded before, in part or whole, is refused without it, since that would add rows twice. --resume also adds
what was appended to a file since it was loaded; it refuses one that was changed otherwise, and one of which no load into
that table is recorded. --no-resume records nothing, which is faster, and adds all rows whatever was recorded.

NOTHING IS RECORDED WITH --connect, nor from a pipe (or standard input, FILE -): such a load that is cut off cannot be
gone on with. --ack-file tells what is in.

Malformed rows are not loaded, and the exit code is 1; with --skip-malformed they are left out on purpose.

--verify compares what was added to the table with the file, whatever ids the table has. A column whose declared type
makes SQLite convert values (INTEGER, say) may differ from the file's text; what other programs add to the table
meanwhile counts as a difference.

Examples:
  millrace load people.csv --data /srv/people --table person --verify
  millrace load people.csv --data /srv/people --table person --resume
  millrace load UnicodeData.txt --data demo --table unicode --delimiter ';' --columns code,name,category,… \
    --kill-writer 5 --verify
  zcat people.csv.gz | millrace load - --data /srv/people --table person
  millrace load people.csv --connect 127.0.0.1:7400 --table person --verify

tools/millrace/load/README.md tells of each option, and of the summary's fields in JSON.

Exit codes: 0 all rows are in, 1 rows are malformed, failed, are of unknown outcome or differ, or the load was refused
because of an earlier one or for want of one, or stopped by a malformed row under --strict or a file that could not be
read or written on, 2 usage, a file or table that does not fit included, 70 the engine could not be opened or reached or
stopped answering, 130 interrupted (what was acknowledged is in).)";

} // namespace

void add_load_command(CLI::App& program, int& result) {
  auto settings = std::make_shared<load_settings>();
  auto& command = *program.add_subcommand("load", "Import a delimited file with many client actors, a row each");
  command.footer(footer);
  command.add_option("FILE", settings->file, "The delimited file (CSV with quoting), - for standard input")
    ->required()
    ->check(a_name());
  auto* data = command.add_option("--data", settings->data, "The data folder")->check(a_name());
  add_connect_options(command, settings->remote, data);
  auto* connect = command.get_option("--connect");
  command.add_option("--table", settings->table, "The table that takes the rows")
    ->required()
    ->check(CLI::Validator{table_problem, "NAME"});
  command.add_option("--clients", settings->clients, "Client actors, each with one row on its way")
    ->check(number_between(1, 100'000))
    ->capture_default_str();
  command.add_option("--delimiter", settings->delimiter, "One character, \\t for a tab")
    ->check(CLI::Validator{check_delimiter, "CHARACTER"})
    ->capture_default_str();
  command.add_option_function<std::string>(
    "--columns", [settings](const std::string& list) { settings->columns = split_names(list); },
    "The columns' names, with commas between; the first line is then data too");
  auto* header = command.add_flag("--header", settings->header, "The first line is a header even with --columns");
  command.add_flag("--no-header", settings->no_header, "The first line is data; columns are column1, column2, …")
    ->excludes(header);
  command.add_option_function<std::string>(
    "--null", [settings](const std::string& text) { settings->null = text; },
    "What stands for NULL in fields without quotes");
  command.add_flag("--create,!--no-create", settings->create, "Make the data folder where it is missing (the default)");
  command.add_option("--kill-writer", settings->kill_writer, "Kill the writer so many times at random moments")
    ->excludes(connect)
    ->check(number_between(0, 10'000));
  command.add_option("--kill-reader", settings->kill_reader, "The same for readers, which then get queries to run")
    ->excludes(connect)
    ->check(number_between(0, 10'000));
  command.add_option("--ack-file", settings->ack_path, "Append the first column of each acknowledged row, a line each")
    ->check(a_name());
  auto* resume = command.add_flag("--resume", settings->resume,
                                  "Go on where an earlier load of the file ended; not with --connect");
  command.add_flag("--no-resume", settings->no_resume, "Record no rows, and add all whatever was recorded")
    ->excludes(connect)
    ->excludes(resume);
  command.add_flag("--verify", settings->verify, "Compare table and file row by row afterwards");
  auto* strict = command.add_flag("--strict", settings->strict, "Stop at the first malformed row");
  command
    .add_flag("--skip-malformed", settings->skip_malformed, "Malformed rows are to be left out: they are no failure")
    ->excludes(strict);
  command.add_option("--patience", settings->patience, "Give up when no row was answered for so many seconds")
    ->check(number_between(1, 7 * 24 * 3600))
    ->capture_default_str();
  command.add_flag("--json", settings->json, "Print the summary as one JSON object");
  command.callback([settings, &result] {
    require_place(settings->data, settings->remote);
    result = run_load(*settings);
  });
}

} // namespace millrace::tools
