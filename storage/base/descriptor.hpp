#pragma once

#include <utility>

#include <unistd.h>

namespace millrace::storage {

/// Owns a descriptor of the system's; closed with it.
class descriptor {
public:
  descriptor() = default;
  /// A negative number is none.
  explicit descriptor(int number) noexcept : number_(number) {}
  descriptor(descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~descriptor() {
    if (number_ >= 0) {
      ::close(number_);
    }
  }

  int get() const noexcept { return number_; }

private:
  int number_ = -1;
};

} // namespace millrace::storage
