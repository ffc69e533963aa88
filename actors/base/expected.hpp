#pragma once

#include <millrace/messages/error.hpp>

#include <stdexcept>
#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace millrace {

namespace detail {

inline std::string text_of(const failure& why) {
  return to_string(why);
}

inline const std::string& text_of(const std::string& sentence) noexcept {
  return sentence;
}

} // namespace detail

/// What a call gave, or why it gave nothing: a `tl::expected` that cannot be misread. To take what is not there, value
/// or error, throws `std::logic_error`, where the other's behaviour is undefined. A temporary gives its value away
/// instead of a reference into it, so that `for (auto row : *db.query(…))` reads rows that live; `->` on one, by which
/// such references are had as well, does not compile.
template <class T, class E = failure>
class [[nodiscard]] expected : public tl::expected<T, E> {
  using base = tl::expected<T, E>;

public:
  using base::base;
  expected() = default;
  expected(base given) : base(std::move(given)) {}

  T& value() & {
    demand_value();
    return base::operator*();
  }
  const T& value() const& {
    demand_value();
    return base::operator*();
  }
  T value() && {
    demand_value();
    return std::move(base::operator*());
  }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T operator*() && { return std::move(*this).value(); }

  T* operator->() & { return &value(); }
  const T* operator->() const& { return &value(); }
  void operator->() && = delete;
  void operator->() const&& = delete;

  E& error() & {
    demand_error();
    return base::error();
  }
  const E& error() const& {
    demand_error();
    return base::error();
  }
  E error() && {
    demand_error();
    return std::move(base::error());
  }

private:
  void demand_value() const {
    if (!this->has_value()) {
      throw std::logic_error{"a value was taken where there is an error: "
                             + std::string{detail::text_of(base::error())}};
    }
  }
  void demand_error() const {
    if (this->has_value()) {
      throw std::logic_error{"an error was taken where there is a value"};
    }
  }
};

} // namespace millrace
