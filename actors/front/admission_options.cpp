#include "admission_options.hpp"

#include <millrace/actors/base/option_rule.hpp>

namespace millrace {

std::optional<failure> check(const admission_options& settings) {
  return first_broken({
    {settings.inflight_transactions_max > 0,
     "`admission.inflight_transactions_max`: at least one transaction must be allowed"},
    {settings.inflight_bytes_max > 0, "`admission.inflight_bytes_max`: at least one byte must be allowed"},
    {settings.waiting_queries_max > 0, "`admission.waiting_queries_max`: at least one query must be allowed"},
    {settings.waiting_query_bytes_max > 0, "`admission.waiting_query_bytes_max`: at least one byte must be allowed"},
  });
}

} // namespace millrace
