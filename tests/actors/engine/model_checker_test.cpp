#include "model_engine.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <caf/mailbox_element.hpp>
#include <caf/make_actor.hpp>

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

/// What a lying front does with the messages to the engine behind it.
class go_between {
public:
  explicit go_between(caf::strong_actor_ptr front) : front_(std::move(front)) {}

  void pass_on(caf::mailbox_element_ptr message) { front_->get()->enqueue(std::move(message), nullptr); }

  /// Sends something that nobody waits for the answer of.
  template <class Request>
  void send(Request request) {
    front_->enqueue(nullptr, caf::make_message_id(), caf::make_message(std::move(request)), nullptr);
  }

  /// Answers a request itself.
  template <class Answer>
  static void answer(const caf::mailbox_element& message, Answer content) {
    message.sender->enqueue(nullptr, message.mid.response_id(), caf::make_message(std::move(content)), nullptr);
  }

  std::size_t count = 0;         ///< Transactions so far, with the one that is looked at.
  caf::mailbox_element_ptr held; ///< For a lie that wants to send it later.

private:
  caf::strong_actor_ptr front_;
};

using transaction_lie = std::function<void(go_between&, caf::mailbox_element_ptr, transaction)>;
using query_lie = std::function<void(go_between&, caf::mailbox_element_ptr, query)>;

/// One defect that an engine could have.
struct defect {
  std::string name;
  std::string complaint; ///< Part of what the checker must say of it.
  transaction_lie with_transaction;
  query_lie with_query;
};

/// A front of its own before the engine's: it has the defect that it is given.
class lying_front final : public caf::monitorable_actor {
public:
  lying_front(caf::actor_config& config, const engine_actor& behind, defect planted)
    : caf::monitorable_actor(config),
      go_between_(caf::actor_cast<caf::strong_actor_ptr>(behind)),
      planted_(std::move(planted)) {}

  using caf::abstract_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit*) override {
    const auto& content = message->content();
    if (planted_.with_transaction && content.match_elements<transaction>()) {
      ++go_between_.count;
      auto work = content.get_as<transaction>(0);
      planted_.with_transaction(go_between_, std::move(message), std::move(work));
    } else if (planted_.with_query && content.match_elements<query>()) {
      auto question = content.get_as<query>(0);
      planted_.with_query(go_between_, std::move(message), std::move(question));
    } else {
      go_between_.pass_on(std::move(message));
    }
  }
  const char* name() const override { return "lying_front"; }
  std::set<std::string> message_types() const override { return home_system().message_types<engine_actor>(); }

private:
  go_between go_between_;
  defect planted_;
};

caf::mailbox_element_ptr changed(caf::mailbox_element& message, transaction work) {
  return caf::make_mailbox_element(std::move(message.sender), message.mid, {}, std::move(work));
}

caf::mailbox_element_ptr changed(caf::mailbox_element& message, query question) {
  return caf::make_mailbox_element(std::move(message.sender), message.mid, {}, std::move(question));
}

/// The write of the fixed sequence that a lie is about.
constexpr std::size_t chosen = 2;

/// A lie about one transaction only.
transaction_lie about_one(transaction_lie lie) {
  return [lie = std::move(lie)](go_between& between, caf::mailbox_element_ptr message, transaction work) {
    if (between.count == chosen) {
      lie(between, std::move(message), std::move(work));
    } else {
      between.pass_on(std::move(message));
    }
  };
}

