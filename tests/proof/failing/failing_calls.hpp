#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace millrace::test {

/// What happens to the system calls on files that the engine itself makes (SQLite makes others), in this thread.
struct call_fault {
  std::uint64_t nth = 0;       ///< The call that fails, counted from 1; 0 for none.
  int error = 0;               ///< With this `errno`.
  bool lasts = false;          ///< Whether all calls after it fail as well.
  unsigned interruptions = 0;  ///< How often each call is interrupted (EINTR) before it is done.
  std::uint64_t bytes_max = 0; ///< What one call transfers at most; 0 for all.
};

/// Told of each file that this thread has synced; null where nobody wants to know.
inline thread_local constinit void (*synced_file)(int descriptor) = nullptr;

/// What a power loss could take, as the calls tell that were made and succeeded.
class unsynced {
public:
  void opened(int descriptor, const std::string& path, bool made);
  void closed(int descriptor) { path_of_.erase(descriptor); }
  bool knows(int descriptor) const { return path_of_.contains(descriptor); }
  void written(int descriptor) { paths_.insert(path_of_.at(descriptor)); }
  void synced(int descriptor) { paths_.erase(path_of_.at(descriptor)); }
  void named(const std::string& path);
  void renamed(const std::string& from, const std::string& to);
  void removed(const std::string& path) { paths_.erase(path); }

  /// Files whose bytes were not synced since they were written, and folders since a name was made in them.
  const std::set<std::string>& paths() const noexcept { return paths_; }

private:
  std::map<int, std::string> path_of_;
  std::set<std::string> paths_;
};

/// Lets it happen while it lives, and notes what is not synced. One at a time.
class failing_calls {
public:
  explicit failing_calls(const call_fault& fault) noexcept;
  failing_calls(const failing_calls&) = delete;
  failing_calls& operator=(const failing_calls&) = delete;
  ~failing_calls();

  /// The name of the call that failed first; null where none did.
  const char* struck() const noexcept;
  std::uint64_t interruptions() const noexcept;
  const std::set<std::string>& unsynced_paths() const noexcept { return unsynced_.paths(); }

private:
  unsynced unsynced_;
};

} // namespace millrace::test
