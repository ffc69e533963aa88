#include "load.hpp"

#include "load_job.hpp"

#include <memory>
#include <string>

namespace millrace::tools {

namespace {

std::string check_delimiter(const std::string& text) {
  const bool good = text == "\\t" || (text.size() == 1 && text != "\"" && text != "\n" && text != "\r");
  return good ? std::string{} : "the delimiter is one character (\\t for a tab) and neither a quote nor a line break";
}

constexpr const char* footer = R"(
A table that does not exist is created, all its columns TEXT. A column whose declared type makes SQLite convert
values (INTEGER, say) may differ from the file's text and is then reported by --verify. --verify compares what this
run added, told by rowid; what other programs add to the table meanwhile counts as a difference.

With --connect the rows go to a server, whose table must be there. Rows have names, so that each is added once though
the server is restarted meanwhile. A server knows the last million outcomes of all its clients, so a big load shortens
how long others may resend what they have named. What the record of --resume stands in only a folder can be given, so it
is not to be had then.

Once rows are on their way, a load waits for an engine that does not answer, or whose disk is full, for as long as
--patience says. Then rows that had no effect count as failed, and those that may have had one as unknown.

--resume begins a load, or goes on where an earlier run with --resume ended, however that ended, kill -9 included: the
table ends with each row of the file once. Each row's transaction then also records the row's number, which costs some
speed. The records stand in the tables load_file and load_progress, numbers of neighbouring rows folded into one record
now and then. They stay when the load is complete, so that one more run finds nothing to do. Rows that failed are tried
again by the next run.

Examples:
  millrace load people.csv --data /srv/people --table person --verify
  millrace load UnicodeData.txt --data demo --table unicode --delimiter ';' --columns code,name,category,… \
    --kill-writer 5 --verify
  millrace load people.csv --data /srv/people --table person --resume
  millrace load people.csv --connect 127.0.0.1:7400 --table person --verify

Exit codes: 0 all rows are in, 1 rows failed, are of unknown outcome or differ, or the load was stopped by a malformed one
under --strict or a file that could not be read or written on, 2 usage, 70 the engine could not be opened or reached or
stopped answering, 130 interrupted (what was acknowledged is in).)";

} // namespace

void add_load_command(CLI::App& program, int& result) {
  auto settings = std::make_shared<load_settings>();
  auto& command = *program.add_subcommand("load", "Import a delimited file with many client actors, a row each");
  command.footer(footer);
  command.add_option("FILE", settings->file, "The delimited file (CSV with quoting)")->required();
  auto* data = command.add_option("--data", settings->data, "The data folder");
  add_connect_options(command, settings->remote, data);
  auto* connect = command.get_option("--connect");
  command.add_option("--table", settings->table, "The table that takes the rows")->required();
  command.add_option("--clients", settings->clients, "Client actors, each with one row on its way")
    ->check(CLI::Range(1, 100'000))
    ->capture_default_str();
  command.add_option("--delimiter", settings->delimiter, "One character, \\t for a tab")
    ->check(CLI::Validator{check_delimiter, "CHARACTER"})
    ->capture_default_str();
  command.add_option("--columns", settings->columns, "The columns' names; the first line is then data too")
    ->delimiter(',');
  auto* header = command.add_flag("--header", settings->header, "The first line is a header even with --columns");
  command.add_flag("--no-header", settings->no_header, "The first line is data; columns are column1, column2, …")
    ->excludes(header);
  command.add_flag("--create,!--no-create", settings->create, "Make the data folder where it is missing (the default)");
  command.add_option("--kill-writer", settings->kill_writer, "Kill the writer so many times at random moments")
    ->excludes(connect)
    ->check(CLI::Range(0, 10'000));
  command.add_option("--kill-reader", settings->kill_reader, "The same for readers, which then get queries to run")
    ->excludes(connect)
    ->check(CLI::Range(0, 10'000));
  command.add_option("--ack-file", settings->ack_path, "Append the first column of each acknowledged row, a line each");
  command.add_flag("--resume", settings->resume, "Begin, or go on where an earlier run with --resume ended")
    ->excludes(connect);
  command.add_flag("--verify", settings->verify, "Compare table and file row by row afterwards");
  command.add_flag("--strict", settings->strict, "Stop at the first malformed row");
  command.add_option("--patience", settings->patience, "Give up when no row was answered for so many seconds")
    ->check(CLI::Range(1, 7 * 24 * 3600))
    ->capture_default_str();
  command.add_flag("--json", settings->json, "Print the summary as one JSON object");
  command.callback([settings, &result] {
    require_place(settings->data, settings->remote);
    result = run_load(*settings);
  });
}

} // namespace millrace::tools
