#pragma once

#include <iostream>
#include <sstream>
#include <string>

namespace millrace::test {

/// What the program writes to a stream while this lives.
class captured {
public:
  explicit captured(std::ostream& stream) : stream_(stream), before_(stream.rdbuf(text_.rdbuf())) {}
  captured(const captured&) = delete;
  captured& operator=(const captured&) = delete;
  ~captured() { stream_.rdbuf(before_); }

  std::string text() const { return text_.str(); }

private:
  std::ostringstream text_;
  std::ostream& stream_;
  std::streambuf* before_;
};

} // namespace millrace::test
