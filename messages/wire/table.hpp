#pragma once

#include "registry.hpp"
#include "role.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <typeinfo>

#include <caf/error.hpp>
#include <caf/replies_to.hpp>
#include <caf/type_erased_tuple.hpp>
#include <caf/typed_actor.hpp>

/// What the table of requests (requests.hpp) is made of, and what is derived from rows of it.
namespace millrace::wire {

/// A request: what it is answered with, who may ask it, and which wire version it came with.
template <class Request, class Answer, role Least, std::uint32_t Since>
struct exchange {
  using request = Request;
  using answer = Answer;
  using signature = typename caf::replies_to<Request>::template with<Answer>;
  static constexpr role least = Least;
  static constexpr std::uint32_t since = Since;
};

template <class... Exchanges>
struct table {};

template <class... Ts>
struct types {};

// Parts of a table ----------------------------------------------------------------------------------------------------

namespace detail {

template <class Table, role Least, role Most, class... Rows>
struct select_rows;

template <class... Taken, role Least, role Most>
struct select_rows<table<Taken...>, Least, Most> {
  using type = table<Taken...>;
};

template <class... Taken, role Least, role Most, class Row, class... Rows>
struct select_rows<table<Taken...>, Least, Most, Row, Rows...>
  : select_rows<std::conditional_t<(Least <= Row::least && Row::least <= Most), table<Taken..., Row>, table<Taken...>>,
                Least, Most, Rows...> {};

template <class Table, role Least, role Most>
struct rows_within;

template <class... Rows, role Least, role Most>
struct rows_within<table<Rows...>, Least, Most> : select_rows<table<>, Least, Most, Rows...> {};

template <class Types, class... Ts>
struct added_types;

template <class... Taken>
struct added_types<types<Taken...>> {
  using type = types<Taken...>;
};

template <class... Taken, class T, class... Ts>
struct added_types<types<Taken...>, T, Ts...>
  : added_types<std::conditional_t<(std::is_same_v<T, Taken> || ...), types<Taken...>, types<Taken..., T>>, Ts...> {};

} // namespace detail

/// The rows whose least role is between two, both included.
template <class Table, role Least, role Most>
using rows_between = typename detail::rows_within<Table, Least, Most>::type;

/// Types that follow others, each once.
template <class Types, class... Ts>
using add_types = typename detail::added_types<Types, Ts...>::type;

// What is derived from one --------------------------------------------------------------------------------------------

namespace detail {

template <class T>
inline constexpr auto content_text = [] {
  constexpr std::string_view prefix = "@<>+";
  constexpr std::string_view type = caf::type_name<T>::value;
  std::array<char, prefix.size() + type.size()> text{};
  prefix.copy(text.data(), prefix.size());
  type.copy(text.data() + prefix.size(), type.size());
  return text;
}();

template <class Table>
struct actor_for;

template <class... Rows>
struct actor_for<table<Rows...>> {
  using type = caf::typed_actor<typename Rows::signature...>;
};

} // namespace detail

/// How CAF names a message of one value on the wire, such as `@<>+millrace::query`.
template <class T>
inline constexpr std::string_view content{detail::content_text<T>.data(), detail::content_text<T>.size()};
template <>
inline constexpr std::string_view content<caf::error>{"@<>+@error"};

template <class... Ts>
constexpr std::array<std::string_view, sizeof...(Ts)> contents(types<Ts...>) {
  return {content<Ts>...};
}

/// The typed interface of who answers the requests of some rows.
template <class Table>
using actor_of = typename detail::actor_for<Table>::type;

/// Calls `take` with the row whose request a message is. False where it is none of them. Who the type is, is nearly
/// always told by the address of its description; CAF compares names, at several hundred instructions a request. Only a
/// library of its own can have another description of the same type.
template <class... Rows, class F>
bool visit_request(table<Rows...>, const caf::type_erased_tuple& message, F take) {
  const auto* type = message.size() == 1 ? message.type(0).second : nullptr;
  return ((type == &typeid(typename Rows::request) && (take(Rows{}), true)) || ...)
         || ((message.match_elements<typename Rows::request>() && (take(Rows{}), true)) || ...);
}

} // namespace millrace::wire
