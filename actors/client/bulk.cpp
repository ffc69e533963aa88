#include "client.hpp"

#include <millrace/messages/limits.hpp>

namespace millrace::detail {

bool bulk::add(statement row) {
  const auto bytes = payload_bytes(row);
  const auto full = work_.statements.size() == limits::statements_max
                    || (!work_.statements.empty() && bytes_ + bytes > limits::transaction_bytes_max);
  if (full && !send()) {
    return false;
  }
  work_.statements.push_back(std::move(row));
  bytes_ += bytes;
  return true;
}

expected<bulk_outcome, bulk_failure> bulk::finish() {
  if (problem_ || (!work_.statements.empty() && !send())) {
    return tl::unexpected{std::move(*problem_)};
  }
  return done_;
}

bool bulk::send() {
  const auto rows = work_.statements.size();
  const auto answer = to_.execute(std::exchange(work_, {}));
  bytes_ = 0;
  if (!answer) {
    const auto unknown = kind(answer.error().code) == error_kind::unknown;
    problem_ = bulk_failure{answer.error(), done_, unknown ? rows : 0};
    return false;
  }
  done_.rows += rows;
  ++done_.transactions;
  done_.seq = answer->seq;
  for (const auto& one : answer->results) {
    done_.rows_changed += one.rows_changed;
  }
  return true;
}

} // namespace millrace::detail
