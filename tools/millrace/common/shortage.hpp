#pragma once

#include <cstddef>
#include <string>

namespace millrace::tools {

/// What the system grants too little of for an engine with so many readers, or for a connection to one, as a sentence;
/// empty where it is enough. To be asked before an actor system is made: that ends the process where it gets no thread.
std::string shortage(std::size_t readers);

/// Lets the process open so many files at once, as far as that is its own to decide. Gives how many it may.
std::size_t allow_files(std::size_t wanted);

} // namespace millrace::tools
