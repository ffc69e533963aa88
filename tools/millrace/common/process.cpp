#include "process.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <system_error>
#include <utility>

#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace millrace::tools {

namespace {

std::atomic<bool> interrupt_seen = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

extern "C" void on_interrupt(int signal) {
  if (interrupt_seen.exchange(true, std::memory_order_relaxed)) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
}

} // namespace

double rss_mib() {
  std::ifstream statm{"/proc/self/statm"};
  std::uint64_t total_pages = 0;
  std::uint64_t resident_pages = 0;
  statm >> total_pages >> resident_pages;
  const auto page_bytes = static_cast<double>(sysconf(_SC_PAGESIZE));
  return statm ? static_cast<double>(resident_pages) * page_bytes / (1024.0 * 1024.0) : 0.0;
}

bool in_memory_file_system(const std::filesystem::path& folder) {
  struct statfs details {};
  return statfs(folder.c_str(), &details) == 0 && (details.f_type == TMPFS_MAGIC || details.f_type == RAMFS_MAGIC);
}

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // The terminal went away. Who started the program with `nohup` does not want to know.
  struct sigaction before {};
  if (sigaction(SIGHUP, nullptr, &before) == 0 && before.sa_handler != SIG_IGN) {
    sigaction(SIGHUP, &action, nullptr);
  }
}

bool interrupted() noexcept {
  return interrupt_seen.load(std::memory_order_relaxed);
}

const std::atomic<bool>& interrupt_flag() noexcept {
  return interrupt_seen;
}

tl::expected<scratch_folder, std::string> scratch_folder::make(const std::filesystem::path& parent) {
  auto pattern = (parent / "millrace-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    return tl::unexpected{"No scratch folder can be made below " + parent.string() + ": " + std::strerror(errno)
                          + ". Set TMPDIR to a folder on a disk."};
  }
  return scratch_folder{std::filesystem::path{pattern}};
}

scratch_folder::scratch_folder(scratch_folder&& other) noexcept : path_(std::exchange(other.path_, {})) {}

scratch_folder& scratch_folder::operator=(scratch_folder&& other) noexcept {
  if (this != &other) {
    remove();
    path_ = std::exchange(other.path_, {});
  }
  return *this;
}

scratch_folder::~scratch_folder() {
  remove();
}

void scratch_folder::remove() noexcept {
  if (!path_.empty()) {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
}

std::filesystem::path scratch_parent() {
  const char* chosen = std::getenv("TMPDIR");
  return chosen != nullptr && *chosen != '\0' ? chosen : "/var/tmp";
}

} // namespace millrace::tools
