#pragma once

#include <millrace/tests/support/process/program.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <cstdlib>
#include <string>

#include <boost/test/unit_test.hpp>

namespace millrace::test {

/// A folder, and the program as a shell runs it there.
struct shell_fixture {
  temporary_folder folder;

  /// Starts a script in which `$M` is the program.
  program start(const std::string& script) const {
    return program{{"/bin/sh", "-c", "M=$0; cd \"$1\" && " + script, MILLRACE_PROGRAM, folder.path()}};
  }

  /// Runs such a script to its end.
  ending shell(const std::string& script) const { return start(script).wait(); }
};

/// Whether a test may mount a small disk in a name space of its own.
inline boost::test_tools::assertion_result may_mount(boost::unit_test::test_unit_id) {
  return std::system("unshare --mount mount -t tmpfs tmpfs /mnt 2> /dev/null") == 0;
}

} // namespace millrace::test
