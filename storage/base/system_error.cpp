#include "system_error.hpp"

#include "full_disk.hpp"

#include <array>
#include <cerrno>
#include <system_error>

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace millrace::storage {

namespace {

bool means_no_permission(int error) noexcept {
  return error == EACCES || error == EPERM;
}

/// Whose the file is or, where it cannot be seen, the nearest folder above it that can.
std::string owner_of(std::filesystem::path file) {
  struct stat status {};
  while (::stat(file.c_str(), &status) != 0) {
    if (!file.has_parent_path() || file == file.parent_path()) {
      return {};
    }
    file = file.parent_path();
  }
  return "; " + file.string() + " belongs to " + user_name(status.st_uid) + ", and this process is run by "
         + user_name(::geteuid());
}

} // namespace

errc code_of_system_error(int error) noexcept {
  if (means_full_disk(error)) {
    return errc::disk_full;
  }
  if (error == ENOMEM) {
    return errc::out_of_memory;
  }
  return means_no_permission(error) || error == EROFS ? errc::folder_not_writable : errc::io_error;
}

std::string system_words(int error, const std::filesystem::path& file) {
  auto words = std::generic_category().message(error);
  if (error == EMFILE) {
    words += "; let the process open more (ulimit -n)";
  }
  return means_no_permission(error) ? words + owner_of(file) : words;
}

std::string user_name(uid_t user) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> text{};
  return ::getpwuid_r(user, &entry, text.data(), text.size(), &found) == 0 && found != nullptr
           ? found->pw_name
           : '#' + std::to_string(user);
}

} // namespace millrace::storage
