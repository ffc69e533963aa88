#pragma once

#include <string_view>

/// Places where a proof interferes with the engine (tests/proof/README.md). Only a build with `MILLRACE_PROOF` has
/// them; in all others they are nothing, and their calls are compiled away.
namespace millrace::storage {

#ifdef MILLRACE_PROOF

/// Ends the process here by SIGKILL, or by abort, where the environment asks for it:
/// `MILLRACE_FAILPOINT=<name>[:<nth time, 1 at first>][:kill|abort]`. Any thread.
void failpoint(std::string_view name) noexcept;

#else

constexpr void failpoint(std::string_view) noexcept {}

#endif

} // namespace millrace::storage
