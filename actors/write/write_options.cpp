#include "write_options.hpp"

#include <millrace/actors/base/option_rule.hpp>

namespace millrace {

std::optional<failure> check(const write_options& settings) {
  return first_broken({
    {settings.wal_pages_max > settings.checkpoint_pages,
     "`write.wal_pages_max`: it must be above `write.checkpoint_pages`"},
    {settings.deaths_max > 0, "`write.deaths_max`: a transaction must be tried once at least"},
  });
}

} // namespace millrace
