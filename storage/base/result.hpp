#pragma once

#include <millrace/messages/error.hpp>

#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace millrace::storage {

/// What a storage function gives: its value, or why it failed. Storage throws nothing of its own.
template <class T = void>
using result = tl::expected<T, failure>;

/// Shorthand for returning a failure: `return fail(errc::io_error, "…")`.
inline tl::unexpected<failure> fail(errc code, std::string detail) {
  return tl::unexpected<failure>{failure{code, std::move(detail)}};
}

} // namespace millrace::storage
