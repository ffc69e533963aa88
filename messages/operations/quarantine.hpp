#pragma once

#include <millrace/messages/error.hpp>
#include <millrace/messages/transaction.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace millrace {

/// A transaction that was set aside: each attempt at it failed, or ended the writer or the process, or an operator
/// wished it.
struct quarantined_transaction {
  std::uint64_t seq = 0;
  std::int64_t accepted_ms = 0; ///< Milliseconds since 1970-01-01 UTC.
  std::uint32_t deaths = 0;     ///< How often that was; 0 where an operator wished it.
  transaction work{};

  friend bool operator==(const quarantined_transaction&, const quarantined_transaction&) = default;
};

/// Asks for everything in quarantine, oldest first, at most `limit` of them above `after`.
struct quarantine_list {
  std::uint64_t after = 0;
  std::uint32_t limit = 100;
};

struct quarantine_listing {
  std::vector<quarantined_transaction> entries{};
  bool more = false; ///< Whether there are others above the last one.

  friend bool operator==(const quarantine_listing&, const quarantine_listing&) = default;
};

/// Asks why they were set aside, for the same ones as `quarantine_list` with these bounds, though no more than 10,000.
struct quarantine_reasons_request {
  std::uint64_t after = 0;
  std::uint32_t limit = 100;
};

/// What the last attempt at a transaction in quarantine failed with.
struct quarantine_reason {
  std::uint64_t seq = 0;
  std::string text{}; ///< For people; empty where that is not known, as the process died over it.

  friend bool operator==(const quarantine_reason&, const quarantine_reason&) = default;
};

struct quarantine_reasons {
  std::vector<quarantine_reason> entries{};

  friend bool operator==(const quarantine_reasons&, const quarantine_reasons&) = default;
};

/// Applies a transaction in quarantine as if it had been sent now, under a `seq` of its own, and takes it out of
/// quarantine in the same step. Where it fails it stays there.
struct quarantine_resubmit {
  std::uint64_t seq = 0;
};

/// Sets a transaction aside that was accepted and is not applied, though it may be being tried. It had no effect then.
struct quarantine_set_aside {
  std::uint64_t seq = 0;
};

/// Takes a transaction out of quarantine for good. It never had an effect.
struct quarantine_discard {
  std::uint64_t seq = 0;
};

} // namespace millrace
