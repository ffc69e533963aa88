#pragma once

namespace millrace::storage::sqlite {

/// The name of the VFS whose temporary files lie where the budget of the thread that makes them says, and are paid from
/// the budgets of those that write them (budget.hpp); they are full where there is no more. Registered at the first
/// call. Everything else is the machine's default VFS.
const char* paid_temporary_vfs();

} // namespace millrace::storage::sqlite
