#pragma once

#include <millrace/messages/wire/interfaces.hpp>

namespace millrace::network {

/// Who serves what comes in at a port.
struct served_actors {
  engine_actor engine{};
  operations_actor operations{}; ///< Null where no operator connects.
};

} // namespace millrace::network
