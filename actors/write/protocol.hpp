#pragma once

#include <millrace/actors/base/atoms.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/storage/database.hpp>
#include <millrace/storage/work.hpp>

#include <cstdint>
#include <memory>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

/// What travels between the queue and the writer.
namespace millrace {

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
  std::vector<storage::time_taken> times;
};

/// Writer to queue: a writer is there, with its database as it found it.
struct writer_ready {
  storage::log_position applied;
  std::uint64_t quarantined = 0;
  std::uint64_t opening = 0; ///< How often this writer has opened its database.
};

/// Writer to queue: what may be the fault of work, since the machine does as much for others. None of it is applied,
/// and the writer holds nothing any more; `writer_ready` follows.
struct work_refused {
  std::uint64_t first = 0;
  std::uint64_t count = 1; ///< Pieces that met it together.
  bool proven = false;     ///< Whether the only one took more than it may.
  failure why;
  bool overran = false; ///< Whether it is a change of the schema that took longer than its own timeout.
};

/// Writer to queue: somebody else committed to the database.
struct foreign_commit_seen {};

/// Writer to queue: all up to here is synced in the database file.
struct database_checkpointed {
  std::uint64_t seq = 0;
};

/// The writer as the queue sees it.
using batch_applier = caf::typed_actor<caf::reacts_to<apply_batch>, caf::reacts_to<atom::reopen>>;

/// The queue as the writer sees it.
using writer_listener =
  caf::typed_actor<caf::reacts_to<writer_ready>, caf::reacts_to<batch_applied>, caf::reacts_to<work_refused>,
                   caf::reacts_to<foreign_commit_seen>, caf::reacts_to<database_checkpointed>>;

} // namespace millrace

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::apply_batch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::batch_applied)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::writer_ready)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::work_refused)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::foreign_commit_seen)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::database_checkpointed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::schema_script)
