#pragma once

#include <millrace/tests/support/process/program.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <string>

namespace millrace::tools::test {

/// A folder, and the program as a shell runs it there.
struct shell_fixture {
  millrace::test::temporary_folder folder;

  /// Starts a script in which `$M` is the program.
  millrace::test::program start(const std::string& script) const {
    return millrace::test::program{{"/bin/sh", "-c", "M=$0; cd \"$1\" && " + script, MILLRACE_PROGRAM, folder.path()}};
  }

  /// Runs such a script to its end.
  millrace::test::ending shell(const std::string& script) const { return start(script).wait(); }
};

} // namespace millrace::tools::test