std::vector<defect> defects_of_writes() {
  using message_ptr = caf::mailbox_element_ptr;
  return {
    {"an answer is lost", "has 0 answers", about_one([](go_between&, message_ptr, transaction) {}), {}},
    {"a write is answered twice",
     "has 2 answers",
     about_one([](go_between& to, message_ptr message, transaction) {
       go_between::answer(*message, outcome{.seq = 1'000'000, .results = {}});
       to.pass_on(std::move(message));
     }),
     {}},
    {"a write is applied twice",
     "more than once",
     about_one([](go_between& to, message_ptr message, transaction work) {
       to.send(std::move(work));
       to.pass_on(std::move(message));
     }),
     {}},
    {"a write is applied in part",
     "in part",
     about_one([](go_between& to, message_ptr message, transaction work) {
       work.statements.pop_back();
       to.pass_on(changed(*message, std::move(work)));
     }),
     {}},
    {"a write is acknowledged and lost",
     "has no effect",
     about_one([](go_between&, message_ptr message, transaction) {
       go_between::answer(*message, outcome{.seq = 1'000'000, .results = {}});
     }),
     {}},
    {"a write is refused and applied",
     "was refused and has an effect",
     about_one([](go_between& to, message_ptr message, transaction work) {
       to.send(std::move(work));
       go_between::answer(*message, to_error({errc::overloaded, ""}));
     }),
     {}},
    {"a write is rejected for no reason",
     "was rejected as constraint",
     about_one([](go_between&, message_ptr message, transaction) {
       go_between::answer(*message, to_error({errc::constraint, ""}));
     }),
     {}},
    {"two writes change places",
     "overtook",
     [](go_between& to, message_ptr message, transaction) {
       if (to.count == chosen) {
         to.held = std::move(message);
         return;
       }
       to.pass_on(std::move(message));
       if (to.held) {
         to.pass_on(std::move(to.held));
       }
     },
     {}},
    {"two writes have one number",
     "one sequence number",
     [](go_between& to, message_ptr message, transaction work) {
       to.send(std::move(work));
       go_between::answer(*message, outcome{.seq = 5, .results = {}});
     },
     {}},
    {"something appears that nobody sent",
     "nobody sent",
     about_one([](go_between& to, message_ptr message, transaction work) {
       auto invented = work;
       for (auto& statement : invented.statements) {
         statement.parameters.at(1) = std::int64_t{77};
       }
       to.send(std::move(invented));
       to.pass_on(std::move(message));
     }),
     {}},
    {"names are not looked at",
     "has two sequence numbers",
     [](go_between& to, message_ptr message, transaction work) {
       work.name = {};
       to.pass_on(changed(*message, std::move(work)));
     },
     {}},
    {"a name is forgotten",
     "was forgotten",
     [](go_between& to, message_ptr message, transaction work) {
       if (work.name.given()) {
         go_between::answer(*message, to_error({errc::name_forgotten, ""}));
       } else {
         to.pass_on(std::move(message));
       }
     },
     {}},
  };
}

std::vector<defect> defects_of_queries() {
  using message_ptr = caf::mailbox_element_ptr;
  const auto with_other_sql = [](const char* tail) {
    return [tail](go_between& to, message_ptr message, query question) {
      question.statement.sql += tail;
      to.pass_on(changed(*message, std::move(question)));
    };
  };
  return {
    {"a query misses the newest write", "did not see", {}, with_other_sql(" LIMIT 1")},
    {"a query misses the oldest write", "saw a state that never was", {}, with_other_sql(" LIMIT -1 OFFSET 1")},
    {"a query is rejected for no reason", "was rejected as bad_sql", {}, with_other_sql(" LIMIT")},
  };
}

/// Something of everything, without a fault.
std::vector<step> fixed_sequence() {
  return {{deed::write, 0, 1},       {deed::write, 0, 1}, {deed::durable_write, 0, 0}, {deed::pause, 0, 7},
          {deed::named_write, 1, 1}, {deed::pause, 0, 7}, {deed::resend, 0, 1},        {deed::failing_write, 1, 1},
          {deed::pause, 0, 7},       {deed::pause, 0, 7}, {deed::query, 0, 0},         {deed::query, 0, 1},
          {deed::query, 0, 2}};
}

std::vector<std::string> complaints_about(const defect& planted) {
  model_engine engine{[&planted](caf::actor_system& home, const engine_actor& front) {
                        caf::actor_config config;
                        return caf::actor_cast<engine_actor>(caf::make_actor<lying_front, caf::strong_actor_ptr>(
                          home.next_actor_id(), home.node(), &home, config, front, planted));
                      },
                      200ms};
  return contradictions(engine.play(fixed_sequence()));
}

void check(const std::vector<defect>& defects) {
  for (const auto& planted : defects) {
    BOOST_TEST_CONTEXT(planted.name) {
      const auto complaints = complaints_about(planted);
      BOOST_TEST(std::ranges::any_of(complaints, [&](const std::string& complaint) {
        return complaint.find(planted.complaint) != std::string::npos;
      }));
    }
  }
}

} // namespace

/// The model must refuse what an engine could do wrong.
BOOST_AUTO_TEST_SUITE(model_checker_suite)

BOOST_AUTO_TEST_CASE(an_engine_without_a_defect_gives_no_reason_to_complain) {
  const auto complaints = complaints_about({.name = "none", .complaint = {}, .with_transaction = {}, .with_query = {}});
  BOOST_TEST(complaints.empty());
}

BOOST_AUTO_TEST_CASE(every_defect_in_writing_is_seen) {
  check(defects_of_writes());
}

BOOST_AUTO_TEST_CASE(every_defect_in_reading_is_seen) {
  check(defects_of_queries());
}

BOOST_AUTO_TEST_SUITE_END()
