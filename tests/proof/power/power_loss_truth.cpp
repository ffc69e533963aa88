#include "power_loss_truth.hpp"

#include "power_loss_workload.hpp"

#include <millrace/tests/support/storage/plain_connection.hpp>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <span>
#include <stdexcept>

namespace millrace::test {

namespace {

void demand(plain_connection& database, const std::string& sql, const std::string& value) {
  if (const auto found = database.rows(sql); found != value) {
    throw std::runtime_error{sql + " gives " + (found.empty() ? "nothing" : found)};
  }
}

std::string balances_text(const std::vector<std::int64_t>& balances) {
  std::string text;
  for (const auto balance : balances) {
    text += std::to_string(balance) + ' ';
  }
  return text;
}

} // namespace

std::string described(std::uint32_t client, std::uint64_t number) {
  return "client " + std::to_string(client) + ", number " + std::to_string(number);
}

power_loss_rows power_loss_rows::read(const std::filesystem::path& database) {
  plain_connection file{database};
  power_loss_rows found;
  demand(file, "PRAGMA integrity_check", "ok");
  demand(file, "SELECT count(*) FROM millrace_quarantine", "0");
  found.applied_seq = file.rows("SELECT applied_seq FROM millrace_meta");
  if (file.lines("SELECT name FROM sqlite_schema WHERE name = 'account'").empty()) {
    return found;
  }
  demand(file,
         "SELECT count(*) FROM entry e WHERE (SELECT count(*) FROM part WHERE entry = e.id) "
         "<> CASE WHEN number % 5 = 0 THEN 2 ELSE 0 END",
         "0");
  demand(file, "SELECT count(*) FROM part WHERE entry NOT IN (SELECT id FROM entry)", "0");
  for (const auto& balance : file.lines("SELECT balance FROM account ORDER BY id")) {
    found.balances += balance + ' ';
  }
  for (auto& text : file.lines("SELECT client, number, id, chance, at, payload FROM entry ORDER BY id")) {
    char* rest = nullptr;
    const auto client = static_cast<std::uint32_t>(std::strtoul(text.c_str(), &rest, 10));
    const auto number = std::strtoull(rest + 1, nullptr, 10);
    found.entries.push_back({client, number, std::move(text)});
  }
  return found;
}

power_loss_truth::power_loss_truth(const std::vector<disk_event>& events, power_loss_rows all) : all_(std::move(all)) {
  std::vector<std::int64_t> balances(accounts, money_per_account);
  balances_.push_back(balances_text(balances));
  for (const auto& [client, number, text] : all_.entries) {
    if (!text.ends_with('|' + power_loss_payload(client, number))) {
      throw std::runtime_error{described(client, number) + ": the row is not what was sent"};
    }
    if (!place_.emplace(name{client, number}, place_.size() + 1).second) {
      throw std::runtime_error{described(client, number) + ": applied twice"};
    }
    if (power_loss_work_has_parts(number)) {
      const auto [from, to, amount] = power_loss_transfer(client, number);
      balances[static_cast<std::size_t>(from)] -= amount;
      balances[static_cast<std::size_t>(to)] += amount;
    }
    balances_.push_back(balances_text(balances));
  }
  std::map<std::uint32_t, std::uint64_t> last;
  for (const auto& [client, number, text] : all_.entries) {
    if (std::exchange(last[client], number) >= number) {
      throw std::runtime_error{described(client, number) + ": out of order"};
    }
  }
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (events[i].what == disk_event::kind::note) {
      take(events[i].note, i);
    }
  }
}

