#include "name_index.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace millrace {

std::size_t name_index::hash::operator()(const uuid& id) const noexcept {
  // The second half of a client's id is random.
  std::size_t bits = 0;
  std::memcpy(&bits, id.data() + id.size() - sizeof bits, sizeof bits);
  return bits;
}

void name_index::load(const storage::database_identity& identity) {
  for (const auto& one : identity.names) {
    // What was resubmitted from quarantine, or noted, is recorded twice; its name stands for the first.
    if (find({one.name}).what == verdict::fresh) {
      add({one.name, one.content}, one.seq);
    } else {
      keep_place(client_of(one.name.client), one.seq);
    }
    accepted_at(one.accepted_ms);
  }
  forgotten_upto_ = std::max(forgotten_upto_, identity.forgotten_upto);
  // Which of a client's numbers were forgotten in an earlier life is not known; below the highest one they may be.
  for (auto& [id, record] : clients_) {
    if (issued_at_seq(id) < forgotten_upto_) {
      record.forgotten_upto = std::max(record.forgotten_upto, record.highest);
    }
  }
}

name_index::finding name_index::find(const storage::bound_name& bound) const {
  const auto& name = bound.name;
  const auto client = clients_.find(name.client);
  if (client == clients_.end()) {
    return {issued_at_seq(name.client) < forgotten_upto_ ? verdict::forgotten : verdict::fresh};
  }
  const auto& record = client->second;
  if (name.number <= record.highest) {
    const auto begin = record.numbers.begin() + static_cast<std::ptrdiff_t>(record.first);
    const auto found = std::ranges::lower_bound(begin, record.numbers.end(), name.number, {}, &numbered::number);
    if (found != record.numbers.end() && found->number == name.number) {
      const bool compared = bound.content != 0 && found->content != 0;
      return {compared && bound.content != found->content ? verdict::taken : verdict::known, found->seq};
    }
  }
  return {name.number <= record.forgotten_upto ? verdict::forgotten : verdict::fresh};
}

void name_index::add(const storage::bound_name& bound, std::uint64_t seq) {
  const auto& name = bound.name;
  auto& client = client_of(name.client);
  auto& record = client.second;
  if (record.highest < name.number) {
    record.numbers.push_back({name.number, seq, bound.content});
    record.highest = name.number;
  } else {
    const auto begin = record.numbers.begin() + static_cast<std::ptrdiff_t>(record.first);
    record.numbers.insert(std::ranges::lower_bound(begin, record.numbers.end(), name.number, {}, &numbered::number),
                          {name.number, seq, bound.content});
    record.in_order = false;
  }
  order_.push_back({&client, name.number, seq});
}

void name_index::note(const transaction_name& name, std::uint64_t seq) {
  auto& client = client_of(name.client);
  client.second.forgotten_upto = std::max(client.second.forgotten_upto, name.number);
  keep_place(client, seq);
}

void name_index::keep_place(client_map::value_type& client, std::uint64_t seq) {
  ++client.second.notes;
  order_.push_back({&client, 0, seq});
}

void name_index::accepted_at(std::int64_t time_ms) {
  if (newest_seq() <= timed_upto_) {
    return;
  }
  if (times_.empty() || times_.back().time_ms != time_ms) {
    times_.push_back({timed_upto_ + 1, time_ms});
    age_ += times_.size() > 1 ? aged_from(times_.size() - 2) : std::chrono::milliseconds{0};
  }
  timed_upto_ = newest_seq();
}

/// How much older all became from one time to the next.
std::chrono::milliseconds name_index::aged_from(std::size_t which) const {
  return window_.aged(times_[which].time_ms, times_[which + 1].time_ms);
}

std::vector<transaction_name> name_index::forget() {
  while (order_.size() > window_.count || (!order_.empty() && age_ > window_.age)) {
    forget_oldest();
  }
  return std::exchange(owed_, {});
}

void name_index::remove_above(std::uint64_t seq) {
  while (!order_.empty() && order_.back().seq > seq) {
    const auto newest = order_.back();
    auto& [id, record] = *newest.client;
    order_.pop_back();
    if (newest.number == 0) {
      --record.notes;
      owed_.push_back({id, record.forgotten_upto});
      continue;
    }
    erase(record, newest.number);
    // One that has forgotten something must stay: its lower numbers are not fresh.
    if (record.empty() && record.forgotten_upto == 0) {
      clients_.erase(newest.client->first);
    }
  }
  while (!times_.empty() && times_.back().first_seq > seq) {
    age_ -= times_.size() > 1 ? aged_from(times_.size() - 2) : std::chrono::milliseconds{0};
    times_.pop_back();
  }
  timed_upto_ = std::min(timed_upto_, seq);
}

void name_index::forget_oldest() {
  const auto oldest = order_.front();
  order_.pop_front();
  if (oldest.number == 0) {
    --oldest.client->second.notes;
  } else {
    forget_number(*oldest.client, oldest.number);
  }
  if (oldest.client->second.empty()) {
    clients_.erase(oldest.client->first);
  }
  forgotten_upto_ = oldest.seq;
  drop_times();
}

/// Those of entries that are gone.
void name_index::drop_times() {
  while (times_.size() > 1 && times_[1].first_seq <= forgotten_upto_ + 1) {
    age_ -= aged_from(0);
    times_.pop_front();
  }
}

void name_index::forget_number(client_map::value_type& client, std::uint64_t number) {
  auto& [id, record] = client;
  record.forgotten_upto = std::max(record.forgotten_upto, number);
  if (record.in_order) {
    return drop_first(record);
  }
  erase(record, number);
  if (record.has_numbers() && record.numbers.back().number < number) {
    owed_.push_back({id, number});
  }
}

void name_index::erase(client_record& client, std::uint64_t number) {
  auto& numbers = client.numbers;
  const auto begin = numbers.begin() + static_cast<std::ptrdiff_t>(client.first);
  numbers.erase(std::ranges::lower_bound(begin, numbers.end(), number, {}, &numbered::number));
}

/// Its place is only given up now and then.
void name_index::drop_first(client_record& client) {
  if (++client.first * 2 > client.numbers.size()) {
    client.numbers.erase(client.numbers.begin(), client.numbers.begin() + static_cast<std::ptrdiff_t>(client.first));
    client.first = 0;
  }
}

} // namespace millrace
