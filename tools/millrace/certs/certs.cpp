#include "certs.hpp"

#include "certificates.hpp"

#include <millrace/tools/millrace/common/console.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/common/number_between.hpp>

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

/// Never over a file that is there. Empty, or what is wrong.
std::string write_file(const fs::path& file, std::string_view text, mode_t mode) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (descriptor < 0) {
    return file.string() + " cannot be made: " + std::strerror(errno);
  }
  const auto written = ::write(descriptor, text.data(), text.size());
  const bool done = written == static_cast<ssize_t>(text.size()) && ::close(descriptor) == 0;
  return done ? std::string{} : file.string() + " cannot be written: " + std::strerror(errno);
}

/// Writes NAME.pem and NAME-key.pem. Empty, or what is wrong.
std::string make_one(const trial_authority& authority, const fs::path& folder, const certificate_wish& wish) {
  const auto made = authority.issue(wish);
  if (!made) {
    return made.error();
  }
  auto wrong = write_file(folder / (wish.name + "-key.pem"), made->key, 0600);
  if (wrong.empty()) {
    wrong = write_file(folder / (wish.name + ".pem"), made->certificate, 0644);
  }
  if (wrong.empty()) {
    std::cout << wish.name << ".pem  " << fingerprint_of(made->certificate) << '\n';
  }
  return wrong;
}

int make_certificates(const certs_settings& settings) {
  const fs::path folder{settings.folder};
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) {
    return complain(folder.string() + " cannot be made: " + failed.message(), exit_code::failed);
  }
  const auto authority = trial_authority::make(settings.days);
  if (!authority) {
    return complain(authority.error(), exit_code::failed);
  }
  auto wrong = write_file(folder / "ca.pem", authority->certificate(), 0644);
  std::vector<std::string> hosts{"localhost", "127.0.0.1", "::1"};
  hosts.insert(hosts.end(), settings.hosts.begin(), settings.hosts.end());
  if (wrong.empty()) {
    wrong = make_one(*authority, folder, {"server", hosts, settings.days});
  }
  for (const auto& client : settings.clients) {
    if (wrong.empty()) {
      wrong = make_one(*authority, folder, {client, {}, settings.days});
    }
  }
  return wrong.empty() ? exit_code::ok : complain(wrong, exit_code::failed);
}

/// A name of a file and of a certificate.
std::string check_name(const std::string& name) {
  const bool plain = name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
                     == std::string::npos;
  return plain && !name.empty() && name.front() != '.' && name != "server" && name != "ca" ? "" : "is no plain name";
}

constexpr const char* footer = R"(
Makes an authority, a certificate for the server and one for each client: ca.pem, server.pem, server-key.pem,
client.pem, client-key.pem. The authority's key is thrown away, so it can never make another. For a trial; where it
matters, use an authority of your own. Prints the fingerprint of each certificate, which serve --tls-pin takes.

Example:
  millrace certs trial --host db.example.org --client alice --client bob
  millrace serve --data people --listen 0.0.0.0:7400 --tls-certificate trial/server.pem --tls-key trial/server-key.pem \
    --tls-ca trial/ca.pem

Exit codes: 0 done, 1 a file is there already or cannot be written, 2 usage.)";

} // namespace

void add_certs_command(CLI::App& program, int& result) {
  auto settings = std::make_shared<certs_settings>();
  auto& command = *program.add_subcommand("certs", "Make certificates to try TLS with");
  command.footer(footer);
  command.add_option("FOLDER", settings->folder, "Where they go; made where it is missing")->required();
  command.add_option("--host", settings->hosts, "A name or address of the server, beside localhost; may be repeated");
  command.add_option("--client", settings->clients, "Whom to make a client's certificate for; may be repeated")
    ->check(check_name)
    ->capture_default_str();
  command.add_option("--days", settings->days, "How long they hold")
    ->check(number_between(1, 3650))
    ->capture_default_str();
  command.callback([settings, &result] { result = make_certificates(*settings); });
}

} // namespace millrace::tools
