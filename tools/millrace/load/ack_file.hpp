#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace millrace::tools {

/// A file to which keys are appended as their rows are acknowledged. What `append` took is with the system: it survives
/// the death of this process, though not of the machine. Used by one thread at a time.
class ack_file {
public:
  /// Appends to the complete lines that are there. Cuts off a last one that a killed process left in part, unless
  /// another process appends to it, too: then it may be writing that line. The error is a sentence.
  [[nodiscard]] static tl::expected<ack_file, std::string> open(const std::filesystem::path& path);

  /// Writes nothing anywhere.
  ack_file() = default;
  ack_file(ack_file&& other) noexcept;
  ack_file& operator=(ack_file&& other) noexcept;
  ~ack_file();

  /// Appends the key as a line: line breaks and backslashes in it are written as `\n`, `\r` and `\\`, and NULL is `\N`,
  /// so that no two keys have one line. False where the system refused.
  bool append(std::optional<std::string_view> key);

private:
  explicit ack_file(int descriptor) : descriptor_(descriptor) {}

  int descriptor_ = -1;
  std::string line_; ///< Kept for its memory.
};

} // namespace millrace::tools
