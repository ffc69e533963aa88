#include "setback.hpp"

#include <millrace/storage/sqlite/common/error.hpp>

#include <utility>

namespace millrace::storage::sqlite {

namespace {

/// What looks like the machine's fault comes of the work, too, that asks for more room or memory than there is.
bool may_be_of_work(errc code) noexcept {
  return code == errc::disk_full || code == errc::io_error || code == errc::out_of_memory;
}

/// What is the work's own fault, and yet no function of the log alone: how much memory SQLite takes depends on what it
/// holds already.
bool is_own_fault(errc code) noexcept {
  return code == errc::over_budget || code == errc::out_of_step;
}

} // namespace

tl::unexpected<setback> set_back(failure reason) {
  const auto how_far = is_outcome(reason.code)       ? reach::group
                       : is_own_fault(reason.code)   ? reach::culprit
                       : may_be_of_work(reason.code) ? reach::suspect
                                                     : reach::call;
  return tl::unexpected{setback{how_far, std::move(reason)}};
}

tl::unexpected<setback> set_back(sqlite3* database, int result_code) {
  return set_back(failure_of(database, result_code));
}

} // namespace millrace::storage::sqlite
