#pragma once

#include "role.hpp"

#include <millrace/messages/error.hpp>

#include <cstdint>
#include <optional>

/// Which version of the messages two programs speak with each other. The first thing that is said over a connection is
/// the client's `hello`, which the server answers with `welcome`, or with an error where no version is common to both.
/// Who says nothing, such as a stock CAF node, is taken to speak version 1.
namespace millrace::wire {

/// All from the oldest to the newest.
struct versions {
  std::uint32_t oldest = 1;
  std::uint32_t newest = 1;

  friend bool operator==(const versions&, const versions&) = default;
};

/// What this program speaks. A message that is added raises the newest; a request that is dropped raises the oldest.
inline constexpr versions spoken{.oldest = 1, .newest = 3};

/// What a program that connects says first.
struct hello {
  versions speaks;

  friend bool operator==(const hello&, const hello&) = default;
};

/// What a server answers to it.
struct welcome {
  std::uint32_t version = 0; ///< The newest that both speak.
  role granted = role::read; ///< What the program may do there.

  friend bool operator==(const welcome&, const welcome&) = default;
};

/// The newest version that both speak; nothing where there is none.
std::optional<std::uint32_t> common(const versions& one, const versions& other) noexcept;

/// Why a server and a program that connects to it do not understand each other, and what to do.
failure mismatch(const versions& server, const versions& program);

} // namespace millrace::wire
