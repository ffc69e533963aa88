#include "file.hpp"

#include "descriptor.hpp"
#include "system_error.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace millrace::storage {

namespace {

constexpr mode_t private_file = 0600;
constexpr mode_t private_folder = 0700;

tl::unexpected<failure> system_failure(int error, std::string_view action, const std::filesystem::path& path) {
  const auto code = error == ENOENT ? errc::file_not_found : code_of_system_error(error);
  return fail(code, std::string{action} + " " + path.string() + ": " + system_words(error, path));
}

/// Calls until a signal no longer interrupts it.
template <class Call>
auto without_interruption(Call&& call) {
  auto given = call();
  while (given < 0 && errno == EINTR) {
    given = call();
  }
  return given;
}

class posix_file final : public file {
public:
  posix_file(descriptor handle, std::filesystem::path path) : handle_(std::move(handle)), path_(std::move(path)) {}

  result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) override {
    std::size_t done = 0;
    while (done < into.size()) {
      const auto given = without_interruption([&] {
        return ::pread(handle_.get(), into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
      });
      if (given < 0) {
        return system_failure(errno, "reading", path_);
      }
      if (given == 0) {
        break;
      }
      done += static_cast<std::size_t>(given);
    }
    return done;
  }

  result<> write_at(std::uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const auto given = without_interruption(
        [&] { return ::pwrite(handle_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
      if (given < 0) {
        return system_failure(errno, "writing", path_);
      }
      bytes.remove_prefix(static_cast<std::size_t>(given));
      offset += static_cast<std::uint64_t>(given);
    }
    return {};
  }

  result<> sync() override {
    if (without_interruption([&] { return ::fdatasync(handle_.get()); }) != 0) {
      return system_failure(errno, "syncing", path_);
    }
    return {};
  }

  result<> preallocate(std::uint64_t bytes) override {
    int error = EINTR;
    while (error == EINTR) {
      error = ::posix_fallocate(handle_.get(), 0, static_cast<off_t>(bytes));
    }
    if (error != 0) {
      return system_failure(error, "reserving " + std::to_string(bytes) + " bytes for", path_);
    }
    return {};
  }

  result<> truncate(std::uint64_t bytes) override {
    if (without_interruption([&] { return ::ftruncate(handle_.get(), static_cast<off_t>(bytes)); }) != 0) {
      return system_failure(errno, "truncating", path_);
    }
    return {};
  }

  result<std::uint64_t> size() override {
    struct stat status {};
    if (::fstat(handle_.get(), &status) != 0) {
      return system_failure(errno, "looking at", path_);
    }
    return static_cast<std::uint64_t>(status.st_size);
  }

  void forget_cached() noexcept override { ::posix_fadvise(handle_.get(), 0, 0, POSIX_FADV_DONTNEED); }

private:
  descriptor handle_;
  std::filesystem::path path_;
};

int flags_of(file_mode mode) noexcept {
  switch (mode) {
    case file_mode::read:
      return O_RDONLY | O_CLOEXEC;
    case file_mode::read_write:
      return O_RDWR | O_CLOEXEC;
    case file_mode::create_new:
      break;
  }
  return O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
}

class posix_files final : public file_system {
public:
  result<std::unique_ptr<file>> open(const std::filesystem::path& path, file_mode mode) override {
    descriptor handle{without_interruption([&] { return ::open(path.c_str(), flags_of(mode), private_file); })};
    if (handle.get() < 0) {
      return system_failure(errno, mode == file_mode::create_new ? "creating" : "opening", path);
    }
    return std::make_unique<posix_file>(std::move(handle), path);
  }

  result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) {
      return system_failure(errno, "renaming", from);
    }
    return {};
  }

  result<> remove(const std::filesystem::path& path) override {
    if (::unlink(path.c_str()) != 0) {
      return system_failure(errno, "removing", path);
    }
    return {};
  }

  result<std::vector<std::string>> list(const std::filesystem::path& folder) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> stream{::opendir(folder.c_str()),
                                                     [](DIR* open) { return ::closedir(open); }};
    if (stream == nullptr) {
      return system_failure(errno, "listing", folder);
    }
    std::vector<std::string> names;
    errno = 0;
    while (const auto* entry = ::readdir(stream.get())) {
      std::string name = entry->d_name;
      if (name != "." && name != "..") {
        names.push_back(std::move(name));
      }
      errno = 0;
    }
    if (errno != 0) {
      return system_failure(errno, "listing", folder);
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  result<> make_folder(const std::filesystem::path& folder) override {
    if (::mkdir(folder.c_str(), private_folder) == 0) {
      return {};
    }
    const int error = errno;
    struct stat status {};
    if (error == EEXIST && ::stat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
      return {};
    }
    return system_failure(error, "making folder", folder);
  }

  result<> sync_folder(const std::filesystem::path& folder) override {
    const descriptor handle{
      without_interruption([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); })};
    if (handle.get() < 0) {
      return system_failure(errno, "opening", folder);
    }
    if (without_interruption([&] { return ::fsync(handle.get()); }) != 0) {
      return system_failure(errno, "syncing folder", folder);
    }
    return {};
  }
};

} // namespace

file_system& posix_file_system() {
  static posix_files files;
  return files;
}

} // namespace millrace::storage
