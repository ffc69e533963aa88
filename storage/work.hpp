#pragma once

#include <millrace/messages/error.hpp>
#include <millrace/messages/operations/schema.hpp>
#include <millrace/messages/transaction.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace millrace::storage {

/// Says that work with these numbers, accepted before, is not applied. It is in the log before any successor of theirs
/// is applied, since what is no function of the log must be in it (storage/DESIGN.md §1 rule 3). Without an effect of
/// its own.
struct skip_order {
  std::vector<std::uint64_t> seqs;
  /// `deadline_exceeded`, `too_large` or `quarantined`; only the last is kept. `none` says the opposite of changes of
  /// the schema: they came to their end within their timeouts, which are not looked at any more.
  errc why = errc::none;
  std::uint32_t deaths = 0; ///< How often an attempt at it failed, or the writer or the process ended over it.
  /// What the last attempt failed with, for people; empty where that is not known.
  std::string reason{};

  friend bool operator==(const skip_order&, const skip_order&) = default;
};

/// Says that somebody else changed the database before this: the log alone rebuilds it only from a later backup on.
/// Without an effect of its own.
struct stretch_end {
  friend bool operator==(const stretch_end&, const stretch_end&) = default;
};

/// What an operator wants of a transaction in quarantine. `resubmit` applies it here, as if it stood in the log here.
struct quarantine_order {
  enum class action : std::uint8_t { resubmit, discard };
  std::uint64_t seq = 0;
  action what = action::discard;

  friend bool operator==(const quarantine_order&, const quarantine_order&) = default;
};

/// What one sequence number stands for.
using work = std::variant<transaction, schema_script, skip_order, stretch_end, quarantine_order, schema_change>;

/// Whether a transaction is the queue's own word: no client may send one that has a name and no statements. It says
/// that this number of that client is forgotten, and is recorded as such an outcome, while lower numbers are still
/// known.
inline bool says_forgotten(const transaction& said) noexcept {
  return said.statements.empty() && said.name.given();
}

/// A transaction's name with what it is bound to: another content under the same name is another transaction.
struct bound_name {
  transaction_name name;
  /// The checksum of what the transaction does (`bound_name_of`); 0 where it is not known, and then not compared.
  std::uint64_t content = 0;

  friend bool operator==(const bound_name&, const bound_name&) = default;
};

/// Work of a batch that is not to be applied, or, where `why` is `none`, in whatever time; as a `skip_order` in the log
/// says.
struct skipped_work {
  std::uint64_t seq = 0;
  errc why = errc::none;
  std::uint32_t deaths = 0;
  std::string reason{};
};

/// What one frame of the write-ahead queue holds: consecutive work, accepted at one time and synced together.
struct batch {
  std::uint64_t first_seq = 0;
  /// Milliseconds since 1970-01-01 UTC; `'now'` for every statement in it (storage/DESIGN.md §1 rule 1).
  std::int64_t accept_time_ms = 0;
  std::vector<work> items;
  /// Items that are skipped, by rising `seq`. No part of the frame: the queue fills it in when it sends the batch.
  std::vector<skipped_work> skipped;
  /// The frame's checksum, which covers all before it: what a log gives out has it, 0 means that it is not known.
  std::uint64_t chain = 0;

  std::uint64_t last_seq() const noexcept { return first_seq + items.size() - 1; }
};

/// Up to where work of a log is applied. A `seq` alone is a position of which nothing more is known.
struct log_position {
  constexpr log_position(std::uint64_t at = 0, std::uint64_t frame = 0) noexcept : seq(at), chain(frame) {}

  std::uint64_t seq;
  std::uint64_t chain; ///< `batch::chain` of the frame that holds it; 0 means that it is not known.

  friend bool operator==(const log_position&, const log_position&) = default;
};

/// Shared between the queue, which may have to send it again, and the writer.
using batch_ptr = std::shared_ptr<const batch>;

} // namespace millrace::storage
