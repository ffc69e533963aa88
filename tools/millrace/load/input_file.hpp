#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <streambuf>
#include <string>

#include <tl/expected.hpp>

namespace millrace::tools {

/// The bytes of a file or a pipe, for a std::istream. Unlike a std::filebuf it hands out what a pipe holds as soon as
/// there is anything, can be told to wait no longer, and says why it cannot be read on. One thread, but for `end`.
class input_file final : public std::streambuf {
public:
  static constexpr auto no_limit = std::numeric_limits<std::uint64_t>::max();
  /// What stands for standard input instead of a path.
  static constexpr auto standard_input = "-";

  /// With a limit it ends after so many bytes, and one that ends before cannot be read on. The error is the system's.
  [[nodiscard]] static tl::expected<std::unique_ptr<input_file>, std::string> open(const std::filesystem::path& file,
                                                                                   std::uint64_t bytes_max = no_limit);
  input_file(const input_file&) = delete;
  input_file& operator=(const input_file&) = delete;
  ~input_file() override;

  /// It reads as ended from here on, also for who waits for a byte now. Any thread.
  void end() noexcept { ended_.store(true, std::memory_order_relaxed); }

  /// Why reading ended before the file did; empty where it did not.
  const std::string& problem() const noexcept { return problem_; }

protected:
  int_type underflow() override;

private:
  input_file(int descriptor, std::uint64_t bytes_max) noexcept : descriptor_(descriptor), bytes_left_(bytes_max) {}
  bool wait() const noexcept;

  int descriptor_;
  std::uint64_t bytes_left_; ///< `no_limit` stays so.
  std::atomic<bool> ended_ = false;
  std::array<char, 64 * 1024> bytes_;
  std::string problem_;
};

} // namespace millrace::tools
