#pragma once

#include "crash_image.hpp"
#include "power_loss_truth.hpp"
#include "recording_observer.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>

namespace millrace::test {

/// Recovers images with the engine. Used by one thread.
class power_loss_checker {
public:
  /// Works in a folder of its own below `scratch`.
  power_loss_checker(const power_loss_truth& truth, recording_observer& observer, const std::filesystem::path& scratch);

  /// Opens an engine on what a power loss before event `point` left, and once more. What is wrong; nothing where all is
  /// right.
  std::optional<std::string> check(const crash_image& image, std::size_t point);

  /// Lets the power fail again while the first of these engines recovers, or while it is closed.
  std::optional<std::string> check_twice(const crash_image& image, std::size_t point, std::mt19937_64& random);

private:
  class served;
  struct machine;

  void write(const crash_image& image);
  std::optional<std::string> recover_and_look(std::size_t point);
  crash_image recover_and_fail(const crash_image& image, std::mt19937_64& random);

  const power_loss_truth& truth_;
  recording_observer& observer_;
  std::filesystem::path data_;
  std::shared_ptr<machine> machine_;
};

/// Makes an empty data folder. Those who make it sync it before anything is in it.
void make_data_folder(const std::filesystem::path& data);

} // namespace millrace::test
