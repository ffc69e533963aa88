#include "health_options.hpp"

#include <millrace/actors/base/option_rule.hpp>

namespace millrace {

std::optional<failure> check(const health_options& settings) {
  return first_broken({
    {settings.interval.count() > 0, "`health.interval`: it must be longer than nothing"},
    {settings.scrub_interval.count() >= 0, "`health.scrub_interval`: it must not be negative; zero means never"},
  });
}

} // namespace millrace
