#include "readable_file.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

#include <unistd.h>

namespace millrace::tools {

namespace {

std::string check_name(const std::string& name) {
  return name.empty() ? "its value is empty" : "";
}

std::string check_readable(const std::string& file) {
  std::error_code problem;
  if (file.empty()) {
    return check_name(file);
  }
  if (std::filesystem::is_directory(file, problem)) {
    return file + " is a folder; name a file in it";
  }
  return ::access(file.c_str(), R_OK) == 0 ? "" : file + " cannot be read: " + std::strerror(errno);
}

} // namespace

CLI::Validator a_name() {
  return {check_name, ""};
}

CLI::Validator readable_file() {
  return {check_readable, "FILE"};
}

} // namespace millrace::tools
