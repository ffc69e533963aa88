#include "history_checker.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace millrace::test::histories {

namespace {

constexpr std::size_t sentences_per_rule_max = 3;

bool writes(action what) {
  return what != action::read && what != action::sum;
}

/// Where a value stands.
struct place {
  std::uint64_t list = 0;
  std::size_t length = 0; ///< Of its list up to and with it.
};

/// A client's operation with all its answers.
struct operation {
  event invoked;
  std::size_t invokes = 0;
  std::size_t fails = 0;
  bool ok = false;
  bool rejected = false;
  std::uint64_t seq = 0;
  std::size_t length_due = 0; ///< What a read must see at least.
  std::size_t length = 0;     ///< What a read saw.

  bool had_no_effect() const { return fails == invokes; }
};

/// How long lists were known to be when something was asked.
using lengths = std::unordered_map<std::uint64_t, std::size_t>;

void raise(lengths& known, const place& where) {
  auto& length = known[where.list];
  length = std::max(length, where.length);
}

class checker {
public:
  checker(const std::vector<event>& history, const final_state& end) : history_(history), end_(end) {}

  std::vector<std::string> run() {
    index_rows();
    for (const auto& what : history_) {
      look_at(what);
    }
    check_writes();
    check_rows();
    check_at_least();
    check_log();
    check_accounts();
    if (end_.refused != 0) {
      find("undone", std::to_string(end_.refused) + " rows of groups that were undone are in the database");
    }
    return report();
  }

private:
  void index_rows();
  void look_at(const event& what);
  void invoke(const event& what);
  void ok(operation& known, const event& what);
  void ok_write(operation& known, const event& what);
  void ok_read(operation& known, const event& what);
  void refuse(operation& known, const event& what);
  void check_writes();
  void check_rows();
  void check_at_least();
  void check_log();
  void check_seq(const operation& one);
  void check_accounts();

  std::int64_t sum_of_accounts() const { return end_.first_balance * static_cast<std::int64_t>(end_.balances.size()); }
  void find(const char* rule, std::string sentence) {
    auto& found = findings_[rule];
    if (found.size() < sentences_per_rule_max) {
      found.push_back(std::move(sentence));
    }
    ++found_[rule];
  }
  std::vector<std::string> report() const;

