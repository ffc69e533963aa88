#include "simulation_history.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace millrace::test::simulated {

namespace {

using key = std::pair<std::int64_t, std::int64_t>;

class checker {
public:
  explicit checker(const history& all) : all_(all), complaints_(all.complaints) {
    for (const auto& one : all.rows) {
      rows_[{one.client, one.number}].push_back(&one);
    }
  }

  std::vector<std::string> check() {
    check_answers();
    check_rows();
    for (const auto& one : all_.writes) {
      check_effect(one);
      check_refusals(one);
      check_agreement(one);
    }
    check_order();
    check_seqs();
    std::ranges::for_each(all_.reads, [this](const read& one) { check_read(one); });
    check_monotony();
    return std::move(complaints_);
  }

private:
  void complain(std::string what) { complaints_.push_back(std::move(what)); }

  std::string text(const write& one) const {
    auto words = "write " + std::to_string(one.number) + " of client " + std::to_string(one.client) + " (";
    for (const auto i : one.exchanges) {
      const auto* answer = answer_to(i);
      words += (i == one.exchanges.front() ? "" : ", ")
               + std::string{answer == nullptr ? "unanswered" : name(code_of(answer->content))};
    }
    return words + ")";
  }

  const exchange::reply* answer_to(std::size_t number) const {
    const auto& replies = all_.exchanges[number].replies;
    return replies.empty() ? nullptr : &replies.front();
  }
  const outcome* success(std::size_t number) const {
    const auto* answer = answer_to(number);
    return answer == nullptr ? nullptr : std::get_if<outcome>(&answer->content);
  }
  const std::vector<const entry*>& rows_of(const write& one) const {
    static const std::vector<const entry*> none;
    const auto found = rows_.find({one.client, one.number});
    return found == rows_.end() ? none : found->second;
  }

  void check_answers() {
    for (std::size_t i = 0; i < all_.exchanges.size(); ++i) {
      const auto& one = all_.exchanges[i];
      if (one.replies.size() > 1 || (one.replies.empty() && one.cut_at == 0)) {
        complain("request " + std::to_string(i) + " has " + std::to_string(one.replies.size()) + " answers");
      }
    }
    if (all_.strays != 0) {
      complain(std::to_string(all_.strays) + " messages answer nothing");
    }
  }

  void check_rows() {
    std::map<key, const write*> known;
    for (const auto& one : all_.writes) {
      known[{one.client, one.number}] = &one;
    }
    for (const auto& [what, rows] : rows_) {
      if (!known.contains(what)) {
        complain("nobody sent write " + std::to_string(what.second) + " of client " + std::to_string(what.first));
      }
    }
  }

  /// Whole, once, and where the answers allow it.
  void check_effect(const write& one) {
    const auto& rows = rows_of(one);
    const auto acknowledged = std::ranges::any_of(one.exchanges, [this](auto i) { return success(i) != nullptr; });
    const auto unknown = std::ranges::any_of(one.exchanges, [this](auto i) {
      const auto* answer = answer_to(i);
      return answer == nullptr || kind(code_of(answer->content)) == error_kind::unknown;
    });
    if (rows.empty()) {
      return acknowledged && !one.fails ? complain(text(one) + " was acknowledged and has no effect") : void();
    }
    if (one.fails || (!acknowledged && !unknown)) {
      complain(text(one) + " was refused and has an effect");
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto place = static_cast<std::int64_t>(i);
      if (rows[i]->part != place + 1 || rows[i]->id != rows.front()->id + place) {
        return complain(text(one) + " is there more than once or in pieces");
      }
    }
    if (rows.size() != static_cast<std::size_t>(one.parts)) {
      complain(text(one) + " is there in part");
    }
  }

  /// Whether its last sending was answered after all others were over: one that waits in the courier may be accepted
  /// later than one that was sent after it.
  bool is_last_word(const write& one) const {
    const auto over_at = [this](std::size_t i) {
      const auto* answer = answer_to(i);
      return answer == nullptr ? all_.exchanges[i].cut_at : answer->at;
    };
    const auto last = over_at(one.exchanges.back());
    return std::ranges::all_of(one.exchanges, [&](std::size_t i) { return over_at(i) <= last; });
  }

  /// A rejection has a reason that the write gave, and as the last word it stands.
  void check_refusals(const write& one) {
    for (std::size_t i = 0; i < one.exchanges.size(); ++i) {
      const auto* answer = answer_to(one.exchanges[i]);
      const auto code = answer == nullptr ? errc::outcome_unknown : code_of(answer->content);
      const auto reason = (code == errc::constraint && one.fails)
                          || (code == errc::deadline_exceeded && one.may_be_late)
                          || (code == errc::malformed && all_.clock_was_set_back);
      if (code == errc::none && one.fails && !one.durable[i]) {
        complain(text(one) + " succeeded and could not");
      } else if (code != errc::none && kind(code) == error_kind::rejected && !reason) {
        complain(text(one) + " was rejected as " + std::string{name(code)});
      } else if (i + 1 == one.exchanges.size() && kind(code) == error_kind::rejected && code != errc::none
                 && !rows_of(one).empty() && is_last_word(one)) {
        complain(text(one) + " was rejected as " + std::string{name(code)} + " in the end and has an effect");
      }
    }
  }

