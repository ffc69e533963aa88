#include "value.hpp"

#include <stdexcept>

namespace millrace::detail {

namespace {

std::string digits(std::uint64_t number, unsigned width) {
  auto text = std::to_string(number);
  return text.size() < width ? std::string(width - text.size(), '0') + text : text;
}

} // namespace

std::string date_text(std::chrono::sys_days day) {
  constexpr int last_year = 9999; // SQLite's date functions know none after it, nor any before 0.
  const std::chrono::year_month_day date{day};
  const int year{date.year()};
  if (year < 0 || year > last_year) {
    throw std::out_of_range{"a moment of the year " + std::to_string(year)
                            + " has no text that SQL understands; the years are 0 to 9999"};
  }
  return digits(static_cast<unsigned>(year), 4) + "-" + digits(static_cast<unsigned>(date.month()), 2) + "-"
         + digits(static_cast<unsigned>(date.day()), 2);
}

std::string time_text(std::chrono::sys_days day, std::chrono::seconds time, std::uint64_t fraction, unsigned decimals) {
  const std::chrono::hh_mm_ss clock{time};
  auto text = date_text(day) + " " + digits(static_cast<std::uint64_t>(clock.hours().count()), 2) + ":"
              + digits(static_cast<std::uint64_t>(clock.minutes().count()), 2) + ":"
              + digits(static_cast<std::uint64_t>(clock.seconds().count()), 2);
  return decimals == 0 ? text : text + "." + digits(fraction, decimals);
}

void refuse_integer(std::uint64_t number) {
  throw std::out_of_range{std::to_string(number)
                          + " does not fit into SQL's integer, whose greatest is 9223372036854775807; give it as text, "
                            "or its bits as `static_cast<std::int64_t>`"};
}

} // namespace millrace::detail
