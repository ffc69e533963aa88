#pragma once

#include <string>
#include <tuple>

namespace millrace::tools {

/// Tells when a file is another one than before: written anew, or replaced.
class watched_file {
public:
  /// One without a name never is.
  explicit watched_file(std::string path);

  /// Whether it is, since this was asked last. Not where it cannot be seen: it may be about to be replaced.
  [[nodiscard]] bool changed();

  const std::string& path() const noexcept { return path_; }

private:
  using stamp = std::tuple<unsigned long, unsigned long, long, long, long>;
  stamp now() const;

  std::string path_;
  stamp seen_;
};

} // namespace millrace::tools
