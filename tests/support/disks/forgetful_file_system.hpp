#pragma once

#include "forwarding_file_system.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace millrace::test {

/// The machine's files, but what is written stays inside this process until it is synced. So a process that is killed
/// loses what a machine without power would, and a sync that fails keeps nothing. Used by one thread at a time.
class forgetful_file_system final : public forwarding_file_system {
public:
  /// After `syncs_until_failure` syncs each further one fails; 0 for never.
  explicit forgetful_file_system(std::uint64_t syncs_until_failure)
    : syncs_left_(syncs_until_failure == 0 ? UINT64_MAX : syncs_until_failure) {}

  storage::result<std::unique_ptr<storage::file>> open(const std::filesystem::path& path,
                                                       storage::file_mode mode) override {
    return base_.open(path, mode).map([this](std::unique_ptr<storage::file> opened) {
      return std::unique_ptr<storage::file>{std::make_unique<forgetful_file>(*this, std::move(opened))};
    });
  }

private:
  class forgetful_file final : public forwarding_file {
  public:
    forgetful_file(forgetful_file_system& owner, std::unique_ptr<storage::file> base)
      : forwarding_file(std::move(base)), owner_(owner) {}

    storage::result<> write_at(std::uint64_t offset, std::string_view bytes) override {
      unsynced_.emplace_back(offset, bytes);
      return {};
    }
    storage::result<> sync() override {
      const auto writes = std::exchange(unsynced_, {});
      // The time of a sync passes first, so that there is a while in which killing the process loses them.
      auto synced = base_->sync();
      if (owner_.syncs_left_ == 0) {
        return storage::fail(errc::io_error, "injected: what was written is gone");
      }
      --owner_.syncs_left_;
      for (auto write = writes.begin(); synced && write != writes.end(); ++write) {
        synced = base_->write_at(write->first, write->second);
      }
      return synced;
    }

  private:
    forgetful_file_system& owner_;
    std::vector<std::pair<std::uint64_t, std::string>> unsynced_;
  };

  std::uint64_t syncs_left_;
};

} // namespace millrace::test
