#include "ledger.hpp"

#include <millrace/actors/base/invariant.hpp>

#include <algorithm>
#include <utility>

namespace millrace {

namespace {

bool unpromised(const ledger::debt& owed) {
  return owed.acknowledgement != ack::durable && !owed.promised;
}

bool can_expire(const ledger::debt& owed) {
  return owed.deadline != monotonic_time::max() && unpromised(owed);
}

} // namespace

void deliver(outcome_promise& to, storage::answer answer) {
  if (!to.pending()) {
    return;
  }
  if (answer) {
    to.deliver(std::move(*answer));
  } else {
    to.deliver(to_error(std::move(answer.error())));
  }
}

ledger::~ledger() {
  const auto give_up = [](debt& owed) {
    deliver(owed.answer,
            tl::unexpected{failure{errc::outcome_unknown, "the write-ahead queue ended before it could answer"}});
  };
  std::ranges::for_each(debts_, give_up);
  for (auto& [seq, owed] : followers_) {
    give_up(owed);
  }
}

void ledger::add(debt owed) {
  deadlines_ += can_expire(owed) ? 1 : 0;
  debts_.push_back(std::move(owed));
}

void ledger::follow(std::uint64_t seq, debt owed) {
  followers_.emplace(seq, std::move(owed));
}

void ledger::promise(std::uint64_t seq) {
  if (seq >= first_ && seq - first_ < debts_.size()) {
    auto& owed = debts_[seq - first_];
    deadlines_ -= can_expire(owed) ? 1 : 0;
    owed.promised = true;
  }
}

bool ledger::is_unpromised(std::uint64_t seq) const {
  return seq >= first_ && seq - first_ < debts_.size() && unpromised(debts_[seq - first_]);
}

void ledger::answer_durable(std::uint64_t first, std::uint64_t last) {
  invariant(last < first_ + debts_.size(), "what became durable was owed");
  const auto answer = [](debt& owed, std::uint64_t seq) {
    if (owed.acknowledgement == ack::durable) {
      deliver(owed.answer, outcome{.seq = seq, .results = {}});
    }
  };
  for (auto seq = std::max(first, first_); seq <= last; ++seq) {
    answer(debts_[seq - first_], seq);
  }
  for (auto one = followers_.lower_bound(first); one != followers_.end() && one->first <= last; ++one) {
    answer(one->second, one->first);
  }
}

ledger::freed ledger::settle_up_to(std::uint64_t seq, const settler& settle) {
  invariant(seq < first_ + debts_.size(), "what is settled was owed");
  freed room;
  while (!followers_.empty() && followers_.begin()->first < std::min(first_, seq + 1)) {
    settle_followers(followers_.begin()->first, settle);
  }
  while (first_ <= seq) {
    auto& owed = debts_.front();
    settle_followers(first_, settle);
    settle(owed, first_, true);
    room.transactions += owed.admitted ? 1 : 0;
    room.bytes += owed.admitted ? owed.bytes : 0;
    deadlines_ -= can_expire(owed) ? 1 : 0;
    debts_.pop_front();
    ++first_;
  }
  return room;
}

void ledger::settle_followers(std::uint64_t seq, const settler& settle) {
  if (followers_.empty()) {
    return;
  }
  const auto [begin, end] = followers_.equal_range(seq);
  for (auto one = begin; one != end; ++one) {
    settle(one->second, seq, false);
  }
  followers_.erase(begin, end);
}

ledger::freed ledger::refuse_newest(std::size_t count, const failure& why) {
  invariant(count <= debts_.size(), "what is refused was owed");
  freed room;
  for (; count > 0; --count) {
    auto& owed = debts_.back();
    room.transactions += owed.admitted ? 1 : 0;
    room.bytes += owed.admitted ? owed.bytes : 0;
    deadlines_ -= can_expire(owed) ? 1 : 0;
    deliver(owed.answer, tl::unexpected{why});
    settle_followers(first_ + debts_.size() - 1,
                     [&why](debt& follower, std::uint64_t, bool) { deliver(follower.answer, tl::unexpected{why}); });
    debts_.pop_back();
  }
  return room;
}

std::vector<std::uint64_t> ledger::expired(std::uint64_t first, std::uint64_t last, monotonic_time now) const {
  std::vector<std::uint64_t> found;
  for (auto seq = std::max(first, first_); deadlines_ > 0 && seq <= last && seq - first_ < debts_.size(); ++seq) {
    const auto& owed = debts_[seq - first_];
    if (can_expire(owed) && owed.deadline < now) {
      found.push_back(seq);
    }
  }
  return found;
}

} // namespace millrace
