#include "model_history.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

namespace millrace::test {

namespace {

using key = std::pair<std::int64_t, std::int64_t>;

std::string text(const key& what) {
  return "write " + std::to_string(what.second) + " of client " + std::to_string(what.first);
}

/// What all sendings of one write together came to.
struct effect {
  std::vector<const sent_write*> sendings;
  std::vector<const entry_row*> rows;
};

/// The one answer of an exchange, if it has one.
const exchange::reply* answer_to(const history& all, std::size_t exchange) {
  const auto& replies = all.exchanges[exchange].replies;
  return replies.empty() ? nullptr : &replies.front();
}

const outcome* success_of(const history& all, const sent_write& write) {
  const auto* answer = answer_to(all, write.exchange);
  return answer == nullptr ? nullptr : std::get_if<outcome>(&answer->content);
}

class checker {
public:
  explicit checker(const history& all) : all_(all) {
    for (const auto& write : all.writes) {
      effects_[{write.client, write.number}].sendings.push_back(&write);
    }
  }

  std::vector<std::string> check() {
    check_answers();
    check_rows();
    for (const auto& [what, made] : effects_) {
      check_effect(what, made);
      check_rejections(what, made);
      check_agreement(what, made);
    }
    check_client_order();
    check_seq_order();
    for (const auto& query : all_.queries) {
      check_query(query);
    }
    return std::move(complaints_);
  }

private:
  void complain(std::string what) { complaints_.push_back(std::move(what)); }

  void check_answers() {
    for (std::size_t i = 0; i < all_.exchanges.size(); ++i) {
      if (const auto count = all_.exchanges[i].replies.size(); count != 1) {
        complain("request " + std::to_string(i) + " has " + std::to_string(count) + " answers");
      }
    }
    if (all_.strays != 0) {
      complain(std::to_string(all_.strays) + " messages answer nothing");
    }
  }

  void check_rows() {
    for (const auto& row : all_.rows) {
      const auto found = effects_.find({row.client, row.number});
      if (found == effects_.end()) {
        complain("nobody sent " + text({row.client, row.number}));
      } else {
        found->second.rows.push_back(&row);
      }
    }
  }

  /// Whole, once, and where the answers allow it.
  void check_effect(const key& what, const effect& made) {
    const auto& first = *made.sendings.front();
    bool acknowledged = false;
    bool unknown = false;
    for (const auto* write : made.sendings) {
      const auto* answer = answer_to(all_, write->exchange);
      acknowledged = acknowledged || success_of(all_, *write) != nullptr;
      unknown = unknown || answer == nullptr || kind(code_of(answer->content)) == error_kind::unknown;
    }
    if (made.rows.empty()) {
      if (acknowledged && !first.fails) {
        complain(text(what) + " was acknowledged and has no effect");
      }
      return;
    }
    if (first.fails || (!acknowledged && !unknown)) {
      complain(text(what) + " was refused and has an effect");
    }
    for (std::size_t i = 0; i < made.rows.size(); ++i) {
      const auto& row = *made.rows[i];
      const auto place = static_cast<std::int64_t>(i);
      if (row.part != place + 1 || row.id != made.rows.front()->id + place) {
        complain(text(what) + " is there more than once or in pieces");
        return;
      }
    }
    if (made.rows.size() != static_cast<std::size_t>(first.parts)) {
      complain(text(what) + " is there in part");
    }
  }

  /// Each refusal has a reason that the write gave.
  void check_rejections(const key& what, const effect& made) {
    for (const auto* write : made.sendings) {
      const auto* answer = answer_to(all_, write->exchange);
      const auto code = answer == nullptr ? errc::outcome_unknown : code_of(answer->content);
      const auto expected = (code == errc::constraint && write->fails)
                            || (code == errc::deadline_exceeded && write->may_be_late);
      if (code == errc::none && (write->is_late || (write->fails && !write->durable))) {
        complain(text(what) + " succeeded and could not");
      } else if (code == errc::name_forgotten) {
        complain(text(what) + " was forgotten");
      } else if (code != errc::none && kind(code) == error_kind::rejected && !expected) {
        complain(text(what) + " was rejected as " + std::string{name(code)});
      }
    }
  }

  /// However often a name was sent, it has one `seq` and one outcome, and what was decided once stays so.
  void check_agreement(const key& what, const effect& made) {
    const outcome* known = nullptr;
    const outcome* known_results = nullptr;
    for (const auto* write : made.sendings) {
      const auto* success = success_of(all_, *write);
      if (success == nullptr) {
        continue;
      }
      known = known == nullptr ? success : known;
      if (success->seq != known->seq) {
        complain(text(what) + " has two sequence numbers");
      }
      if (!success->results.empty()) {
        known_results = known_results == nullptr ? success : known_results;
        if (success->results != known_results->results) {
          complain(text(what) + " has two outcomes");
        }
      }
      check_nothing_else_later(what, made, answer_to(all_, write->exchange)->at);
    }
  }

