#pragma once

#include "recording.hpp"

#include <millrace/storage/base/file.hpp>

namespace millrace::test {

/// The machine's files, with everything put down that is done to them.
class recording_file_system final : public storage::file_system {
public:
  explicit recording_file_system(recording& into) : into_(into) {}

  storage::result<std::unique_ptr<storage::file>> open(const std::filesystem::path& path,
                                                       storage::file_mode mode) override;
  storage::result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  storage::result<> remove(const std::filesystem::path& path) override;
  storage::result<std::vector<std::string>> list(const std::filesystem::path& folder) override;
  storage::result<> make_folder(const std::filesystem::path& folder) override;
  storage::result<> sync_folder(const std::filesystem::path& folder) override;

private:
  recording& into_;
  storage::file_system& base_ = storage::posix_file_system();
};

} // namespace millrace::test
