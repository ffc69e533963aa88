#include "folder.hpp"

#include "failpoint.hpp"
#include "system_error.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace millrace::storage {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view signature = "millrace ";

tl::unexpected<failure> refuse(const fs::path& path, int error) {
  const auto code = error == ENAMETOOLONG || error == ELOOP ? errc::bad_option : code_of_system_error(error);
  return fail(code, path.string() + ": " + system_words(error, path));
}

/// Makes the name of a folder durable.
result<> sync_name(const fs::path& path) {
  const auto parent = path.has_parent_path() ? path.parent_path() : fs::path{"."};
  const descriptor folder{::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (folder.get() < 0 || ::fsync(folder.get()) != 0) {
    return refuse(parent, errno);
  }
  return {};
}

/// Makes a folder of mode 0700, whatever the umask is, and its name durable.
result<> make_folder(const fs::path& path) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    return refuse(path, errno);
  }
  failpoint("folder.made");
  if (::chmod(path.c_str(), 0700) != 0) {
    return refuse(path, errno);
  }
  return sync_name(path);
}

result<std::string> read_lock(int lock, const fs::path& file) {
  char text[256];
  const auto size = ::pread(lock, text, sizeof text, 0);
  return size < 0 ? result<std::string>{refuse(file, errno)} : std::string{text, static_cast<std::size_t>(size)};
}

/// Follows no link, and waits for nobody where it is no file.
result<descriptor> open_lock(const fs::path& file, int flags) {
  descriptor lock{::open(file.c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600)};
  if (lock.get() >= 0) {
    return lock;
  }
  return errno == ELOOP ? fail(errc::folder_foreign, file.string() + " is a link, and Millrace makes none")
                        : refuse(file, errno);
}

result<std::string> read_lock(const fs::path& path) {
  const auto file = path / "LOCK";
  const auto lock = open_lock(file, O_RDONLY);
  return lock ? read_lock(lock->get(), file) : tl::unexpected{lock.error()};
}

constexpr auto reserve_name = "reserve";
/// SQLite's shared memory grows by 32 KiB at a time.
constexpr off_t reserve_bytes = 256 * 1024;

enum class contents { nothing, ours, foreign };

/// Other programs keep a file LOCK too, so ours is known by what stands in it. It is empty for the moment between
/// being made and being locked; then there is nothing else in the folder yet.
result<contents> look_into(const fs::path& path) {
  bool database = false;
  bool lock = false;
  bool queue = false;
  bool others = false;
  std::error_code error;
  for (fs::directory_iterator at{path, error}; !error && at != fs::directory_iterator{}; at.increment(error)) {
    const auto name = at->path().filename();
    database = database || name == "database.sqlite3";
    lock = lock || name == "LOCK";
    queue = queue || name == "queue";
    others = others || (name != "database.sqlite3" && name != "LOCK" && name != "queue" && name != "lost+found");
  }
  if (error) {
    return refuse(path, error.value());
  }
  if (database) {
    return contents::ours;
  }
  const auto text = lock ? read_lock(path) : std::string{};
  if (!text) {
    return tl::unexpected{text.error()};
  }
  if (text->starts_with(signature)) {
    return contents::ours;
  }
  // On a full disk LOCK stays empty, and there may be a queue before there is a database.
  const bool begun = lock && text->empty();
  return others || (queue && !begun) ? contents::foreign : contents::nothing;
}

result<> check_existing(const fs::path& path, folder_mode mode) {
  auto found = look_into(path);
  if (!found) {
    return tl::unexpected{std::move(found).error()};
  }
  if (*found == contents::foreign) {
    return fail(errc::folder_foreign, path.string() + " holds files, but neither Millrace's database nor its LOCK");
  }
  if (*found == contents::nothing && mode == folder_mode::existing) {
    return fail(errc::folder_missing, path.string() + " is empty");
  }
  // It may have been made by an attempt that ended, or failed, before its name was synced.
  return *found == contents::nothing ? sync_name(path) : result<>{};
}

/// SQLite opens no file whose full path, its links followed, has more bytes (512, less those of "-journal").
constexpr std::size_t file_path_bytes_max = 504;

/// Before anything is made that could not be used then.
result<> check_length(const fs::path& path) {
  constexpr auto bytes_max = file_path_bytes_max - std::string_view{"/database.sqlite3"}.size();
  std::error_code ignored;
  const auto bytes = fs::weakly_canonical(fs::absolute(path, ignored), ignored).native().size();
  return bytes <= bytes_max
           ? result<>{}
           : fail(errc::bad_option, "the full path of the data folder has " + std::to_string(bytes)
                                      + " bytes, and SQLite can use one of at most " + std::to_string(bytes_max)
                                      + "; choose a folder nearer to the root");
}

