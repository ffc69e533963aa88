#include "watched_file.hpp"

#include <utility>

#include <sys/stat.h>

namespace millrace::tools {

watched_file::watched_file(std::string path) : path_(std::move(path)), seen_(now()) {}

bool watched_file::changed() {
  const auto seen = now();
  return seen != stamp{} && std::exchange(seen_, seen) != seen;
}

watched_file::stamp watched_file::now() const {
  struct stat file {};
  if (path_.empty() || ::stat(path_.c_str(), &file) != 0) {
    return {};
  }
  return {file.st_dev, file.st_ino, file.st_size, file.st_mtim.tv_sec, file.st_mtim.tv_nsec};
}

} // namespace millrace::tools
