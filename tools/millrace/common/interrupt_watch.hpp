#pragma once

#include <chrono>
#include <string>
#include <thread>

namespace millrace::tools {

/// Ends the process at once where Ctrl-C or SIGTERM asks for that, with `exit_code::interrupted` and a sentence on
/// stderr, whatever the command is waiting for. For as long as the object lives. Nothing that was acknowledged is lost:
/// a folder that was left so is recovered when it is opened next. With a grace it waits so long for the command to end
/// by itself.
class interrupt_watch {
public:
  explicit interrupt_watch(std::string sentence, std::chrono::milliseconds grace = {});

private:
  std::jthread thread_;
};

} // namespace millrace::tools
