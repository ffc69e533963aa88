#pragma once

#include <millrace/messages/wire/role.hpp>

#include <map>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace millrace::tools {

/// The client certificates that a server lets in, by their fingerprints, and what each may do.
class pins {
public:
  /// Each is `[ROLE=]FINGERPRINT`; without a role it may read and write. The error is a sentence.
  [[nodiscard]] static tl::expected<pins, std::string> parse(const std::vector<std::string>& texts);

  bool empty() const noexcept { return roles_.empty(); }

  /// Those that may connect at a port which admits a role: its own and higher ones.
  std::vector<std::string> for_port(wire::role admitted) const;

  /// One whose role is below all ports, of which the least admits a role; empty where there is none.
  std::string below(wire::role least_admitted) const;

private:
  std::map<std::string, wire::role> roles_; ///< By fingerprint.
};

} // namespace millrace::tools
