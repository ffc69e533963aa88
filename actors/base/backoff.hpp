#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace millrace {

struct backoff_options {
  std::chrono::milliseconds first{10};
  std::chrono::milliseconds cap{1'000};
};

/// Delays that double from `first` up to `cap`, each shortened at random by up to half so that those who wait for the
/// same thing do not all come back at once.
class backoff {
public:
  /// A seed makes the delays repeatable.
  explicit backoff(backoff_options settings, std::uint64_t seed = std::random_device{}());

  std::chrono::milliseconds next();
  void reset() noexcept { attempts_ = 0; }
  unsigned attempts() const noexcept { return attempts_; }

private:
  backoff_options settings_;
  unsigned attempts_ = 0;
  std::minstd_rand random_;
};

} // namespace millrace
