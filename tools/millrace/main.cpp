#include <millrace/tools/millrace/bench/bench.hpp>
#include <millrace/tools/millrace/certs/certs.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/common/log_sink.hpp>
#include <millrace/tools/millrace/common/output.hpp>
#include <millrace/tools/millrace/common/usage.hpp>
#include <millrace/tools/millrace/help/help.hpp>
#include <millrace/tools/millrace/init/init.hpp>
#include <millrace/tools/millrace/load/load.hpp>
#include <millrace/tools/millrace/quarantine/quarantine.hpp>
#include <millrace/tools/millrace/schema/migrate.hpp>
#include <millrace/tools/millrace/schema/schema_command.hpp>
#include <millrace/tools/millrace/seed/seed.hpp>
#include <millrace/tools/millrace/serve/serve.hpp>
#include <millrace/tools/millrace/sql/sql.hpp>

#include <exception>
#include <iostream>
#include <string>

#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>

namespace {

namespace tools = millrace::tools;

constexpr const char* footer = R"(
millrace COMMAND --help tells more, with examples; millrace help CODE explains an error.

Exit codes: 0 done, 1 not done in full, or the output could not be written, 2 usage, 70 the engine could not be opened
or stopped serving, 130 interrupted, 141 nobody reads the output any more.)";

int run(int count, char** arguments) {
  int result = tools::exit_code::ok;
  bool verbose = false;
  CLI::App program{"Millrace, an actor-model storage engine", "millrace"};
  program.footer(footer);
  program.failure_message(tools::usage_sentence);
  program.set_version_flag("--version", "millrace " MILLRACE_VERSION);
  program.add_flag("--verbose", verbose, "Log what the engine does to stderr");
  program.require_subcommand(1);
  program.fallthrough();
  // Subcommands run before the program's own callback; the logger has to be right before that.
  program.parse_complete_callback(
    [&verbose] { spdlog::set_level(verbose ? spdlog::level::debug : spdlog::level::warn); });
  tools::add_init_command(program, result);
  tools::add_load_command(program, result);
  tools::add_bench_command(program, result);
  tools::add_sql_command(program, result);
  tools::add_serve_command(program, result);
  tools::add_certs_command(program, result);
  tools::add_quarantine_command(program, result);
  tools::add_migrate_command(program, result);
  tools::add_schema_command(program, result);
  tools::add_seed_command(program, result);
  tools::add_help_command(program, result);
  try {
    program.parse(count, arguments);
  } catch (const CLI::ParseError& problem) {
    // A question for help beside something unknown is answered with what is unknown.
    const auto unknown = program.remaining(true);
    const int code = unknown.empty() ? program.exit(problem) : program.exit(CLI::ExtrasError{unknown});
    return code == 0 ? tools::exit_code::ok : tools::exit_code::usage;
  }
  return result;
}

} // namespace

int main(int count, char** arguments) {
  tools::prepare_output();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("millrace", tools::make_log_sink()));
  try {
    return tools::finish_output(run(count, arguments));
  } catch (const std::exception& problem) {
    std::cerr << "The program had to end: " << problem.what() << '\n';
    return tools::exit_code::engine;
  }
}
