#include "certs.hpp"

#include "certificates.hpp"

#include <millrace/tools/millrace/common/console.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/common/number_between.hpp>
#include <millrace/tools/millrace/common/output.hpp>
#include <millrace/tools/millrace/common/readable_file.hpp>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace millrace::tools {

namespace {

namespace fs = std::filesystem;

struct certs_settings {
  std::string folder;
  std::vector<std::string> hosts;
  std::vector<std::string> clients{"client"};
  int days = 30;
};

/// The files that are made, and the folder where it is. They are removed again unless all of them could be.
class new_files {
public:
  new_files(fs::path folder, bool is_new) : folder_(std::move(folder)) {
    if (is_new) {
      made_.push_back(folder_);
    }
  }
  new_files(const new_files&) = delete;
  new_files& operator=(const new_files&) = delete;
  ~new_files() {
    for (auto last = made_.rbegin(); last != made_.rend(); ++last) {
      std::error_code ignored;
      fs::remove(*last, ignored);
    }
  }

  /// Never over a file that is there. Empty, or what is wrong.
  std::string write(const std::string& name, std::string_view text, mode_t mode) {
    const auto file = folder_ / name;
    const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (descriptor < 0) {
      return file.string() + " cannot be made: " + std::strerror(errno);
    }
    made_.push_back(file);
    ssize_t written = 0;
    while (!text.empty() && (written = ::write(descriptor, text.data(), text.size())) > 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    const int problem = text.empty() ? 0 : errno;
    const bool closed = ::close(descriptor) == 0;
    return problem == 0 && closed
             ? std::string{}
             : file.string() + " cannot be written: " + std::strerror(problem == 0 ? errno : problem);
  }

  void keep() noexcept { made_.clear(); }

private:
  fs::path folder_;
  std::vector<fs::path> made_;
};

/// Writes NAME.pem and NAME-key.pem, and adds a line about them to `made_lines`. Empty, or what is wrong.
std::string make_one(const trial_authority& authority, new_files& files, const certificate_wish& wish,
                     std::string& made_lines) {
  const auto made = authority.issue(wish);
  if (!made) {
    return made.error();
  }
  auto wrong = files.write(wish.name + "-key.pem", made->key, 0600);
  if (wrong.empty()) {
    wrong = files.write(wish.name + ".pem", made->certificate, 0644);
  }
  if (wrong.empty()) {
    made_lines += wish.name + ".pem  " + fingerprint_of(made->certificate) + '\n';
  }
  return wrong;
}

int make_certificates(const certs_settings& settings) {
  const fs::path folder{settings.folder};
  std::error_code failed;
  const auto is_new = fs::create_directories(folder, failed);
  if (failed) {
    return complain(folder.string() + " cannot be made: " + failed.message(), exit_code::failed);
  }
  const auto authority = trial_authority::make(settings.days);
  if (!authority) {
    return complain(authority.error(), exit_code::failed);
  }
  new_files files{folder, is_new};
  auto wrong = files.write("ca.pem", authority->certificate(), 0644);
  std::string made_lines;
  std::vector<std::string> hosts{"localhost", "127.0.0.1", "::1"};
  hosts.insert(hosts.end(), settings.hosts.begin(), settings.hosts.end());
  if (wrong.empty()) {
    wrong = make_one(*authority, files, {"server", hosts, settings.days}, made_lines);
  }
  for (const auto& client : settings.clients) {
    if (wrong.empty()) {
      wrong = make_one(*authority, files, {client, {}, settings.days}, made_lines);
    }
  }
  if (!wrong.empty()) {
    return complain(wrong, exit_code::failed);
  }
  files.keep();
  std::cout << made_lines;
  vouch("The certificates were made.");
  return exit_code::ok;
}

/// A name of a file and of a certificate.
std::string check_name(const std::string& name) {
  const bool plain = name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
                     == std::string::npos;
  return plain && !name.empty() && name.front() != '.' && name != "server" && name != "ca" ? ""
                                                                                                : "\"" + name + "\" is no plain name, which has letters, digits, -, _ and . in it, begins with no dot, and is neither ca nor server";
}

constexpr const char* footer = R"(
Makes an authority, a certificate for the server and one for each client: ca.pem, server.pem, server-key.pem,
client.pem, client-key.pem. The authority's key is thrown away, so it can never make another. For a trial; where it
matters, use an authority of your own. Prints the fingerprint of each certificate, which serve --tls-pin takes.

Example:
  millrace certs trial --host db.example.org --client alice --client bob
  millrace serve --data people --listen 0.0.0.0:7400 --tls-certificate trial/server.pem --tls-key trial/server-key.pem \
    --tls-ca trial/ca.pem

Exit codes: 0 done, 1 a file is there already or cannot be written, and then none was made, 2 usage.)";

} // namespace

void add_certs_command(CLI::App& program, int& result) {
  auto settings = std::make_shared<certs_settings>();
  auto& command = *program.add_subcommand("certs", "Make certificates to try TLS with");
  command.footer(footer);
  command.add_option("FOLDER", settings->folder, "Where they go; made where it is missing")
    ->required()
    ->check(a_name());
  command.add_option("--host", settings->hosts, "A name or address of the server, beside localhost; may be repeated")
    ->allow_extra_args(false)
    ->check(a_name());
  command.add_option("--client", settings->clients, "Whom to make a client's certificate for; may be repeated")
    ->allow_extra_args(false)
    ->check(check_name)
    ->capture_default_str();
  command.add_option("--days", settings->days, "How long they hold")
    ->check(number_between(1, 3650))
    ->capture_default_str();
  command.callback([settings, &result] { result = make_certificates(*settings); });
}

} // namespace millrace::tools
