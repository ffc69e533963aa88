#include "queue.hpp"

#include <millrace/actors/base/invariant.hpp>
#include <millrace/storage/codec/codec.hpp>

#include <chrono>
#include <string>
#include <utility>

/// What the queue takes in, and when.
namespace millrace {

namespace {

/// So long nothing must have been accepted before those have their turn who are to wait while others have work.
constexpr std::chrono::milliseconds quiet_min{100};

std::size_t sql_bytes(const schema_script& script) noexcept {
  return script.sql.size();
}

} // namespace

/// What programs elsewhere send may have to wait for their turn.
caf::result<outcome> queue_state::accept(admitted_transaction& request) {
  const auto& sender = self_->current_sender(); // Which the promise takes.
  const auto from = sender && sender->node() != self_->node() ? sender : nullptr;
  auto answer = self_->make_response_promise<outcome>();
  if (!from || shares_.admits(from->node())) {
    take_in(request, answer, from);
  } else if (settings_.room->nearly_full()) {
    refuse(request, answer,
           {errc::overloaded, "transactions of other programs are before it", settings_.room->retry_after()});
  } else {
    shares_.wait({std::move(request), answer, from});
    accept_waiting();
    arm_tick();
  }
  return answer;
}

void queue_state::accept_waiting() {
  if (!shares_.anybody_waits()) {
    return;
  }
  // Who waits for an answer before it sends the next has nothing here just then.
  const auto now = std::chrono::steady_clock::now();
  const auto quiet = now - accepted_at_ > quiet_min;
  const auto idle = [&] { return quiet && applied_seq_ == durable_seq_ && open_->items.empty(); };
  while (auto next = shares_.next(now, idle())) {
    take_in(next->request, std::move(next->answer), next->from);
  }
}

void queue_state::refuse(const admitted_transaction& request, outcome_promise& answer, failure why) {
  settings_.room->give_back(1, request.bytes);
  deliver(answer, tl::unexpected{std::move(why)});
}

/// The engine closes.
void queue_state::refuse_waiting() {
  for (auto& one : shares_.take_all()) {
    refuse(one.request, one.answer, {errc::shutting_down, "it waited for its turn and had no effect"});
  }
}

/// Gives a transaction its place in the log.
void queue_state::take_in(admitted_transaction& request, outcome_promise answer,
                          const caf::strong_actor_ptr& from_elsewhere) {
  const bool named = request.work.name.given();
  const auto called = named ? storage::bound_name_of(request.work, scratch_) : storage::bound_name{};
  // Before its deadline is looked at: one that is under way already may well take effect.
  if (named) {
    const auto found = settings_.names->find(called);
    if (found.what != name_index::verdict::fresh) {
      settings_.room->give_back(1, request.bytes);
      return answer_again(request, std::move(answer), found);
    }
  }
  if (request.deadline != monotonic_time::max() && std::chrono::steady_clock::now() > request.deadline) {
    return refuse(request, answer, {errc::deadline_exceeded, "it waited too long before it was accepted"});
  }
  const auto acknowledgement = request.work.acknowledgement;
  owe(std::move(request.work), {.answer = std::move(answer),
                                .deadline = request.deadline,
                                .bytes = static_cast<std::uint32_t>(request.bytes),
                                .acknowledgement = acknowledgement,
                                .admitted = true,
                                .named = named});
  const auto seq = durable_seq_ + open_->items.size();
  if (named) {
    invariant(seq > settings_.names->newest_seq(), "names are remembered by rising seq");
    settings_.names->add(called, seq);
  }
  if (from_elsewhere) {
    shares_.entered(from_elsewhere->node(), seq);
  }
  if (shares_.anybody_waits()) {
    accepted_at_ = std::chrono::steady_clock::now();
  }
}

/// A resend: answered with what the first one comes to, or came to.
void queue_state::answer_again(const admitted_transaction& request, outcome_promise answer, name_index::finding found) {
  if (found.what == name_index::verdict::forgotten) {
    return deliver(answer,
                   tl::unexpected{failure{errc::name_forgotten, "number " + std::to_string(request.work.name.number)}});
  }
  if (found.what == name_index::verdict::taken) {
    return deliver(answer, tl::unexpected{failure{errc::name_taken, "number " + std::to_string(request.work.name.number)
                                                                      + ", seq " + std::to_string(found.seq)}});
  }
  const auto acknowledgement = request.work.acknowledgement;
  if (acknowledgement == ack::durable) {
    ledger_.promise(found.seq);
  }
  if (found.seq <= applied_seq_) {
    // Also where it need only be durable: it may have been skipped.
    if (settings_.board->readers_full() == nullptr) {
      answer_from_record(answer, found.seq);
    } else {
      deliver(answer, tl::unexpected{failure{errc::outcome_unknown,
                                             "seq " + std::to_string(found.seq)
                                               + " is applied, but too many queries wait to read its outcome"}});
    }
  } else if (acknowledgement == ack::applied || found.seq > durable_seq_ || backlog_->is_skipped(found.seq)) {
    ledger_.follow(found.seq, {.answer = std::move(answer), .acknowledgement = acknowledgement, .named = true});
  } else {
    answer.deliver(outcome{.seq = found.seq, .results = {}});
  }
}

template <class Script>
caf::result<outcome> queue_state::accept_script(Script& script) {
  auto answer = self_->make_response_promise<outcome>();
  const auto bytes = static_cast<std::uint32_t>(sql_bytes(script));
  owe(std::move(script), {.answer = answer, .bytes = bytes});
  return answer;
}

template caf::result<outcome> queue_state::accept_script(schema_script& script);
template caf::result<outcome> queue_state::accept_script(schema_change& change);

caf::result<outcome> queue_state::accept_order(const ordered_work& request) {
  auto answer = self_->make_response_promise<outcome>();
  owe(request.order, {.answer = answer});
  return answer;
}

void queue_state::owe(storage::work item, ledger::debt owed) {
  add_to_open(std::move(item));
  open_bytes_ += owed.bytes;
  ledger_.add(std::move(owed));
}

/// Puts work of the engine's own into the log; nobody waits for an answer.
void queue_state::note(storage::work item) {
  add_to_open(std::move(item));
  ledger_.add({});
}

/// Somebody else changed the database. That must be in the log (storage/DESIGN.md §1 rule 5), though a full disk may
/// refuse it for long.
void queue_state::end_stretch() {
  stretch_ended_ = true;
  flush();
  arm_tick();
}

void queue_state::add_to_open(storage::work item) {
  if (open_->items.empty()) {
    // Whatever is in the mailbox before this message joins the batch: no timer, no fixed size.
    self_->send(self_, atom::flush::value);
  }
  open_->items.push_back(std::move(item));
}

void queue_state::answer_from_record(outcome_promise& answer, std::uint64_t seq) {
  const auto address = settings_.board->pick_reader();
  if (address) {
    answer.delegate(address, recorded_outcome_request{seq});
  } else {
    deliver(answer, tl::unexpected{failure{
                      errc::outcome_unknown,
                      "seq " + std::to_string(seq) + " is applied, but no reader is there to read its outcome"}});
  }
}

} // namespace millrace
