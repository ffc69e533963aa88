#pragma once

#include <millrace/messages/wire/registry.hpp>
#include <millrace/storage/database.hpp>
#include <millrace/storage/work.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

/// What travels between Millrace's own actors, inside one process only.
namespace millrace {

using monotonic_time = std::chrono::steady_clock::time_point;

/// A transaction that the front has checked and made room for.
struct admitted_transaction {
  transaction work;
  std::size_t bytes = 0;   ///< What it holds of the admission bound until it is applied.
  monotonic_time deadline; ///< `time_point::max()` where there is none.
};

/// What an operator wants of a transaction in quarantine; it goes through the log.
struct ordered_work {
  storage::quarantine_order order;
};

/// Asks a reader what became of a named transaction.
struct recorded_outcome_request {
  std::uint64_t seq = 0;
};

/// A query that the front has checked and made room for.
struct admitted_query {
  query question;
  std::size_t bytes = 0; ///< What it holds of an admission bound where it waits.
  monotonic_time arrival;
  monotonic_time deadline;
};

/// A query that the queue keeps until its state is applied. Consistency and `seq` stand in the query.
struct waiting_query {
  admitted_query admitted;
};

/// Asks for a page; the front has checked it and made room.
struct admitted_page_query {
  page_query question;
  std::size_t bytes = 0; ///< As above.
  monotonic_time deadline;
};
struct admitted_page_cursor {
  page_cursor position;
  std::size_t bytes = 0; ///< As above.
  monotonic_time deadline;
};

/// Queue to writer: apply this; batches come in order without a gap.
struct apply_batch {
  storage::batch_ptr work;
  std::uint64_t opening = 0; ///< Of the `writer_ready` that the queue heard last.
};

/// Writer to queue: committed up to the last of these.
struct batch_applied {
  std::uint64_t first_seq = 0;
  std::shared_ptr<std::vector<storage::answer>> answers;
  std::uint64_t quarantined = 0; ///< In all, after these.
};

/// Writer to queue: a writer is there, with its database as it found it.
struct writer_ready {
  std::uint64_t applied_seq = 0;
  std::uint64_t quarantined = 0;
  std::uint64_t opening = 0; ///< How often this writer has opened its database.
};

/// Writer to queue: somebody else committed to the database.
struct foreign_commit_seen {};

/// Writer to queue: all up to here is synced in the database file.
struct database_checkpointed {
  std::uint64_t seq = 0;
};

/// What an actor tells the health monitor of itself.
struct sample {
  latency_summary latency;
  std::optional<failure> blocked; ///< Why it cannot do its work now.
  std::chrono::milliseconds blocked_for{0};
  std::uint64_t durable_seq = 0; ///< Queue only, as are the next four.
  std::uint64_t applied_seq = 0;
  std::uint64_t checkpointed_seq = 0;
  std::uint64_t log_bytes = 0;
  std::uint64_t quarantined = 0;
  std::uint64_t wal_pages = 0; ///< Writer only, as is the next one.
  std::uint64_t foreign_commits = 0;
  std::uint64_t scrubs = 0; ///< Scrubber only.
};

namespace atom {
using flush = caf::atom_constant<caf::atom("flush")>;
using apply = caf::atom_constant<caf::atom("apply")>;
using reopen = caf::atom_constant<caf::atom("reopen")>;
using retry = caf::atom_constant<caf::atom("retry")>;
using run = caf::atom_constant<caf::atom("run")>;
using tick = caf::atom_constant<caf::atom("tick")>;
using drain = caf::atom_constant<caf::atom("drain")>;
using sample = caf::atom_constant<caf::atom("sample")>;
} // namespace atom

/// The writer as the queue sees it.
using batch_applier = caf::typed_actor<caf::reacts_to<apply_batch>, caf::reacts_to<atom::reopen>>;

/// The queue as the writer sees it.
using writer_listener = caf::typed_actor<caf::reacts_to<writer_ready>, caf::reacts_to<batch_applied>,
                                         caf::reacts_to<foreign_commit_seen>, caf::reacts_to<database_checkpointed>>;

/// Every supervised actor answers what the health monitor asks.
using sampled = caf::replies_to<atom::sample>::with<sample>;

} // namespace millrace

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::admitted_transaction)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::admitted_query)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::waiting_query)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::ordered_work)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::recorded_outcome_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::admitted_page_query)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::admitted_page_cursor)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::foreign_commit_seen)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::apply_batch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::batch_applied)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::writer_ready)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::database_checkpointed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::sample)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::schema_script)
