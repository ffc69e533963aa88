#include "user_name.hpp"

#include <millrace/storage/base/system_error.hpp>

#include <unistd.h>

namespace millrace::tools {

std::string user_name() {
  return storage::user_name(::geteuid());
}

} // namespace millrace::tools
