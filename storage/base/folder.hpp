#pragma once

#include "descriptor.hpp"
#include "result.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace millrace::storage {

/// Of a data folder: where SQLite's temporary files lie, and how their names begin.
inline constexpr auto temporary_folder_name = "tmp";
inline constexpr auto temporary_file_prefix = "temp-";

enum class folder_mode {
  existing, ///< The folder must hold Millrace's data already.
  create,   ///< It is made where it is missing, or taken where it is empty.
};

/// A data folder, locked for this process for as long as the object lives (storage/DESIGN.md §2 rule 7). Files are
/// 0600, folders 0700. Temporary files that a killed process left are gone once it is open.
class folder {
public:
  /// Where it fails, what it made is removed again. Errors: `folder_missing`, `folder_not_writable`, `folder_locked`
  /// (names the process), `folder_foreign`, `bad_option` where the path is too long for the files in it.
  [[nodiscard]] static result<folder> open(const std::filesystem::path& path, folder_mode mode);

  folder(folder&&) noexcept = default;
  folder& operator=(folder&&) noexcept = default;
  ~folder();

  /// What was to be opened in it cannot be, and nothing in it was promised to anybody: all that was made since it was
  /// opened is removed when this object ends, the folder, too, where it was made, and LOCK says what it said before.
  void give_up() noexcept { given_up_ = true; }
  /// Whether it held no database when it was opened, so that to give it up is to undo all that was done in it.
  bool is_new() const;

  /// Whether it is a copy of a folder that was in use when it was copied: LOCK names itself by its inode for as long as
  /// that lasts. The files of such a copy are of different moments, and so are those of a folder that a process left in
  /// use and whose `database.sqlite3-wal` somebody removed: it counts as such a copy.
  bool copied_in_use() const noexcept { return copied_in_use_; }
  /// Somebody has looked through the copy; it counts as a folder like others from now on.
  void accept_copy() noexcept;
  /// Everything in it is complete and closed: from now on copies of it are, too.
  void leave_at_rest() noexcept;

  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path database_file() const { return path_ / "database.sqlite3"; }
  std::filesystem::path attempt_file() const { return path_ / "attempt"; }
  /// SQLite cannot open a database on a full disk without some room for its shared memory. A little is held back for
  /// that in the file `reserve`; whether there is room for it is not looked at.
  void keep_reserve() const noexcept;
  void give_up_reserve() const noexcept;
  std::filesystem::path queue_folder() const { return path_ / "queue"; }

private:
  explicit folder(std::filesystem::path path) : path_(std::move(path)) {}
  [[nodiscard]] result<> sign_lock();

  std::filesystem::path path_;
  /// What was not there when it was locked, in the order in which it is removed: a folder that is left in the middle of
  /// that is like one that was left in the middle of being made.
  std::vector<std::filesystem::path> new_;
  bool given_up_ = false;
  /// Of LOCK and of the folder, which hold a `flock` each. LOCK stays when they are closed: removing it would let a
  /// second process lock a new file of the same name.
  descriptor lock_;
  descriptor whole_;
  std::string lock_text_; ///< Of LOCK, before it was signed.
  bool copied_in_use_ = false;
};

} // namespace millrace::storage
