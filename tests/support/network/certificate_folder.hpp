#pragma once

#include <millrace/actors/network/connection/tls.hpp>
#include <millrace/tests/support/temporary_folder.hpp>
#include <millrace/tools/millrace/certs/certificates.hpp>

#include <filesystem>
#include <fstream>
#include <string>

#include <boost/test/unit_test.hpp>

namespace millrace::test {

/// Certificates of one authority, as files.
class certificate_folder {
public:
  certificate_folder() : authority_(must(tools::trial_authority::make(30))) {
    write("ca.pem", authority_.certificate());
    add({"server", {"localhost", "127.0.0.1"}});
    add({"client", {}});
  }

  void add(const tools::certificate_wish& wish) {
    const auto made = must(authority_.issue(wish));
    write(wish.name + ".pem", made.certificate);
    write(wish.name + "-key.pem", made.key);
  }

  std::filesystem::path file(const std::string& name) const { return folder_.path() / name; }

  network::tls_settings settings(const std::string& name) const {
    return {file(name + ".pem"), file(name + "-key.pem"), file("ca.pem"), {}};
  }

  std::string fingerprint(const std::string& name) const {
    std::ifstream in{file(name + ".pem")};
    return tools::fingerprint_of({std::istreambuf_iterator<char>{in}, {}});
  }

private:
  template <class T>
  static T must(tl::expected<T, std::string> made) {
    BOOST_REQUIRE_MESSAGE(made, (made ? "" : made.error()));
    return std::move(*made);
  }

  void write(const std::string& name, const std::string& text) { std::ofstream{file(name)} << text; }

  temporary_folder folder_;
  tools::trial_authority authority_;
};

} // namespace millrace::test
