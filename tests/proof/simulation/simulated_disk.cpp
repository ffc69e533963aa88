#include "simulated_disk.hpp"

#include <utility>

namespace millrace::test {

class simulated_disk::open_file final : public storage::file {
public:
  open_file(simulated_disk& disk, std::unique_ptr<storage::file> bytes) : disk_(disk), bytes_(std::move(bytes)) {}

  storage::result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) override {
    return bytes_->read_at(offset, into);
  }
  storage::result<> write_at(std::uint64_t offset, std::string_view bytes) override {
    disk_.operate();
    return bytes_->write_at(offset, bytes);
  }
  storage::result<> sync() override {
    disk_.take_sync_time();
    return bytes_->sync();
  }
  storage::result<> preallocate(std::uint64_t bytes) override {
    disk_.operate();
    return disk_.full ? storage::fail(errc::disk_full, "simulated") : bytes_->preallocate(bytes);
  }
  storage::result<> truncate(std::uint64_t bytes) override {
    disk_.operate();
    return bytes_->truncate(bytes);
  }
  storage::result<std::uint64_t> size() override { return bytes_->size(); }

private:
  simulated_disk& disk_;
  std::unique_ptr<storage::file> bytes_;
};

void simulated_disk::crash_before(std::uint64_t operation, std::function<void()> crash) {
  operations_left_ = operation;
  crash_ = std::move(crash);
}

void simulated_disk::operate() {
  if (operations_left_ > 0 && --operations_left_ == 0) {
    std::exchange(crash_, {})();
  }
}

void simulated_disk::take_sync_time() {
  operate();
  machine_.pass(sync_time);
  ++syncs_;
}

storage::result<std::unique_ptr<storage::file>> simulated_disk::open(const std::filesystem::path& path,
                                                                     storage::file_mode mode) {
  if (mode == storage::file_mode::create_new) {
    operate();
  }
  auto opened = files_.open(path, mode);
  if (!opened) {
    return opened;
  }
  return std::make_unique<open_file>(*this, std::move(*opened));
}

storage::result<> simulated_disk::rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  operate();
  return files_.rename(from, to);
}

storage::result<> simulated_disk::remove(const std::filesystem::path& path) {
  operate();
  return files_.remove(path);
}

storage::result<std::vector<std::string>> simulated_disk::list(const std::filesystem::path& folder) {
  return files_.list(folder);
}

storage::result<> simulated_disk::make_folder(const std::filesystem::path& folder) {
  operate();
  return files_.make_folder(folder);
}

storage::result<> simulated_disk::sync_folder(const std::filesystem::path& folder) {
  take_sync_time();
  return files_.sync_folder(folder);
}

} // namespace millrace::test
