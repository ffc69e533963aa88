#include "program.hpp"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <thread>
#include <utility>

#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

extern char** environ; // NOLINT(readability-redundant-declaration): POSIX leaves it to the program.

namespace millrace::test {

namespace {

constexpr int unknown_role = 64;

int memory_file(const char* name) {
  const int descriptor = ::memfd_create(name, MFD_CLOEXEC);
  BOOST_REQUIRE_GE(descriptor, 0);
  return descriptor;
}

std::map<std::string, role::function, std::less<>>& roles() {
  static std::map<std::string, role::function, std::less<>> all;
  return all;
}

/// Where the command line names a role, this plays it and the tests do not run. A fixture of all tests, since by then
/// every static object of the program is ready.
struct role_player {
  role_player() {
    const auto& suite = boost::unit_test::framework::master_test_suite();
    if (suite.argc < 2) {
      return;
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const auto found = roles().find(std::string_view{suite.argv[1]});
    std::exit(found == roles().end() ? unknown_role : found->second({suite.argv + 2, suite.argv + suite.argc}));
  }
};

BOOST_TEST_GLOBAL_FIXTURE(role_player);

} // namespace

program::program(std::vector<std::string> arguments) : out_(memory_file("out")), err_(memory_file("err")) {
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (auto& argument : arguments) {
    pointers.push_back(argument.data());
  }
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, out_, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, err_, STDERR_FILENO);
  const int problem = ::posix_spawn(&id_, arguments.front().c_str(), &files, nullptr, pointers.data(), environ);
  ::posix_spawn_file_actions_destroy(&files);
  BOOST_REQUIRE_EQUAL(problem, 0);
}

program::program(program&& other) noexcept
  : id_(other.id_),
    status_(other.status_),
    ended_(std::exchange(other.ended_, true)),
    out_(std::exchange(other.out_, -1)),
    err_(std::exchange(other.err_, -1)) {}

program::~program() {
  if (running()) {
    send(SIGKILL);
    ::waitpid(id_, &status_, 0);
  }
  for (const int descriptor : {out_, err_}) {
    if (descriptor >= 0) {
      ::close(descriptor);
    }
  }
}

bool program::running() {
  ended_ = ended_ || ::waitpid(id_, &status_, WNOHANG) == id_;
  return !ended_;
}

void program::send(int signal) {
  if (running()) {
    ::kill(id_, signal);
  }
}

ending program::wait() {
  constexpr std::chrono::minutes patience{3};
  const auto start = std::chrono::steady_clock::now();
  while (running()) {
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
    if (std::chrono::steady_clock::now() - start > patience) {
      send(SIGKILL);
    }
  }
  ending result{.out = text(out_), .err = text(err_)};
  if (WIFEXITED(status_)) {
    result.code = WEXITSTATUS(status_);
  } else {
    result.signal = WTERMSIG(status_);
  }
  return result;
}

std::string program::text(int descriptor) const {
  std::string all;
  char part[4096];
  for (ssize_t read = 0; (read = ::pread(descriptor, part, sizeof part, static_cast<off_t>(all.size()))) > 0;) {
    all.append(part, static_cast<std::size_t>(read));
  }
  return all;
}

program start_millrace(const std::vector<std::string>& arguments) {
  std::vector<std::string> line{MILLRACE_PROGRAM};
  line.insert(line.end(), arguments.begin(), arguments.end());
  return program{std::move(line)};
}

ending run_millrace(const std::vector<std::string>& arguments) {
  return start_millrace(arguments).wait();
}

role::role(std::string_view name, function play) {
  roles().emplace(name, play);
}

program role::start(std::string_view name, const std::vector<std::string>& arguments) {
  // Signals are for the role to die of, not for Boost.Test to report.
  std::vector<std::string> line{"/proc/self/exe", "--catch_system_errors=no", "--", std::string{name}};
  line.insert(line.end(), arguments.begin(), arguments.end());
  return program{std::move(line)};
}

} // namespace millrace::test