/// Makes the folder, or looks whether the one that is there may be used.
result<> make_or_check(const fs::path& path, folder_mode mode) {
  struct stat state {};
  if (::stat(path.c_str(), &state) == 0) {
    return S_ISDIR(state.st_mode) ? check_existing(path, mode)
                                  : fail(errc::folder_foreign, path.string() + " is no folder but a file");
  }
  if (errno == ENOTDIR) {
    return fail(errc::folder_foreign, "a part of " + path.string() + " is no folder but a file");
  }
  if (errno != ENOENT) {
    return refuse(path, errno);
  }
  std::error_code no_link;
  if (const auto target = fs::read_symlink(path, no_link); !no_link) {
    return fail(errc::folder_missing, path.string() + " is a link to " + target.string() + ", which does not exist");
  }
  if (mode == folder_mode::existing) {
    return fail(errc::folder_missing, path.string() + " does not exist");
  }
  auto made = make_folder(path);
  if (!made && !fs::exists(path.parent_path().empty() ? fs::path{"."} : path.parent_path())) {
    return fail(errc::folder_missing, "the folder above " + path.string() + " does not exist; it is not made");
  }
  return made;
}

/// The first line of LOCK says who has the folder. The second is there for as long as it is in use, and names the file
/// that it stands in.
std::string own_inode_line(int lock) {
  struct stat state {};
  return ::fstat(lock, &state) == 0 ? "inode " + std::to_string(state.st_ino) + '\n' : std::string{};
}

std::string inode_line(const std::string& text) {
  const auto at = text.find("\ninode ");
  return at == std::string::npos ? std::string{} : text.substr(at + 1);
}

std::string holder_of(int lock) {
  const auto text = read_lock(lock, "LOCK").value_or("");
  if (!text.starts_with(signature)) {
    return "another process";
  }
  std::string process;
  std::string program;
  std::istringstream line{text.substr(signature.size(), text.find('\n') - signature.size())};
  line >> process;
  std::getline(line >> std::ws, program);
  const auto own = process == std::to_string(::getpid());
  return "process " + process + (program.empty() ? "" : " (" + program + ")")
         + (own ? ", which is this one; close the engine that has it open" : "");
}

result<> write_lock(int lock, const fs::path& file, const std::string& text) {
  // Over the text that stands there: where this fails, the folder is still known as ours.
  const auto written = ::pwrite(lock, text.data(), text.size(), 0);
  if (written < 0) {
    return refuse(file, errno);
  }
  if (static_cast<std::size_t>(written) != text.size()) {
    return refuse(file, ENOSPC);
  }
  // Synced, so that no power loss leaves a lock that says nothing beside a queue that is there.
  return ::ftruncate(lock, written) == 0 && ::fdatasync(lock) == 0 ? result<>{} : refuse(file, errno);
}

std::string user_line() {
  return std::string{signature} + std::to_string(::getpid()) + ' ' + program_invocation_short_name + '\n';
}

result<> sign(int lock, const fs::path& file, const std::string& inode) {
  return ::fchmod(lock, 0600) == 0 ? write_lock(lock, file, user_line() + inode) : refuse(file, errno);
}

bool holds_log(const fs::path& path) {
  std::error_code none;
  return fs::exists(path / "queue", none) && !fs::is_empty(path / "queue", none);
}

/// What is committed and not merged into the database stands there, as long as it is in use.
bool holds_journal(const fs::path& path) {
  std::error_code none;
  return fs::exists(path / "database.sqlite3-wal", none);
}

tl::unexpected<failure> in_use(const fs::path& path) {
  const auto lock = open_lock(path / "LOCK", O_RDONLY);
  return fail(errc::folder_locked,
              path.string() + " is in use by "
                + (lock ? holder_of(lock->get()) : "another process, though its file LOCK was removed"));
}

/// Locks a folder itself: nobody removes that by mistake, as they do a file that seems to be left behind.
result<descriptor> lock_folder(const fs::path& path) {
  descriptor folder{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (folder.get() >= 0 && ::flock(folder.get(), LOCK_EX | LOCK_NB) == 0) {
    return folder;
  }
  return errno == EWOULDBLOCK ? in_use(path) : refuse(path, errno);
}

/// Gives the descriptor that holds the lock, with what stands in it.
result<std::pair<descriptor, std::string>> take_lock(const fs::path& path) {
  const auto file = path / "LOCK";
  auto lock = open_lock(file, O_RDWR | O_CREAT);
  if (!lock) {
    return tl::unexpected{std::move(lock).error()};
  }
  if (::flock(lock->get(), LOCK_EX | LOCK_NB) != 0) {
    return errno == EWOULDBLOCK ? in_use(path) : refuse(file, errno);
  }
  failpoint("folder.locked");
  auto text = read_lock(lock->get(), file);
  if (!text) {
    return tl::unexpected{std::move(text).error()};
  }
  // A power loss may leave zeroes.
  if (!text->starts_with(signature) && text->find_first_not_of('\0') != std::string::npos) {
    return fail(errc::folder_foreign, file.string() + " is another program's; move it away if the rest is Millrace's");
  }
  return std::pair{std::move(*lock), std::move(*text)};
}

/// Of what Millrace keeps in a folder and has made by the time that nothing in it was promised to anybody, what is not
/// there. A database that is there is somebody's with all that SQLite keeps beside it.
std::vector<fs::path> missing_in(const fs::path& path) {
  std::error_code none;
  std::vector<fs::path> names{"queue", "attempt", reserve_name, temporary_folder_name, "LOCK"};
  if (!fs::exists(path / "database.sqlite3", none)) {
    names.insert(names.begin() + 1,
                 {"database.sqlite3-wal", "database.sqlite3-shm", "database.sqlite3-journal", "database.sqlite3"});
  }
  std::vector<fs::path> missing;
  for (const auto& name : names) {
    if (fs::symlink_status(path / name, none).type() == fs::file_type::not_found) {
      missing.push_back(path / name);
    }
  }
  return missing;
}

/// What a process that was killed left there. What somebody else put there, by another name or as a link or a folder,
/// stays, and no link is followed.
void remove_temporary_files(const fs::path& place) {
  std::error_code error;
  if (fs::symlink_status(place, error).type() != fs::file_type::directory) {
    return;
  }
  for (fs::directory_iterator at{place, error}; !error && at != fs::directory_iterator{}; at.increment(error)) {
    std::error_code ignored; // It is only room that is missing then.
    if (at->path().filename().native().starts_with(temporary_file_prefix)
        && at->symlink_status(ignored).type() == fs::file_type::regular) {
      fs::remove(at->path(), ignored);
    }
  }
}

} // namespace

