#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::test {

/// What a client did or was told.
struct client_note {
  enum class kind : std::uint8_t {
    sent,     ///< From here on it may take effect.
    durable,  ///< It was told that it is durable.
    applied,  ///< It was told what it came to.
    rejected, ///< It was told that it has no effect.
  };
  kind what{};
  std::uint32_t client = 0;
  std::uint64_t number = 0;
  std::uint64_t seq = 0;
  std::string answer; ///< What it was told, as text.
};

/// One thing that happened to a data folder's files, or to a client. Paths are relative to the folder.
struct disk_event {
  enum class kind : std::uint8_t { create, write, truncate, reserve, sync, rename, remove, sync_folder, note };
  kind what{};
  std::uint32_t file = 0;   ///< Which file, whatever it is called; not told by `remove`.
  std::string path;         ///< Created, renamed from, removed; the folder that is synced, the data folder being "".
  std::string to;           ///< Renamed to.
  std::uint64_t offset = 0; ///< Written to; the size that is truncated to or reserved.
  std::string bytes;
  client_note note;
};

/// Which syncs are neither done nor put down, to see that they are missed.
enum class missing_sync { none, queue_files, queue_folder, database_log, database };

/// What happened to a data folder, in one order. Any thread.
///
/// What is written is put down before it is done, since it may reach the disk from then on; a sync after it is done. So
/// the threads' interleaving is right as long as no two write and sync the same file at once.
class recording {
public:
  explicit recording(const std::filesystem::path& folder);

  /// The files that are in the folder already are numbered from 1 in this order.
  void start_with(const std::vector<std::string>& names);

  bool concerns(std::string_view path) const;
  /// The file of that name; one that is not known was just made.
  std::uint32_t file_at(const std::filesystem::path& path);
  /// The same for a file whose first sync is one of the folder, too, where it was just made.
  void journal_opened(const std::filesystem::path& path);

  std::uint32_t created(const std::filesystem::path& path);
  void written(std::uint32_t file, std::uint64_t offset, std::string_view bytes);
  void truncated(std::uint32_t file, std::uint64_t bytes);
  void reserved(std::uint32_t file, std::uint64_t bytes);
  void synced(std::uint32_t file);
  void renamed(const std::filesystem::path& from, const std::filesystem::path& to);
  void removed(const std::filesystem::path& path);
  void folder_synced(const std::filesystem::path& folder);
  void noted(client_note note);

  void leave_out(missing_sync what) noexcept { missing_ = what; }
  bool leaves_out(missing_sync what) const noexcept { return what == missing_; }
  std::vector<disk_event> take_events();

private:
  std::string relative(const std::filesystem::path& path) const;
  std::uint32_t create(std::string path);
  void add(disk_event event);
  void look_at_attempt();

  std::filesystem::path folder_;
  std::atomic<missing_sync> missing_{missing_sync::none};
  mutable std::mutex mutex_;
  std::vector<disk_event> events_;
  std::map<std::string, std::uint32_t> names_;
  std::set<std::uint32_t> folder_due_; ///< Journals that were made and not synced yet.
  std::uint32_t files_ = 0;
  std::string attempt_; ///< As it was put down last.
};

/// So that a run can be repeated: its threads would not do the same again.
void save(const std::vector<disk_event>& events, const std::filesystem::path& file);
std::vector<disk_event> load_events(const std::filesystem::path& file);

} // namespace millrace::test
