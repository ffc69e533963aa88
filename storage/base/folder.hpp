#pragma once

#include "result.hpp"

#include <filesystem>

namespace millrace::storage {

enum class folder_mode {
  existing, ///< The folder must hold Millrace's data already.
  create,   ///< It is made where it is missing, or taken where it is empty.
};

/// A data folder, locked for this process for as long as the object lives (storage/DESIGN.md §2 rule 7). Files are
/// 0600, folders 0700.
class folder {
public:
  /// Errors: `folder_missing`, `folder_not_writable`, `folder_locked` (names the process), `folder_foreign`,
  /// `bad_option` where the path is too long for the files in it.
  [[nodiscard]] static result<folder> open(const std::filesystem::path& path, folder_mode mode);

  folder(folder&& other) noexcept;
  folder& operator=(folder&& other) noexcept;
  ~folder();

  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path database_file() const { return path_ / "database.sqlite3"; }
  std::filesystem::path attempt_file() const { return path_ / "attempt"; }
  /// SQLite cannot open a database on a full disk without some room for its shared memory. A little is held back for
  /// that in the file `reserve`; whether there is room for it is not looked at.
  void keep_reserve() const noexcept;
  void give_up_reserve() const noexcept;
  std::filesystem::path queue_folder() const { return path_ / "queue"; }

private:
  folder(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::filesystem::path path_;
  int lock_ = -1; ///< Descriptor of LOCK, which holds the `flock`.
};

} // namespace millrace::storage