  const std::vector<event>& history_;
  const final_state& end_;
  std::unordered_map<operation_id, operation> operations_;
  std::unordered_map<operation_id, place> places_;
  std::unordered_map<std::uint64_t, std::vector<operation_id>> lists_;
  std::unordered_map<std::uint64_t, operation_id> owners_; ///< Of each `seq` that a client was told.
  lengths applied_;
  lengths acknowledged_;
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::size_t> seen_; ///< By client and list.
  std::map<std::string_view, std::vector<std::string>> findings_;
  std::map<std::string_view, std::size_t> found_;
};

void checker::index_rows() {
  for (const auto& row : end_.rows) {
    auto& list = lists_[row.list];
    list.push_back(row.who);
    if (!places_.try_emplace(row.who, place{row.list, list.size()}).second) {
      find("doubled", to_string(row.who) + " is in the database more than once");
    }
  }
}

void checker::look_at(const event& what) {
  if (what.kind == event_kind::invoke) {
    return invoke(what);
  }
  const auto known = operations_.find(what.who);
  if (known == operations_.end()) {
    return find("history", to_string(what.who) + " was answered and never asked");
  }
  if (what.kind == event_kind::ok) {
    ok(known->second, what);
  } else {
    refuse(known->second, what);
  }
}

void checker::invoke(const event& what) {
  auto& known = operations_[what.who];
  known.invoked = what;
  ++known.invokes;
  if (what.action == action::read && what.level != consistency::at_least) {
    const auto& known_lengths = what.level == consistency::linearizable ? acknowledged_ : applied_;
    const auto due = known_lengths.find(what.list);
    known.length_due = due == known_lengths.end() ? 0 : due->second;
  }
}

void checker::ok(operation& known, const event& what) {
  if (known.rejected) {
    find("two answers", to_string(what.who) + " was rejected, and then answered ok");
  }
  if (writes(known.invoked.action)) {
    ok_write(known, what);
  } else if (known.invoked.action == action::read) {
    ok_read(known, what);
  } else if (what.total != sum_of_accounts()) {
    find("sum seen", to_string(what.who) + " saw accounts of " + std::to_string(what.total) + " together in place of "
                       + std::to_string(sum_of_accounts()));
  }
  known.ok = true;
}

void checker::ok_write(operation& known, const event& what) {
  const bool applied = known.invoked.acknowledgement == ack::applied;
  const std::vector own{what.who};
  if (what.values != own && (applied || !what.values.empty())) {
    find("outcome", to_string(what.who) + " was given an outcome that is not its own"
                      + (what.values.empty() ? "" : ": that of " + to_string(what.values.front())));
  }
  if (known.ok && known.seq != what.seq) {
    find("two seqs", to_string(what.who) + " was told seq " + std::to_string(known.seq) + " and then seq "
                       + std::to_string(what.seq));
  }
  known.seq = what.seq;
  const auto [owner, first] = owners_.try_emplace(what.seq, what.who);
  if (!first && owner->second != what.who) {
    find("one seq", "seq " + std::to_string(what.seq) + " was given to " + to_string(owner->second) + " and to "
                      + to_string(what.who));
  }
  if (const auto where = places_.find(what.who); where != places_.end()) {
    raise(acknowledged_, where->second);
    if (applied) {
      raise(applied_, where->second);
    }
  }
}

void checker::ok_read(operation& known, const event& what) {
  const auto& list = lists_[known.invoked.list];
  const auto name = to_string(what.who) + " read list " + std::to_string(known.invoked.list);
  known.length = what.values.size();
  if (known.length > list.size() || !std::equal(what.values.begin(), what.values.end(), list.begin())) {
    find("prefix", name + " and saw what is no beginning of the list that there is in the end");
  }
  if (known.length < known.length_due) {
    const bool linearizable = known.invoked.level == consistency::linearizable;
    find(linearizable ? "linearizable" : "any", name + (linearizable ? " (linearizable)" : "") + " and saw "
                                                  + std::to_string(known.length) + " values, though "
                                                  + std::to_string(known.length_due) + " were acknowledged"
                                                  + (linearizable ? "" : " as applied") + " before");
  }
  auto& before = seen_[{what.who.client, known.invoked.list}];
  if (known.length < before) {
    find("shrunk",
         name + " and saw " + std::to_string(known.length) + " values after it had seen " + std::to_string(before));
  }
  before = std::max(before, known.length);
}

void checker::refuse(operation& known, const event& what) {
  known.fails += what.kind == event_kind::fail ? 1 : 0;
  if (what.why == errc::name_forgotten) {
    find("forgotten", to_string(what.who) + " was told that its name is forgotten");
  }
  if (kind(what.why) != error_kind::rejected) {
    return;
  }
  known.rejected = true;
  if (known.ok) {
    find("two answers", to_string(what.who) + " was answered ok, and then rejected: " + std::string{name(what.why)});
  }
  const bool due = (known.invoked.action == action::refused && what.why == errc::constraint)
                   || (known.invoked.action == action::impostor && what.why == errc::name_taken);
  if (!due && what.why != errc::deadline_exceeded) {
    find("rejected", to_string(what.who) + " was rejected without a reason: " + std::string{name(what.why)});
  }
}

void checker::check_writes() {
  for (const auto& [who, one] : operations_) {
    const bool there = places_.contains(who);
    if (!writes(one.invoked.action)) {
      continue;
    }
    if (one.ok && !there) {
      find("lost", to_string(who) + " was acknowledged as seq " + std::to_string(one.seq) + " and is lost");
    }
    if (!one.ok && one.had_no_effect() && there) {
      find("failed", to_string(who) + " failed and is in the database");
    }
    if (there && one.invoked.action == action::refused) {
      find("broken", to_string(who) + " broke a constraint and is in the database");
    }
    if (one.ok) {
      check_seq(one);
    }
  }
}

/// What the log says of a `seq` that a client was told.
void checker::check_seq(const operation& one) {
  const auto name = to_string(one.invoked.who) + " (seq " + std::to_string(one.seq) + ')';
  if (one.seq == 0 || one.seq > end_.applied_seq) {
    find("seq unknown", name + " is beyond what was applied, seq " + std::to_string(end_.applied_seq));
  } else if (one.seq <= end_.log.size()) {
    const auto& logged = end_.log[one.seq - 1];
    if (logged.who != one.invoked.who) {
      find("seq of another", name + " stands in the log for " + to_string(logged.who));
    } else if (logged.skipped) {
      find("acknowledged and skipped", name + " was acknowledged, and the log says that it is skipped");
    }
  }
}

/// What is there was sent, and stands in the order of its client and of the sequence numbers.
void checker::check_rows() {
  std::unordered_map<std::uint32_t, std::uint32_t> numbers;
  std::uint64_t seq = 0;
  for (const auto& row : end_.rows) {
    auto& number = numbers[row.who.client];
    if (row.who.number < number) {
      find("client's order", to_string(row.who) + " stands after number " + std::to_string(number) + " of its client");
    }
    number = std::max(number, row.who.number);
    const auto known = operations_.find(row.who);
    if (known == operations_.end()) {
      find("invented", to_string(row.who) + " is in the database and was never sent");
    } else if (known->second.invoked.list != row.list) {
      find("list", to_string(row.who) + " is in list " + std::to_string(row.list));
    } else if (known->second.ok) {
      if (known->second.seq < seq) {
        find("seq's order", to_string(row.who) + " (seq " + std::to_string(known->second.seq) + ") stands after seq "
                              + std::to_string(seq));
      }
      seq = std::max(seq, known->second.seq);
    }
  }
}

/// `at_least` is looked at in the order of `seq`, since only the end tells what stands up to one.
void checker::check_at_least() {
  std::vector<std::vector<const operation*>> asked(end_.applied_seq + 1);
  for (const auto& [who, one] : operations_) {
    if (one.ok && one.invoked.action == action::read && one.invoked.level == consistency::at_least
        && one.invoked.seq <= end_.applied_seq) {
      asked[one.invoked.seq].push_back(&one);
    }
  }
  lengths known;
  for (std::uint64_t seq = 1; seq <= end_.applied_seq; ++seq) {
    if (const auto owner = owners_.find(seq); owner != owners_.end()) {
      if (const auto where = places_.find(owner->second); where != places_.end()) {
        raise(known, where->second);
      }
    }
    for (const auto* one : asked[seq]) {
      if (one->length < known[one->invoked.list]) {
        find("at_least", to_string(one->invoked.who) + " read list " + std::to_string(one->invoked.list)
                           + " at least at seq " + std::to_string(seq) + " and saw " + std::to_string(one->length)
                           + " values of " + std::to_string(known[one->invoked.list]));
      }
    }
  }
}

/// All that the log holds and does not skip is there, in that order, and nothing else.
void checker::check_log() {
  if (end_.log.size() != end_.applied_seq) {
    find("gap", "seq " + std::to_string(end_.applied_seq) + " is applied, and the log holds "
                  + std::to_string(end_.log.size()));
  }
  auto row = end_.rows.begin();
  for (std::size_t i = 0; i < end_.log.size(); ++i) {
    const auto& work = end_.log[i];
    const auto known = operations_.find(work.who);
    if (work.skipped || known == operations_.end() || known->second.invoked.action == action::refused) {
      continue;
    }
    if (row == end_.rows.end() || row->who != work.who) {
      return find("log", "seq " + std::to_string(i + 1) + " is " + to_string(work.who) + ", and the database has "
                           + (row == end_.rows.end() ? "nothing" : to_string(row->who)) + " in its place");
    }
    ++row;
  }
  if (row != end_.rows.end()) {
    find("log", to_string(row->who) + " is in the database and not in the log");
  }
}

void checker::check_accounts() {
  if (std::accumulate(end_.balances.begin(), end_.balances.end(), std::int64_t{0}) != sum_of_accounts()) {
    find("sum", "the accounts do not hold " + std::to_string(sum_of_accounts()) + " together");
  }
  std::vector<std::int64_t> due(end_.balances.size(), end_.first_balance);
  for (const auto& row : end_.rows) {
    if (row.amount != 0 && row.source < due.size() && row.target < due.size()) {
      due[row.source] -= row.amount;
      due[row.target] += row.amount;
    }
  }
  for (std::size_t i = 0; i < due.size(); ++i) {
    if (due[i] != end_.balances[i]) {
      find("balance", "account " + std::to_string(i) + " holds " + std::to_string(end_.balances[i])
                        + ", and its transfers come to " + std::to_string(due[i]));
    }
  }
}

std::vector<std::string> checker::report() const {
  std::vector<std::string> all;
  for (const auto& [rule, sentences] : findings_) {
    all.insert(all.end(), sentences.begin(), sentences.end());
    if (const auto more = found_.at(rule) - sentences.size(); more > 0) {
      all.back() += " (and " + std::to_string(more) + " more of this kind)";
    }
  }
  return all;
}

} // namespace

std::vector<std::string> check(const std::vector<event>& history, const final_state& end) {
  return checker{history, end}.run();
}

} // namespace millrace::test::histories
