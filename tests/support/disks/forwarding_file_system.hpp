#pragma once

#include <millrace/storage/base/file.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace millrace::test {

/// A file that does what another one does; what a test wants otherwise is overridden.
class forwarding_file : public storage::file {
public:
  explicit forwarding_file(std::unique_ptr<storage::file> base) : base_(std::move(base)) {}

  storage::result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) override {
    return base_->read_at(offset, into);
  }
  storage::result<> write_at(std::uint64_t offset, std::string_view bytes) override {
    return base_->write_at(offset, bytes);
  }
  storage::result<> sync() override { return base_->sync(); }
  storage::result<> preallocate(std::uint64_t bytes) override { return base_->preallocate(bytes); }
  storage::result<> truncate(std::uint64_t bytes) override { return base_->truncate(bytes); }
  storage::result<std::uint64_t> size() override { return base_->size(); }
  void forget_cached() noexcept override { base_->forget_cached(); }

protected:
  std::unique_ptr<storage::file> base_;
};

/// The machine's files, likewise; `open` is for who overrides it, to give files of their own.
class forwarding_file_system : public storage::file_system {
public:
  storage::result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    return base_.rename(from, to);
  }
  storage::result<> remove(const std::filesystem::path& path) override { return base_.remove(path); }
  storage::result<std::vector<std::string>> list(const std::filesystem::path& folder) override {
    return base_.list(folder);
  }
  storage::result<> make_folder(const std::filesystem::path& folder) override { return base_.make_folder(folder); }
  storage::result<> sync_folder(const std::filesystem::path& folder) override { return base_.sync_folder(folder); }

protected:
  storage::file_system& base_ = storage::posix_file_system();
};

} // namespace millrace::test
