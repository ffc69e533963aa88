#pragma once

namespace millrace::network {

/// Deleter of what a C library gives and wants back by a function of its own.
template <auto free>
struct freed_by {
  template <class T>
  void operator()(T* what) const noexcept {
    free(what);
  }
};

} // namespace millrace::network