result<folder> folder::open(const fs::path& given, folder_mode mode) {
  // "data/" has itself for a parent.
  const auto path = given.has_filename() ? given : given.parent_path();
  if (auto short_enough = check_length(path); !short_enough) {
    return tl::unexpected{std::move(short_enough).error()};
  }
  std::error_code error;
  const auto is_new = fs::symlink_status(path, error).type() == fs::file_type::not_found;
  if (auto ready = make_or_check(path, mode); !ready) {
    return tl::unexpected{std::move(ready).error()};
  }
  folder opened{path};
  auto whole = lock_folder(path);
  if (!whole) {
    return tl::unexpected{std::move(whole).error()};
  }
  opened.whole_ = std::move(*whole);
  opened.new_ = missing_in(path);
  if (is_new) {
    opened.new_.push_back(path);
  }
  opened.give_up();
  auto lock = take_lock(path);
  if (!lock) {
    return tl::unexpected{std::move(lock).error()};
  }
  opened.lock_ = std::move(lock->first);
  opened.lock_text_ = std::move(lock->second);
  if (auto done = opened.sign_lock(); !done) {
    return tl::unexpected{std::move(done).error()};
  }
  failpoint("folder.signed");
  remove_temporary_files(path / temporary_folder_name);
  if (!fs::is_directory(opened.queue_folder(), error)) {
    if (auto made = make_folder(opened.queue_folder()); !made) {
      return tl::unexpected{std::move(made).error()};
    }
  }
  opened.given_up_ = false;
  return opened;
}

/// Says in LOCK who has the folder, and finds out whether it is a copy.
result<> folder::sign_lock() {
  const auto own = own_inode_line(lock_.get());
  auto found = inode_line(lock_text_);
  if (holds_log(path_) && (lock_text_.empty() || (found == own && !holds_journal(path_)))) {
    found = "inode 0\n"; // LOCK was left behind when the rest was copied, or what the database needs was removed.
  }
  copied_in_use_ = !found.empty() && found != own;
  // A copy stays known as one until somebody has looked through it.
  auto done = sign(lock_.get(), path_ / "LOCK", copied_in_use_ ? found : own);
  // A full disk must not keep the engine from starting; the lock holds without its text.
  return done || done.error().code == errc::disk_full ? result<>{} : done;
}

bool folder::is_new() const {
  return std::ranges::find(new_, database_file()) != new_.end();
}

folder::~folder() {
  if (!given_up_) {
    return;
  }
  try {
    if (lock_.get() >= 0 && !copied_in_use_) {
      static_cast<void>(write_lock(lock_.get(), path_ / "LOCK", lock_text_));
    }
    for (const auto& path : new_) {
      std::error_code ignored;
      // The folder itself only where it is empty: what somebody else put there is his.
      path == path_ ? fs::remove(path, ignored) : fs::remove_all(path, ignored) > 0;
    }
  } catch (const std::bad_alloc&) {} // It is left as by a process that was killed.
}

void folder::accept_copy() noexcept {
  copied_in_use_ = false;
  static_cast<void>(write_lock(lock_.get(), path_ / "LOCK", user_line() + own_inode_line(lock_.get())));
}

void folder::leave_at_rest() noexcept {
  static_cast<void>(write_lock(lock_.get(), path_ / "LOCK", user_line()));
}

void folder::keep_reserve() const noexcept {
  const auto file = path_ / reserve_name;
  const descriptor reserve{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  if (reserve.get() >= 0 && ::posix_fallocate(reserve.get(), 0, reserve_bytes) != 0) {
    ::unlink(file.c_str());
  }
}

void folder::give_up_reserve() const noexcept {
  ::unlink((path_ / reserve_name).c_str());
}

} // namespace millrace::storage
