#include "admission.hpp"

#include <millrace/messages/limits.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

namespace millrace {

namespace {

failure too_large(std::string_view what, std::size_t is, std::size_t most) {
  return {errc::too_large,
          std::string{what} + ": " + std::to_string(is) + ", at most " + std::to_string(most) + " allowed"};
}

std::optional<failure> check(const statement& step) {
  if (step.sql.size() > limits::sql_bytes_max) {
    return too_large("bytes of SQL", step.sql.size(), limits::sql_bytes_max);
  }
  if (step.parameters.size() > limits::parameters_max) {
    return too_large("parameters", step.parameters.size(), limits::parameters_max);
  }
  if (!step.names.empty() && step.names.size() != step.parameters.size()) {
    return failure{errc::parameter_mismatch, "parameters are given partly by name and partly by position"};
  }
  const auto largest = std::ranges::max_element(step.parameters, {}, &value::payload_bytes);
  if (largest != step.parameters.end() && largest->payload_bytes() > limits::value_bytes_max) {
    return too_large("bytes in one value", largest->payload_bytes(), limits::value_bytes_max);
  }
  return std::nullopt;
}

std::optional<failure> check_groups(const transaction& work) {
  if (work.groups.size() > limits::groups_max) {
    return too_large("groups", work.groups.size(), limits::groups_max);
  }
  const auto known = [](const group& one) { return one.policy <= on_error::continue_after; };
  const auto depth = group_depth(work);
  if (!depth || !std::ranges::all_of(work.groups, known)) {
    return failure{errc::malformed, "savepoint groups must nest or stand apart, outer ones first"};
  }
  if (*depth > limits::group_depth_max) {
    return too_large("groups inside each other", *depth, limits::group_depth_max);
  }
  return std::nullopt;
}

std::optional<failure> check_name(const transaction_name& name) {
  if (name == transaction_name{} || (name.given() && name.client != uuid{})) {
    return std::nullopt;
  }
  return failure{errc::malformed, "a transaction's name needs the id of a client and a number above 0"};
}

std::optional<failure> check_read(const statement& step) {
  if (const auto bytes = payload_bytes(step); bytes > limits::query_bytes_max) {
    return too_large("bytes in the query", bytes, limits::query_bytes_max);
  }
  return check(step);
}

std::optional<failure> check_pages(const query& question, std::uint32_t page_rows) {
  if (question.consistency > consistency::at_least) {
    return failure{errc::malformed, "pages are read with consistency any or at_least"};
  }
  if (page_rows == 0 || page_rows > limits::rows_max) {
    return too_large("rows in one page", page_rows, limits::rows_max);
  }
  return check_read(question.statement);
}

/// So long a time without anything given back tells nothing of how fast that goes.
constexpr std::chrono::seconds measure_time_max{1};
constexpr std::chrono::milliseconds measure_time_min{100};

/// A tenth of a bound, rounded up.
std::uint64_t tenth(std::uint64_t bound) noexcept {
  return bound / 10 + (bound % 10 == 0 ? 0 : 1);
}

/// Seconds until a tenth of `most` is free.
double wait_for_tenth(std::uint64_t held, std::uint64_t most, double rate) noexcept {
  const auto wanted = most - tenth(most);
  return held <= wanted ? 0.0 : static_cast<double>(held - wanted) / rate;
}

} // namespace

std::optional<failure> check(const transaction& work) {
  if (work.statements.empty()) {
    return failure{errc::malformed, "a transaction needs at least one statement"};
  }
  if (work.statements.size() > limits::statements_max) {
    return too_large("statements", work.statements.size(), limits::statements_max);
  }
  if (work.acknowledgement > ack::durable) {
    return failure{errc::malformed, "unknown acknowledgement level"};
  }
  if (work.priority > priority::operations) {
    return failure{errc::malformed, "unknown priority"};
  }
  if (auto problem = check_name(work.name)) {
    return problem;
  }
  for (const auto& step : work.statements) {
    if (auto problem = check(step)) {
      return problem;
    }
  }
  if (const auto bytes = payload_bytes(work); bytes > limits::transaction_bytes_max) {
    return too_large("bytes in the transaction", bytes, limits::transaction_bytes_max);
  }
  return work.groups.empty() ? std::nullopt : check_groups(work);
}

std::optional<failure> check(const query& question) {
  if (question.consistency > consistency::linearizable) {
    return failure{errc::malformed, "unknown consistency level"};
  }
  if (question.max_rows == 0 || question.max_rows > limits::rows_max) {
    return too_large("rows asked for", question.max_rows, limits::rows_max);
  }
  return check_read(question.statement);
}

std::optional<failure> check(const page_query& question) {
  return check_pages(question.question, question.page_rows);
}

std::optional<failure> check(const page_cursor& position) {
  return check_pages(position.question, position.page_rows);
}

bool admission::take(std::size_t bytes, priority urgency) noexcept {
  // Counts first and takes back on refusal: two who compete for the last place may both be refused, never both
  // admitted.
  const auto requests_before = requests_.fetch_add(1, std::memory_order_relaxed);
  const auto bytes_before = bytes_.fetch_add(bytes, std::memory_order_relaxed);
  if (fits(requests_before, bytes_before, bytes, urgency)) {
    return true;
  }
  release(1, bytes);
  return false;
}

void admission::take_anyway(std::size_t bytes) noexcept {
  requests_.fetch_add(1, std::memory_order_relaxed);
  bytes_.fetch_add(bytes, std::memory_order_relaxed);
}

void admission::give_back(std::uint64_t requests, std::uint64_t bytes, clock::time_point now) noexcept {
  release(requests, bytes);
  freed_requests_.fetch_add(requests, std::memory_order_relaxed);
  freed_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  measure(now);
}

void admission::release(std::uint64_t requests, std::uint64_t bytes) noexcept {
  requests_.fetch_sub(requests, std::memory_order_relaxed);
  bytes_.fetch_sub(bytes, std::memory_order_relaxed);
}

void admission::measure(clock::time_point now) noexcept {
  auto before = measured_at_.load(std::memory_order_relaxed);
  const auto elapsed = now.time_since_epoch() - clock::duration{before};
  if (elapsed < measure_time_min || !measured_at_.compare_exchange_strong(before, now.time_since_epoch().count())) {
    return;
  }
  const auto requests = static_cast<double>(freed_requests_.exchange(0));
  const auto bytes = static_cast<double>(freed_bytes_.exchange(0));
  const auto seconds = elapsed > measure_time_max ? 0.0 : std::chrono::duration<double>{elapsed}.count();
  requests_rate_.store(seconds > 0 ? requests / seconds : 0, std::memory_order_relaxed);
  bytes_rate_.store(seconds > 0 ? bytes / seconds : 0, std::memory_order_relaxed);
}

std::chrono::milliseconds admission::retry_after(clock::time_point now) const noexcept {
  using std::chrono::milliseconds;
  const auto requests_rate = requests_rate_.load(std::memory_order_relaxed);
  const auto bytes_rate = bytes_rate_.load(std::memory_order_relaxed);
  const auto age = now.time_since_epoch() - clock::duration{measured_at_.load(std::memory_order_relaxed)};
  if (age > measure_time_max || requests_rate <= 0 || bytes_rate <= 0) {
    return milliseconds{50};
  }
  const auto seconds = std::max(wait_for_tenth(requests(), requests_max_, requests_rate),
                                wait_for_tenth(bytes(), bytes_max_, bytes_rate));
  return milliseconds{static_cast<milliseconds::rep>(std::clamp(seconds * 1'000, 1.0, 1'000.0))};
}

bool admission::has_room(std::size_t bytes) const noexcept {
  return fits(requests(), this->bytes(), bytes, priority::bulk);
}

bool admission::fits(std::uint64_t requests, std::uint64_t held, std::size_t bytes, priority urgency) const noexcept {
  const auto urgent = urgency == priority::operations;
  const auto requests_allowed = requests_max_ + (urgent ? tenth(requests_max_) : 0);
  const auto bytes_allowed = bytes_max_ + (urgent ? tenth(bytes_max_) : 0);
  return requests < requests_allowed && (held + bytes <= bytes_allowed || held == 0);
}

bool admission::nearly_full() const noexcept {
  return requests() > requests_max_ - tenth(requests_max_) || bytes() > bytes_max_ - tenth(bytes_max_);
}

void admission::clear() noexcept {
  requests_ = 0;
  bytes_ = 0;
}

} // namespace millrace
