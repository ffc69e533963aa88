#pragma once

#include <millrace/messages/wire/interfaces.hpp>

#include <caf/type_erased_tuple.hpp>

namespace millrace::network {

/// Whether a message is for `operations_actor`.
inline bool is_operation(const caf::type_erased_tuple& content) {
  return content.match_elements<quarantine_list>() || content.match_elements<quarantine_resubmit>()
         || content.match_elements<quarantine_discard>();
}

} // namespace millrace::network
