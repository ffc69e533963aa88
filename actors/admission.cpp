#include "admission.hpp"

#include <millrace/messages/limits.hpp>

#include <algorithm>
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
  return check(question.statement);
}

bool admission::take(std::size_t bytes) noexcept {
  // Counts first and takes back on refusal: two who compete for the last place may both be refused, never both
  // admitted.
  const auto transactions_before = transactions_.fetch_add(1, std::memory_order_relaxed);
  const auto bytes_before = bytes_.fetch_add(bytes, std::memory_order_relaxed);
  if (transactions_before < transactions_max_ && (bytes_before + bytes <= bytes_max_ || bytes_before == 0)) {
    return true;
  }
  give_back(1, bytes);
  return false;
}

void admission::give_back(std::uint64_t transactions, std::uint64_t bytes) noexcept {
  transactions_.fetch_sub(transactions, std::memory_order_relaxed);
  bytes_.fetch_sub(bytes, std::memory_order_relaxed);
}

void admission::clear() noexcept {
  transactions_ = 0;
  bytes_ = 0;
}

} // namespace millrace
