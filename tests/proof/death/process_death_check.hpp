#pragma once

#include "process_death_victim.hpp"

namespace millrace::test {

/// Opens the folder that a victim left and checks what actors/DESIGN.md §11 promises: what was acknowledged is there
/// once, what was not sent is not there, each client's rows stand in its order, and names that are sent again are
/// answered what they were answered before. It then works, is closed and opened again, and nothing has changed. Throws
/// a sentence where that is not so.
void check_what_is_left(const victim& left, const std::filesystem::path& data);

} // namespace millrace::test
