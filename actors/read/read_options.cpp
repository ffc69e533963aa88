#include "read_options.hpp"

#include <millrace/actors/base/option_rule.hpp>

namespace millrace {

std::optional<failure> check(const read_options& settings) {
  return first_broken({
    {settings.readers > 0, "`read.readers`: at least one is needed to answer queries"},
    {settings.lease.count() > 0, "`read.lease`: it must be longer than nothing"},
    {settings.age_max.count() > 0, "`read.age_max`: it must be longer than nothing"},
  });
}

} // namespace millrace