  /// However often it was sent, it has one `seq` and one outcome, which tells what the database holds.
  void check_agreement(const write& one) {
    const outcome* known = nullptr;
    for (const auto i : one.exchanges) {
      const auto* answer = success(i);
      if (answer == nullptr) {
        continue;
      }
      if (known != nullptr && answer->seq != known->seq) {
        complain(text(one) + " has two sequence numbers");
      }
      known = answer;
      const auto& rows = rows_of(one);
      for (std::size_t part = 0; part < answer->results.size() && part < rows.size(); ++part) {
        const auto& returned = answer->results[part].rows;
        if (returned.size() != 1 || returned[0][0].as_integer() != rows[part]->id) {
          complain(text(one) + " was answered with another row than it made");
        }
      }
    }
  }

  /// Per client, in the order of sending.
  void check_order() {
    std::map<std::int64_t, std::pair<std::int64_t, const write*>> last;
    for (const auto& one : all_.writes) {
      const auto& rows = rows_of(one);
      if (rows.empty() || !one.in_order || one.exchanges.size() != 1) {
        continue;
      }
      auto& [id, before] = last[one.client];
      if (before != nullptr && rows.front()->id < id) {
        complain(text(one) + " overtook " + text(*before));
      }
      id = rows.front()->id;
      before = &one;
    }
  }

  /// Each `seq` is one write's, and they are applied in its order.
  void check_seqs() {
    std::map<std::uint64_t, const write*> by_seq;
    for (const auto& one : all_.writes) {
      for (const auto i : one.exchanges) {
        if (const auto* answer = success(i)) {
          const auto [place, fresh] = by_seq.try_emplace(answer->seq, &one);
          if (!fresh && place->second != &one) {
            complain("seq " + std::to_string(answer->seq) + " was given twice");
          }
        }
      }
    }
    std::int64_t id = 0;
    for (const auto& [seq, one] : by_seq) {
      if (const auto& rows = rows_of(*one); !rows.empty()) {
        if (rows.front()->id < id) {
          complain(text(*one) + " was not applied in the order of seq " + std::to_string(seq));
        }
        id = rows.front()->id;
      }
    }
  }

  struct sight {
    std::size_t rows = 0;
    bool complete = false;
    std::uint64_t began = 0;
    std::uint64_t ended = 0;
  };

  /// What a read saw; complains where that is not the beginning of what is there in the end.
  sight look(const read& one) {
    sight seen{.began = all_.exchanges[one.exchanges.front()].sent_at};
    for (const auto i : one.exchanges) {
      const auto* answer = answer_to(i);
      if (answer == nullptr) {
        return seen;
      }
      const auto* page = std::get_if<row_page>(&answer->content);
      const auto* rows = page == nullptr ? std::get_if<row_set>(&answer->content) : &page->rows;
      if (rows == nullptr) {
        return seen;
      }
      for (const auto& cells : *rows) {
        const entry found{cells[0].as_integer(), cells[1].as_integer(), cells[2].as_integer(), cells[3].as_integer()};
        if (seen.rows >= all_.rows.size() || found != all_.rows[seen.rows]) {
          complain("a read saw what is not there in the end: id " + std::to_string(found.id));
          return seen;
        }
        ++seen.rows;
      }
      seen.complete = page == nullptr || !page->next;
      seen.ended = answer->at;
    }
    return seen;
  }

  void check_read(const read& one) {
    const auto seen = look(one);
    for (const auto i : one.exchanges) {
      const auto* answer = answer_to(i);
      const auto code = answer == nullptr ? errc::none : code_of(answer->content);
      if (code != errc::none && code != errc::deadline_exceeded && kind(code) == error_kind::rejected) {
        complain("a read was rejected as " + std::string{name(code)});
      }
    }
    if (!seen.complete) {
      return;
    }
    for (const auto& made : all_.writes) {
      const auto& rows = rows_of(made);
      if (!rows.empty() && must_see(one, seen, made)
          && rows.back()->id > (seen.rows == 0 ? 0 : all_.rows[seen.rows - 1].id)) {
        complain("a read with consistency " + std::to_string(static_cast<int>(one.consistency)) + " did not see "
                 + text(made));
      }
    }
  }

  bool must_see(const read& one, const sight& seen, const write& made) const {
    for (std::size_t i = 0; i < made.exchanges.size(); ++i) {
      const auto* answer = answer_to(made.exchanges[i]);
      const auto* done = success(made.exchanges[i]);
      if (done == nullptr) {
        continue;
      }
      const auto before = answer->at < seen.began;
      if ((before && (!made.durable[i] || one.consistency == consistency::linearizable))
          || (one.consistency == consistency::at_least && done->seq <= one.at_least_seq)) {
        return true;
      }
    }
    return false;
  }

  /// A client that has seen something sees it again.
  void check_monotony() {
    std::map<std::int64_t, std::vector<sight>> by_client;
    for (const auto& one : all_.reads) {
      if (const auto seen = look(one); seen.complete) {
        by_client[one.client].push_back(seen);
      }
    }
    for (const auto& [client, sights] : by_client) {
      for (const auto& later : sights) {
        for (const auto& earlier : sights) {
          if (earlier.ended < later.began && later.rows < earlier.rows) {
            complain("client " + std::to_string(client) + " read less than before");
          }
        }
      }
    }
  }

  const history& all_;
  std::map<key, std::vector<const entry*>> rows_;
  std::vector<std::string> complaints_;
};

} // namespace

errc code_of(const reply_content& answer) {
  const auto* problem = std::get_if<failure>(&answer);
  return problem == nullptr ? errc::none : problem->code;
}

std::vector<std::string> check(const history& all) {
  return checker{all}.check();
}

} // namespace millrace::test::simulated
