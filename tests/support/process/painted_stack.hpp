#pragma once

#include <cstddef>
#include <functional>

namespace millrace::test {

/// What a thread has by default.
inline constexpr std::size_t usual_stack_bytes = 8 * 1024 * 1024;

/// Runs the call in a thread with a stack of so many bytes, whole pages: how many were used. What goes beyond it ends
/// the process. The call must not throw.
std::size_t stack_used(const std::function<void()>& call, std::size_t bytes = usual_stack_bytes);

} // namespace millrace::test
