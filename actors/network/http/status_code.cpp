#include "status_code.hpp"

namespace millrace::network::http {

unsigned status_code(errc code) noexcept {
  switch (code) {
    case errc::none:
      return 200;
    case errc::bad_sql:
    case errc::parameter_mismatch:
    case errc::malformed:
    case errc::not_a_query:
    case errc::value_type:
    case errc::version_mismatch:
    case errc::bad_option:
      return 400;
    case errc::not_permitted:
    case errc::wrong_role:
      return 403;
    case errc::not_found:
      return 404;
    case errc::deadline_exceeded:
      return 408;
    case errc::constraint:
    case errc::row_count_mismatch:
    case errc::name_taken:
    case errc::schema_conflict:
      return 409;
    case errc::cursor_lost:
      return 410;
    case errc::too_large:
      return 413;
    case errc::quarantined:
    case errc::over_budget:
    case errc::out_of_step:
      return 422;
    case errc::overloaded:
      return 429;
    case errc::outcome_unknown:
    case errc::name_forgotten:
      return 504;
    case errc::disk_full:
      return 507;
    case errc::unavailable:
    case errc::shutting_down:
    case errc::reader_failed:
    case errc::locked:
    case errc::io_error:
    case errc::breaker_open:
    case errc::lease_expired:
    case errc::database_gone:
    case errc::out_of_memory:
      return 503;
    default:
      return 500;
  }
}

} // namespace millrace::network::http
