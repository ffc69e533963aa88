#pragma once

#include "model_history.hpp"

#include <millrace/tests/support/actors/engine_fixture.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace millrace::test {

/// What happens next in a sequence.
enum class deed : std::uint8_t {
  write,         ///< An unnamed one, of one to three rows.
  durable_write, ///< The same with `ack::durable`.
  named_write,   ///< One with a name, now so, now so.
  resend,        ///< An earlier named one again, whether its answer has come or not.
  hurried_write, ///< One with a deadline: passed, hardly to be met, or long.
  failing_write, ///< One that breaks a rule of the schema after its first row.
  burst,         ///< Several writes at once, more than there is room for.
  query,         ///< For all rows, with any of the consistencies.
  kill,          ///< Of one actor, in one of two ways.
  lock,          ///< Another process takes the database's lock.
  unlock,
  pause, ///< Waits for answers: a little, or, unless the database is locked, for all.
  close_and_open,
};

/// One step. What `client` and `choice` mean depends on the deed; every value means something.
struct step {
  deed what = deed::pause;
  std::uint8_t client = 0;
  std::uint8_t choice = 0;
};
std::ostream& operator<<(std::ostream& out, const step& one);

/// An engine, with real threads and files, that one sequence of steps after the other is played on. Killed actors come
/// back later each time, so it is opened anew now and then.
class model_engine {
public:
  /// Puts something between the clients and the engine.
  using wrapper = std::function<engine_actor(caf::actor_system& system, const engine_actor& front)>;

  /// `patience` is longer than anything takes that an engine in order does.
  explicit model_engine(wrapper wrap = {}, std::chrono::milliseconds patience = std::chrono::seconds{10});

  /// Plays the steps, lets all of it be answered and applied, and gives what was seen. An engine that contradicted
  /// itself is not to be used again.
  history play(const std::vector<step>& steps);

  /// How many requests were answered how, over all sequences.
  const std::map<errc, std::uint64_t>& answers() const noexcept { return answers_; }
  std::uint64_t resends() const noexcept { return resends_; }
  std::uint64_t kills() const noexcept { return kills_in_all_; }

private:
  void begin();
  void take(const step& next);
  sent_write fresh_write(std::int64_t client);
  void write(sent_write wanted, std::chrono::milliseconds deadline = std::chrono::milliseconds{0});
  void send(sent_write wanted, transaction work);
  void resend(const step& next);
  void hurried_write(const step& next);
  void ask(const step& next);
  void kill(const step& next);
  void lock();
  void unlock() { lock_.reset(); }
  void close_and_open(const step& next);
  void open();
  history finish();
  void wait_for_all();
  void settle();
  std::uint64_t newest_seq() const;

  static constexpr std::size_t clients = 3;
  struct named_work {
    sent_write sent;
    transaction work;
  };

  engine_fixture fixture_;
  wrapper wrap_;
  std::chrono::milliseconds patience_;
  engine_actor front_;
  bool lost_answer_ = false;
  std::int64_t sequence_ = 0;
  std::uint64_t kills_since_open_ = 0;
  std::uint64_t kills_in_all_ = 0;
  std::uint64_t resends_ = 0;
  std::map<errc, std::uint64_t> answers_;

  // Of the sequence that is played.
  std::optional<answer_recorder> recorder_;
  history seen_;
  std::array<std::int64_t, clients> last_number_{};
  std::array<uuid, clients> names_{};
  std::vector<named_work> named_;
  std::unique_ptr<plain_connection> lock_;
};

} // namespace millrace::test
