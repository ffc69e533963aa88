#pragma once

#include <memory>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace millrace::tools {

/// Who a certificate is for, and when it holds.
struct certificate_wish {
  std::string name;
  /// Names and numeric addresses at which it serves; none for one that only connects.
  std::vector<std::string> hosts;
  int days = 30;
  /// Days from now on which its time begins; below zero for one that has begun.
  int begins_in_days = -1;
};

/// Both as PEM.
struct certified_key {
  std::string key;
  std::string certificate;
};

/// A certificate authority for trials: its key lives as long as the object and is written nowhere, so nobody can make
/// certificates in its name afterwards.
class trial_authority {
public:
  /// The errors here and below are sentences.
  [[nodiscard]] static tl::expected<trial_authority, std::string> make(int days);

  trial_authority(trial_authority&&) noexcept;
  trial_authority& operator=(trial_authority&&) noexcept;
  ~trial_authority();

  /// Its own certificate, as PEM.
  std::string certificate() const;
  [[nodiscard]] tl::expected<certified_key, std::string> issue(const certificate_wish& wish) const;

private:
  class impl;
  explicit trial_authority(std::unique_ptr<impl> state);
  std::unique_ptr<impl> impl_;
};

/// The SHA-256 fingerprint of a certificate in PEM, in lower-case hexadecimal; empty where it is none.
std::string fingerprint_of(const std::string& certificate);

} // namespace millrace::tools
