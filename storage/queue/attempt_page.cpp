#include "attempt_page.hpp"

#include <millrace/storage/base/bytes.hpp>
#include <millrace/storage/base/failpoint.hpp>
#include <millrace/storage/base/file.hpp>
#include <millrace/storage/base/system_error.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <limits>
#include <system_error>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

namespace millrace::storage {

namespace {

constexpr std::size_t page_bytes = 4096;
constexpr std::array<char, 8> attempt_magic{'M', 'I', 'L', 'L', 'A', 'T', 'T', '\n'};
constexpr std::uint64_t format_version = 1;

tl::unexpected<failure> system_failure(const char* action, const std::filesystem::path& file) {
  const int error = errno;
  return fail(code_of_system_error(error),
              std::string{action} + " " + file.string() + ": " + system_words(error, file));
}

/// Sees to it that the file is there with all of its blocks, so that no store into it can find the disk full.
result<> reserve_page(const std::filesystem::path& path) {
  auto& files = posix_file_system();
  auto page = files.open(path, file_mode::read_write);
  if (!page && page.error().code == errc::file_not_found) {
    page = files.open(path, file_mode::create_new);
  }
  if (!page) {
    return tl::unexpected{std::move(page).error()};
  }
  failpoint("attempt.file_made");
  return (*page)->preallocate(page_bytes).and_then([&] { return (*page)->sync(); }).and_then([&] {
    return files.sync_folder(path.parent_path());
  });
}

result<void*> map_page(const std::filesystem::path& file) {
  int descriptor = -1;
  do {
    descriptor = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
  } while (descriptor < 0 && errno == EINTR);
  if (descriptor < 0) {
    return system_failure("opening", file);
  }
  void* mapped = ::mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  auto given = mapped == MAP_FAILED ? result<void*>{system_failure("mapping", file)} : mapped;
  ::close(descriptor);
  return given;
}

} // namespace

/// The page (README.md has the table). Numbers are little-endian.
struct attempt_page::layout {
  using number = std::atomic<std::uint64_t>;

  std::array<char, 8> mark;
  std::uint64_t version;
  uuid database;
  std::array<std::uint64_t, 4> unused_after_head;
  number first; ///< 0 while no call runs.
  number last;
  number at;
  std::array<std::uint64_t, 5> unused_after_call;
  number suspect;
  number deaths;
  number checksum; ///< XXH3-64 of the two before.
  std::array<std::uint64_t, 493> unused_to_end;

  static std::uint64_t read(const number& from) noexcept { return little_endian(from.load(std::memory_order_acquire)); }
  static void write(number& to, std::uint64_t value) noexcept {
    to.store(little_endian(value), std::memory_order_release);
  }

  bool belongs_to(const uuid& id) const noexcept {
    return mark == attempt_magic && little_endian(version) == format_version && database == id;
  }

  /// Makes it a page that says nothing. The magic comes last: a page half made is not well formed.
  void reset(const uuid& id) noexcept {
    mark = {};
    for (auto* field : {&first, &last, &at, &suspect, &deaths, &checksum}) {
      write(*field, 0);
    }
    version = little_endian(format_version);
    database = id;
    failpoint("attempt.before_mark");
    std::atomic_thread_fence(std::memory_order_release);
    mark = attempt_magic;
  }

  static std::uint64_t checksum_of(std::uint64_t seq, std::uint64_t deaths) noexcept {
    const std::array<std::uint64_t, 2> hashed{little_endian(seq), little_endian(deaths)};
    return XXH3_64bits(hashed.data(), sizeof hashed);
  }
};

result<std::unique_ptr<attempt_page>> attempt_page::open(const std::filesystem::path& file, const uuid& database) {
  static_assert(layout::number::is_always_lock_free && sizeof(layout::number) == 8);
  static_assert(sizeof(layout) == page_bytes);
  static_assert(offsetof(layout, first) == 64 && offsetof(layout, suspect) == 128);

  if (auto reserved = reserve_page(file); !reserved) {
    return tl::unexpected{std::move(reserved).error()};
  }
  auto mapped = map_page(file);
  if (!mapped) {
    return tl::unexpected{std::move(mapped).error()};
  }
  std::unique_ptr<attempt_page> page{new attempt_page{static_cast<layout*>(*mapped)}};
  if (!page->mapped_->belongs_to(database)) {
    page->mapped_->reset(database);
  }
  return page;
}

attempt_page::~attempt_page() {
  ::munmap(mapped_, page_bytes);
}

void attempt_page::begin(std::uint64_t first, std::uint64_t last) noexcept {
  // A process that ends in between leaves no call, or this one whole.
  layout::write(mapped_->first, 0);
  layout::write(mapped_->at, 0);
  layout::write(mapped_->last, last);
  failpoint("attempt.half_begun");
  layout::write(mapped_->first, first);
}

void attempt_page::at(std::uint64_t seq) noexcept {
  layout::write(mapped_->at, seq);
}

void attempt_page::end() noexcept {
  layout::write(mapped_->first, 0);
}

std::optional<broken_attempt> attempt_page::broken() const noexcept {
  broken_attempt call{layout::read(mapped_->first), layout::read(mapped_->last), layout::read(mapped_->at)};
  if (call.first == 0 || call.last < call.first) {
    return std::nullopt;
  }
  if (call.at < call.first || call.at > call.last) {
    call.at = 0;
  }
  return call;
}

result<std::uint32_t> attempt_page::accuse(std::uint64_t seq) {
  const auto before = suspect();
  // It does not wrap around: the work would be tried again.
  const std::uint32_t deaths = before.seq == seq ? std::max(before.deaths, before.deaths + 1) : 1;
  layout::write(mapped_->suspect, seq);
  layout::write(mapped_->deaths, deaths);
  failpoint("attempt.half_accused");
  layout::write(mapped_->checksum, layout::checksum_of(seq, deaths));
  failpoint("attempt.accused");
  end();
  if (::msync(mapped_, page_bytes, MS_SYNC) != 0) {
    return fail(errc::io_error, "syncing the deaths counted: " + std::generic_category().message(errno));
  }
  return deaths;
}

attempt_page::suspicion attempt_page::suspect() const noexcept {
  const auto seq = layout::read(mapped_->suspect);
  const auto deaths = layout::read(mapped_->deaths);
  if (seq == 0 || deaths > std::numeric_limits<std::uint32_t>::max()
      || layout::read(mapped_->checksum) != layout::checksum_of(seq, deaths)) {
    return {};
  }
  return {seq, static_cast<std::uint32_t>(deaths)};
}

} // namespace millrace::storage
