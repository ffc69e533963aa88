#pragma once

#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

#include <caf/error.hpp>
#include <caf/sec.hpp>

/// State that is indexed on trust is checked in every build: where it does not hold what it must, nothing that it says
/// may be acknowledged, and the process ends (actors/DESIGN.md §3).
namespace millrace {

/// What `invariant` throws. No restart mends it: the state may be wrong for long already.
class broken_invariant : public std::logic_error {
public:
  using std::logic_error::logic_error;
};

/// `what` is the sentence that holds, as it should.
inline void invariant(bool holds, const char* what) {
  if (!holds) [[unlikely]] {
    throw broken_invariant{what};
  }
}

/// Makes an actor end the process, by `on_fatal`, where one of its handlers breaks an invariant. Any other exception
/// ends the actor, whose supervisor starts it again.
template <class Actor>
void end_process_where_broken(Actor& self, std::function<void(const std::string&)> on_fatal) {
  self.set_exception_handler([on_fatal = std::move(on_fatal), name = self.name()](std::exception_ptr& thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const broken_invariant& broken) {
      on_fatal(std::string{name} + " does not hold what it must: " + broken.what());
      return caf::make_error(caf::sec::runtime_error, broken.what());
    } catch (const std::exception& problem) {
      return caf::make_error(caf::sec::runtime_error, std::string{problem.what()});
    } catch (...) {
      return caf::make_error(caf::sec::runtime_error);
    }
  });
}

} // namespace millrace
