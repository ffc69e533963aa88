#pragma once

#include "log_options.hpp"

#include <millrace/storage/base/file.hpp>
#include <millrace/storage/database.hpp>
#include <millrace/storage/work.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

namespace millrace::storage {

/// Reads batches back from the log in order. Never ahead of what is synced.
class log_cursor {
public:
  virtual ~log_cursor() = default;
  /// The next batch, or nothing at the end of what is synced now; call again after further appends.
  [[nodiscard]] virtual result<std::optional<batch>> next() = 0;
};

/// The write-ahead queue on disk: a folder of segments (storage/queue/README.md gives the format). Used by one thread.
class log {
public:
  /// Told of the unapplied work that recovery finds, batch by batch in order, before it is known whether recovery
  /// succeeds.
  using visitor = std::function<void(const batch&)>;

  /// Recovers the folder and makes it ready for appending. What is `applied` decides what damage matters
  /// (storage/DESIGN.md §2 rule 4).
  /// Errors: `corrupt` where acknowledged work is damaged (names `seq` and file; nothing was changed),
  /// `database_gone` where the database holds work of another history (nothing was changed), `folder_newer`,
  /// `folder_foreign` (another database's segments), `io_error`, `disk_full` (not where the newest segment can be gone
  /// on in).
  [[nodiscard]] static result<log> open(file_system& files, std::filesystem::path folder, const uuid& database,
                                        const log_position& applied, const log_options& options,
                                        recovery_report& report, const visitor& visit = {});

  /// To which database the log in a folder belongs, as its newest segment says that can be read; nothing where none
  /// does.
  [[nodiscard]] static std::optional<uuid> database_of(file_system& files, const std::filesystem::path& folder);

  log(log&&) noexcept;
  log& operator=(log&&) noexcept;
  ~log();

  std::uint64_t last_seq() const noexcept;
  /// Bytes of the segments that are in use, spares not counted.
  std::uint64_t bytes_on_disk() const noexcept;

  /// Writes the batch as one frame and syncs it. `work.first_seq` must be `last_seq() + 1`. Gives the frame's chain
  /// value
  /// (`batch::chain`). `disk_full` means that
  /// nothing was written and a later attempt may succeed. Any other failure is final: the log refuses all further
  /// appends (storage/DESIGN.md §2 rule 8).
  [[nodiscard]] result<std::uint64_t> append(const batch& work);

  /// Writes an empty frame, the witness that the last batch was synced. Does nothing where there is one already.
  [[nodiscard]] result<> append_witness();

  /// Frees segments that lie wholly below `checkpointed_seq`: some become spares, the rest are removed. The one that
  /// holds it stays, since a database that was applied so far is known by its frame.
  [[nodiscard]] result<> release(std::uint64_t checkpointed_seq);

  /// For a log that comes to rest: gives the disk back everything but the segment that holds `last_seq`, cut to what it
  /// holds, and after it one of a header alone, which says where the log ends. All work in it must be checkpointed. It
  /// may still be appended to.
  [[nodiscard]] result<> shrink();

  /// Whether a database that was applied so far holds work of another history: the log has another frame there, or ends
  /// before. False where the frame is not there any more, cannot be read, or is not known.
  [[nodiscard]] result<bool> contradicts(const log_position& applied) const;

  /// Reads back from `seq` on. The cursor must not outlive the log.
  [[nodiscard]] result<std::unique_ptr<log_cursor>> read_from(std::uint64_t seq);

private:
  class impl;
  explicit log(std::unique_ptr<impl> state);
  std::unique_ptr<impl> impl_;
};

} // namespace millrace::storage
