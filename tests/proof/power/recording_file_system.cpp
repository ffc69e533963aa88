#include "recording_file_system.hpp"

#include <utility>

namespace millrace::test {

namespace {

class recording_file final : public storage::file {
public:
  recording_file(recording& into, std::uint32_t number, std::unique_ptr<storage::file> base)
    : into_(into), number_(number), base_(std::move(base)) {}

  storage::result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) override {
    return base_->read_at(offset, into);
  }
  storage::result<> write_at(std::uint64_t offset, std::string_view bytes) override {
    into_.written(number_, offset, bytes);
    return base_->write_at(offset, bytes);
  }
  storage::result<> sync() override {
    if (into_.leaves_out(missing_sync::queue_files)) {
      return {};
    }
    auto done = base_->sync();
    if (done) {
      into_.synced(number_);
    }
    return done;
  }
  storage::result<> preallocate(std::uint64_t bytes) override {
    into_.reserved(number_, bytes);
    return base_->preallocate(bytes);
  }
  storage::result<> truncate(std::uint64_t bytes) override {
    into_.truncated(number_, bytes);
    return base_->truncate(bytes);
  }
  storage::result<std::uint64_t> size() override { return base_->size(); }

private:
  recording& into_;
  std::uint32_t number_;
  std::unique_ptr<storage::file> base_;
};

} // namespace

storage::result<std::unique_ptr<storage::file>> recording_file_system::open(const std::filesystem::path& path,
                                                                            storage::file_mode mode) {
  auto opened = base_.open(path, mode);
  if (!opened) {
    return opened;
  }
  const auto number = mode == storage::file_mode::create_new ? into_.created(path) : into_.file_at(path);
  return std::make_unique<recording_file>(into_, number, std::move(*opened));
}

storage::result<> recording_file_system::rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  auto done = base_.rename(from, to);
  if (done) {
    into_.renamed(from, to);
  }
  return done;
}

storage::result<> recording_file_system::remove(const std::filesystem::path& path) {
  auto done = base_.remove(path);
  if (done) {
    into_.removed(path);
  }
  return done;
}

storage::result<std::vector<std::string>> recording_file_system::list(const std::filesystem::path& folder) {
  return base_.list(folder);
}

storage::result<> recording_file_system::make_folder(const std::filesystem::path& folder) {
  return base_.make_folder(folder);
}

storage::result<> recording_file_system::sync_folder(const std::filesystem::path& folder) {
  if (into_.leaves_out(missing_sync::queue_folder)) {
    return {};
  }
  auto done = base_.sync_folder(folder);
  if (done) {
    into_.folder_synced(folder);
  }
  return done;
}

} // namespace millrace::test
