#pragma once

#include <millrace/messages/error.hpp>

#include <ostream>

namespace millrace {

/// For the messages of failed checks.
inline std::ostream& operator<<(std::ostream& out, errc code) {
  return out << name(code);
}

} // namespace millrace
