#include "requests.hpp"

namespace millrace::wire {

namespace {

template <role Granted>
constexpr auto from_program = contents(decltype(detail::requested(requests_up_to<Granted>{})){});
constexpr auto from_server = contents(to_client{});

} // namespace

std::span<const std::string_view> contents_from(role granted) noexcept {
  switch (granted) {
    case role::read:
      return from_program<role::read>;
    case role::read_write:
      return from_program<role::read_write>;
    case role::operations:
      return from_program<role::operations>;
  }
  return {};
}

std::span<const std::string_view> contents_from_server() noexcept {
  return from_server;
}

std::optional<role> least_role(const caf::type_erased_tuple& message) {
  std::optional<role> least;
  visit_request(requests{}, message, [&]<class Row>(Row) { least = Row::least; });
  return least;
}

} // namespace millrace::wire
