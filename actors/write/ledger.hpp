#pragma once

#include <millrace/actors/base/monotonic_time.hpp>
#include <millrace/messages/outcome.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/storage/database.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include <caf/typed_response_promise.hpp>

namespace millrace {

using outcome_promise = caf::typed_response_promise<outcome>;

/// Delivers to whoever asked.
void deliver(outcome_promise& to, storage::answer answer);

/// Who is owed an answer for which `seq`. Every promise in it is answered exactly once: by its settling, its refusal,
/// or when the ledger ends, as `outcome_unknown`. The queue's thread only.
class ledger {
public:
  /// What is owed for one `seq`.
  struct debt {
    outcome_promise answer; ///< Empty for the engine's own work.
    monotonic_time deadline = monotonic_time::max();
    std::uint32_t bytes = 0;
    ack acknowledgement = ack::applied;
    bool admitted = false; ///< Whether it holds room that must be given back.
    bool named = false;    ///< Whether its outcome is recorded.
    bool promised = false; ///< Whether somebody else was told that it is durable.
  };
  /// Room that settling or refusing freed.
  struct freed {
    std::uint64_t transactions = 0;
    std::uint64_t bytes = 0;
  };
  /// Called with each debt that is settled and its `seq`; answers it. `last` tells that nobody else waits for that one.
  using settler = std::function<void(debt& owed, std::uint64_t seq, bool last)>;

  ledger() = default;
  ledger(const ledger&) = delete;
  ledger& operator=(const ledger&) = delete;
  ~ledger();

  /// Nothing is owed up to `seq`.
  void start_after(std::uint64_t seq) noexcept { first_ = seq + 1; }

  void add(debt owed);
  /// Somebody asks again for what is not applied yet.
  void follow(std::uint64_t seq, debt owed);
  /// Somebody is promised that it will be applied, so it cannot expire any more.
  void promise(std::uint64_t seq);
  /// Whether nobody was told that it is durable.
  bool is_unpromised(std::uint64_t seq) const;

  /// Answers those that wait for `first` to `last` being synced.
  void answer_durable(std::uint64_t first, std::uint64_t last);

  /// Settles everything up to `seq`, those that follow included.
  freed settle_up_to(std::uint64_t seq, const settler& settle);

  /// Takes the newest `count` back: nothing was written for them.
  freed refuse_newest(std::size_t count, const failure& why);

  /// Those of `first` to `last` whose deadline has passed and that nobody was told to be durable.
  std::vector<std::uint64_t> expired(std::uint64_t first, std::uint64_t last, monotonic_time now) const;

private:
  void settle_followers(std::uint64_t seq, const settler& settle);

  std::deque<debt> debts_; ///< One per `seq` from `first_` on.
  std::uint64_t first_ = 1;
  std::multimap<std::uint64_t, debt> followers_;
  std::size_t deadlines_ = 0; ///< How many debts have one.
};

} // namespace millrace