  void check_nothing_else_later(const key& what, const effect& made, std::uint64_t decided_at) {
    for (const auto* write : made.sendings) {
      const auto* answer = answer_to(all_, write->exchange);
      const auto later = all_.exchanges[write->exchange].sent_at > decided_at;
      if (later && !write->fails && answer != nullptr && code_of(answer->content) != errc::none
          && kind(code_of(answer->content)) == error_kind::rejected) {
        complain(text(what) + " was acknowledged, then rejected");
      }
    }
  }

  /// What a client sent after it had sent another write for the last time stands behind that.
  void check_client_order() {
    for (const auto& [what, made] : effects_) {
      for (const auto& [other, next] : effects_) {
        const auto ordered = what.first == other.first && what != other && !made.rows.empty() && !next.rows.empty()
                             && made.sendings.back()->exchange < next.sendings.front()->exchange;
        if (ordered && made.rows.back()->id > next.rows.front()->id) {
          complain(text(other) + " overtook " + text(what));
        }
      }
    }
  }

  /// Sequence numbers are given once, in the order of application.
  void check_seq_order() {
    std::map<std::uint64_t, key> given;
    for (const auto& write : all_.writes) {
      if (const auto* success = success_of(all_, write)) {
        const key what{write.client, write.number};
        if (const auto [place, fresh] = given.emplace(success->seq, what); !fresh && place->second != what) {
          complain(text(what) + " and " + text(place->second) + " have one sequence number");
        }
      }
    }
    std::int64_t id = 0;
    for (const auto& [seq, what] : given) {
      const auto& rows = effects_[what].rows;
      if (!rows.empty() && rows.front()->id <= std::exchange(id, rows.front()->id)) {
        complain(text(what) + " does not stand where its sequence number says");
      }
    }
  }

  /// It saw the beginning of the table as it is at last, which is the state at some moment, and all that it had to.
  void check_query(const sent_query& query) {
    const auto* answer = answer_to(all_, query.exchange);
    const auto* rows = answer == nullptr ? nullptr : std::get_if<row_set>(&answer->content);
    const auto which = "query " + std::to_string(query.exchange);
    if (rows == nullptr) {
      if (answer != nullptr && kind(code_of(answer->content)) == error_kind::rejected) {
        complain(which + " was rejected as " + std::string{name(code_of(answer->content))});
      }
      return;
    }
    for (std::size_t i = 0; i < rows->size(); ++i) {
      const auto row = (*rows)[i];
      const entry_row seen{row[0].as_integer(), row[1].as_integer(), row[2].as_integer(), row[3].as_integer()};
      if (i >= all_.rows.size() || seen != all_.rows[i]) {
        complain(which + " saw a state that never was");
        return;
      }
    }
    check_freshness(query, rows->size(), which);
  }

  void check_freshness(const sent_query& query, std::size_t seen, const std::string& which) {
    const auto last_seen = seen == 0 ? 0 : all_.rows[seen - 1].id;
    for (const auto& write : all_.writes) {
      const auto* success = success_of(all_, write);
      const key what{write.client, write.number};
      if (success == nullptr || effects_[what].rows.empty()) {
        continue;
      }
      const auto before = answer_to(all_, write.exchange)->at < all_.exchanges[query.exchange].sent_at;
      const auto due = (before && (!write.durable || query.consistency == consistency::linearizable))
                       || (query.consistency == consistency::at_least && success->seq <= query.at_least_seq);
      if (due && effects_[what].rows.back()->id > last_seen) {
        complain(which + " did not see " + text(what));
      }
    }
  }

  const history& all_;
  std::map<key, effect> effects_;
  std::vector<std::string> complaints_;
};

void tell(std::ostream& out, const exchange& one) {
  out << ", sent at " << one.sent_at;
  for (const auto& reply : one.replies) {
    out << ", answered at " << reply.at << ": " << name(code_of(reply.content));
    if (const auto* success = std::get_if<outcome>(&reply.content)) {
      out << " seq " << success->seq << " with " << success->results.size() << " results";
    } else if (const auto* rows = std::get_if<row_set>(&reply.content)) {
      out << ' ' << rows->size() << " rows";
    } else if (const auto* problem = std::get_if<failure>(&reply.content)) {
      out << ' ' << problem->detail;
    }
  }
  out << '\n';
}

} // namespace

std::string story(const history& all) {
  std::ostringstream out;
  for (const auto& write : all.writes) {
    out << text({write.client, write.number}) << (write.named ? ", named" : "") << (write.durable ? ", durable" : "")
        << (write.fails ? ", fails" : "") << (write.may_be_late ? ", with a deadline" : "");
    tell(out, all.exchanges[write.exchange]);
  }
  for (const auto& query : all.queries) {
    out << "query with consistency " << static_cast<int>(query.consistency) << " of " << query.at_least_seq;
    tell(out, all.exchanges[query.exchange]);
  }
  for (const auto& row : all.rows) {
    out << "row " << row.id << ": part " << row.part << " of " << text({row.client, row.number}) << '\n';
  }
  return out.str();
}

std::vector<std::string> contradictions(const history& all) {
  return checker{all}.check();
}

} // namespace millrace::test
