#include "pins.hpp"

#include <millrace/actors/network/connection/tls.hpp>

#include <algorithm>
#include <utility>

namespace millrace::tools {

tl::expected<pins, std::string> pins::parse(const std::vector<std::string>& texts) {
  pins all;
  for (const auto& text : texts) {
    const auto split = text.find('=');
    const bool has_role = split != std::string::npos;
    const auto role_text = has_role ? text.substr(0, split) : std::string{wire::name(wire::role::read_write)};
    const auto role = wire::role_of_name(role_text);
    if (!role) {
      return tl::unexpected{"\"" + role_text + "\" is no role; there are read, read-write and operator."};
    }
    auto fingerprint = network::plain_fingerprint(has_role ? text.substr(split + 1) : text);
    if (!fingerprint) {
      return tl::unexpected{std::move(fingerprint).error()};
    }
    const auto [place, fresh] = all.roles_.try_emplace(*fingerprint, *role);
    if (!fresh && place->second != *role) {
      return tl::unexpected{"The certificate " + *fingerprint + " is pinned as " + std::string{name(place->second)}
                            + " and as " + role_text + "; it has one role, which includes the lesser ones."};
    }
  }
  return all;
}

std::vector<std::string> pins::for_port(wire::role admitted) const {
  std::vector<std::string> fitting;
  for (const auto& [fingerprint, role] : roles_) {
    if (role >= admitted) {
      fitting.push_back(fingerprint);
    }
  }
  return fitting;
}

std::string pins::below(wire::role least_admitted) const {
  const auto found = std::ranges::find_if(roles_, [=](const auto& one) { return one.second < least_admitted; });
  return found == roles_.end() ? std::string{} : found->first;
}

} // namespace millrace::tools