void power_loss_truth::take(const client_note& note, std::size_t event) {
  const name key{note.client, note.number};
  if (note.what == client_note::kind::sent) {
    sent_[key] = event;
    return;
  }
  told_.push_back({note, event});
  const auto place = place_.find(key);
  const bool effect = place != place_.end();
  const bool promised = note.what == client_note::kind::applied
                        || (note.what == client_note::kind::durable && !power_loss_work_fails(note.number));
  if (effect != promised) {
    throw std::runtime_error{described(note.client, note.number)
                             + (effect ? ": rejected, but applied" : ": acknowledged, but lost")};
  }
  if (effect) {
    const auto& text = all_.entries[place->second - 1].text;
    if (note.what == client_note::kind::applied && text.find('|' + note.answer + '|') == std::string::npos) {
      throw std::runtime_error{described(note.client, note.number) + ": told " + note.answer + ", the row is " + text};
    }
    if (required_.empty() || required_.back().second < place->second) {
      required_.emplace_back(event, place->second);
    }
  }
}

std::optional<std::string> power_loss_truth::judge(const power_loss_rows& found, std::size_t point) const {
  const auto count = found.entries.size();
  if (const auto least = required(point); count < least) {
    return std::to_string(least - count) + " acknowledged rows or more are lost: there are " + std::to_string(count)
           + ", there were " + std::to_string(least);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const auto& [client, number, text] = found.entries[i];
    if (i >= all_.entries.size() || text != all_.entries[i].text) {
      return place_.contains({client, number})
               ? "row " + std::to_string(i + 1) + " is not as it was: " + text.substr(0, 100)
               : judge_rest(found, i, point);
    }
    if (sent_.at({client, number}) >= point) {
      return described(client, number) + ": not sent, but there";
    }
  }
  if (count > 0 && found.balances != balances_[count]) {
    return "balances are " + found.balances + "instead of " + balances_[count];
  }
  return std::nullopt;
}

/// How many entries must be there.
std::size_t power_loss_truth::required(std::size_t point) const {
  const auto beyond = std::ranges::lower_bound(required_, point, {}, &std::pair<std::size_t, std::size_t>::first);
  return beyond == required_.begin() ? 0 : std::prev(beyond)->second;
}

/// Whether its client was told before `point` that it has no effect.
bool power_loss_truth::rejected(const name& who, std::size_t point) const {
  return std::ranges::any_of(told_, [&](const told& one) {
    return one.event < point && one.note.what == client_note::kind::rejected
           && name{one.note.client, one.note.number} == who;
  });
}

/// Rows from `first` on, of which the first is of a transaction that the whole run skipped.
std::optional<std::string> power_loss_truth::judge_rest(const power_loss_rows& found, std::size_t first,
                                                        std::size_t point) const {
  std::set<name> rest;
  for (const auto& [client, number, text] : std::span{found.entries}.subspan(first)) {
    const name who{client, number};
    const auto sent = sent_.find(who);
    if (sent == sent_.end() || sent->second >= point) {
      return described(client, number) + ": not sent, but there";
    }
    if (rejected(who, point)) {
      return described(client, number) + ": told that it is rejected, but there";
    }
    if (!rest.insert(who).second) {
      return described(client, number) + ": applied twice";
    }
  }
  for (auto i = first; i < required(point); ++i) {
    if (!rest.contains({all_.entries[i].client, all_.entries[i].number})) {
      return described(all_.entries[i].client, all_.entries[i].number) + ": acknowledged, but lost";
    }
  }
  return std::nullopt;
}

std::vector<client_note> power_loss_truth::to_resend(std::size_t point) const {
  constexpr std::size_t answered_max = 2;
  std::vector<client_note> chosen;
  const auto end = std::ranges::lower_bound(told_, point, {}, &told::event);
  for (std::uint32_t client = 0; client < power_loss_clients; ++client) {
    if (!power_loss_client_has_name(client)) {
      continue;
    }
    std::uint64_t last = 0;
    std::size_t answered = 0;
    for (auto at = end; at != told_.begin() && answered < answered_max;) {
      --at;
      if (at->note.client == client) {
        last = std::max(last, at->note.number);
        chosen.push_back(at->note);
        ++answered;
      }
    }
    const auto next = sent_.find({client, last + 1});
    if (next != sent_.end() && next->second < point) {
      chosen.push_back({.what = client_note::kind::sent, .client = client, .number = last + 1});
    }
  }
  return chosen;
}

} // namespace millrace::test
