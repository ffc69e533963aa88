#pragma once

namespace millrace::storage::sqlite {

/// The name of the VFS whose temporary files are paid from the budget of the thread that writes them (budget.hpp); they
/// are full where that has no more. Registered at the first call. Everything else is the machine's default VFS.
const char* paid_temporary_vfs();

} // namespace millrace::storage::sqlite
