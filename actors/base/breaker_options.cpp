#include "breaker_options.hpp"

#include "option_rule.hpp"

namespace millrace {

std::optional<failure> check(const breaker_options& settings, const std::string& name) {
  const auto words = [&name](const char* otherwise) { return "`" + name + "`: " + otherwise; };
  return first_broken({
    {settings.window >= std::chrono::milliseconds{10} && settings.slow.count() > 0 && settings.open_for.count() > 0,
     words("its window needs 10 ms, its other times more than nothing")},
    {settings.failure_rate > 0 && settings.failure_rate <= 1, words("`failure_rate` must be above 0 and at most 1")},
    {settings.failures_min > 0 && settings.probes > 0, words("`failures_min` and `probes` must be at least 1")},
  });
}

} // namespace millrace
