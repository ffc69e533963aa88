#include "parameters.hpp"

#include "error.hpp"

#include <millrace/messages/limits.hpp>

#include <algorithm>
#include <bitset>

namespace millrace::storage::sqlite {

namespace {

struct binder {
  sqlite3_stmt* target;
  int index;

  int operator()(std::monostate) const noexcept { return sqlite3_bind_null(target, index); }
  int operator()(std::int64_t number) const noexcept { return sqlite3_bind_int64(target, index, number); }
  int operator()(double number) const noexcept { return sqlite3_bind_double(target, index, number); }
  int operator()(const std::string& text) const noexcept {
    return sqlite3_bind_text64(target, index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  int operator()(const blob& bytes) const noexcept {
    return sqlite3_bind_blob64(target, index, bytes.bytes.data(), bytes.bytes.size(), SQLITE_STATIC);
  }
};

result<> bind_one(sqlite3_stmt* target, int index, const value& parameter) {
  if (parameter.payload_bytes() > limits::value_bytes_max) {
    return fail(errc::too_large, "parameter " + std::to_string(index) + " has "
                                   + std::to_string(parameter.payload_bytes()) + " bytes; at most "
                                   + std::to_string(limits::value_bytes_max) + " are allowed");
  }
  if (const int code = std::visit(binder{target, index}, parameter.data()); code != SQLITE_OK) {
    return tl::unexpected{failure_of(sqlite3_db_handle(target), code)};
  }
  return {};
}

result<> bind_by_name(cached_statement& target, const statement& source) {
  if (std::ranges::any_of(source.names, &std::string::empty)) {
    return fail(errc::parameter_mismatch, "some parameters are given by name and some by position");
  }
  std::bitset<limits::parameters_max + 1> given;
  for (std::size_t at = 0; at < source.names.size(); ++at) {
    const auto& name = source.names[at];
    const int index = sqlite3_bind_parameter_index(target.prepared.get(), name.c_str());
    if (index == 0) {
      return fail(errc::parameter_mismatch, "the statement has no parameter " + name);
    }
    if (given.test(static_cast<std::size_t>(index))) {
      return fail(errc::parameter_mismatch, "the parameter " + name + " is given twice");
    }
    given.set(static_cast<std::size_t>(index));
    if (auto done = bind_one(target.prepared.get(), index, source.parameters[at]); !done) {
      return done;
    }
  }
  for (int index = 1; index <= target.parameters; ++index) {
    if (!given.test(static_cast<std::size_t>(index))) {
      const char* const name = sqlite3_bind_parameter_name(target.prepared.get(), index);
      return fail(
        errc::parameter_mismatch,
        "the parameter " + (name == nullptr ? "?" + std::to_string(index) : std::string{name}) + " is missing");
    }
  }
  return {};
}

} // namespace

result<> bind_parameters(cached_statement& target, const statement& source) {
  if (!source.names.empty() && source.names.size() == source.parameters.size()) {
    return bind_by_name(target, source);
  }
  if (!source.names.empty() || source.parameters.size() != static_cast<std::size_t>(target.parameters)) {
    return fail(errc::parameter_mismatch, "the statement has " + std::to_string(target.parameters) + " parameters, but "
                                            + std::to_string(source.parameters.size()) + " were given");
  }
  for (int index = 1; index <= target.parameters; ++index) {
    auto done = bind_one(target.prepared.get(), index, source.parameters[static_cast<std::size_t>(index) - 1]);
    if (!done) {
      return done;
    }
  }
  return {};
}

} // namespace millrace::storage::sqlite
