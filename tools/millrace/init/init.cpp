#include "init.hpp"

#include <millrace/tools/millrace/common/console.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/common/in_folder.hpp>
#include <millrace/tools/millrace/common/output.hpp>
#include <millrace/tools/millrace/common/readable_file.hpp>

#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>

#include <fmt/format.h>

namespace millrace::tools {

namespace {

/// As a shell takes it.
std::string in_shell(const std::string& path) {
  constexpr auto plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";
  if (path.find_first_not_of(plain) == std::string::npos) {
    return path;
  }
  std::string quoted = "'";
  for (const char letter : path) {
    quoted += letter == '\'' ? std::string{"'\\''"} : std::string{letter};
  }
  return quoted + "'";
}

int make_folder(const std::string& folder) {
  std::error_code none;
  const bool was_there = std::filesystem::exists(std::filesystem::path{folder} / "database.sqlite3", none);
  options settings;
  settings.data = folder;
  settings.create_if_missing = true;
  settings.read.readers = 1;
  const int code = in_folder(settings, [](caf::actor_system&, const engine&) { return exit_code::ok; });
  if (code != exit_code::ok) {
    return code;
  }
  const auto done = was_there ? folder + " is a data folder already."
                              : "Made the data folder " + folder + ". Next, for instance:";
  std::cout << done << '\n';
  vouch(done);
  if (!was_there) {
    const auto name = in_shell(folder);
    std::cout << fmt::format(R"--(
  millrace sql --data {0} "CREATE TABLE note(text TEXT NOT NULL)"
  millrace sql --data {0} "INSERT INTO note VALUES ('It holds.')"
  millrace sql --data {0} "SELECT * FROM note"
  millrace migrate new person          # for a schema that is kept in files; then: millrace migrate up --data {0}
  millrace serve --data {0}            # for programs elsewhere
)--",
                             name);
  }
  return exit_code::ok;
}

constexpr const char* footer = R"(
Makes an empty data folder in one that is there, and says what to do next. A folder that is one already
is left as it is; one with anything else in it is refused.

Exit codes: 0 done, 2 usage, 70 the folder cannot be made or opened.)";

} // namespace

void add_init_command(CLI::App& program, int& result) {
  auto folder = std::make_shared<std::string>();
  auto& command = *program.add_subcommand("init", "Make a data folder");
  command.footer(footer);
  command.add_option("DIR", *folder, "The folder to make")->required()->check(a_name());
  command.callback([folder, &result] { result = make_folder(*folder); });
}

} // namespace millrace::tools
