#pragma once

#include <millrace/messages/error.hpp>

namespace millrace::network::http {

/// The status that a failure is answered with (RFC 9110 §15, RFC 6585 §4, RFC 4918 §11.5). What may succeed later is
/// 429 or above 500, and what is not known to have had no effect is 504 alone.
unsigned status_code(errc code) noexcept;

} // namespace millrace::network::http
