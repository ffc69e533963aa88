#include "sync_probe.hpp"

#include <millrace/tools/millrace/common/process.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace millrace::tools {

namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t page_bytes = 4096;
constexpr std::size_t syncs = 400;

/// A file descriptor that closes itself.
class descriptor {
public:
  explicit descriptor(int number) : number_(number) {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (number_ >= 0) {
      ::close(number_);
    }
  }
  int get() const { return number_; }

private:
  int number_;
};

} // namespace

tl::expected<double, std::string> fdatasync_us(const std::filesystem::path& folder) {
  const auto file = folder / "baseline.sync";
  const descriptor target{::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  const std::string page(page_bytes, 'x');
  const auto write_page = [&](std::size_t index) {
    return ::pwrite(target.get(), page.data(), page.size(), static_cast<off_t>(index * page.size()))
           == static_cast<ssize_t>(page.size());
  };
  bool good = target.get() >= 0;
  for (std::size_t i = 0; good && i < syncs; ++i) {
    good = write_page(i);
  }
  good = good && ::fsync(target.get()) == 0;
  std::vector<double> took;
  for (std::size_t i = 0; good && i < syncs && !interrupted(); ++i) {
    const auto start = clock::now();
    good = write_page(i) && ::fdatasync(target.get()) == 0;
    took.push_back(std::chrono::duration<double, std::micro>{clock::now() - start}.count());
  }
  if (!good || took.empty()) {
    return tl::unexpected{"A sync cannot be measured: " + file.string() + ": " + std::strerror(errno) + "."};
  }
  std::nth_element(took.begin(), took.begin() + static_cast<std::ptrdiff_t>(took.size() / 2), took.end());
  return took[took.size() / 2];
}

} // namespace millrace::tools
