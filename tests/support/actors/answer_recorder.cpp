#include "answer_recorder.hpp"

#include <utility>

#include <caf/make_actor.hpp>

namespace millrace::test {

class answer_recorder::recording_actor final : public caf::monitorable_actor {
public:
  recording_actor(caf::actor_config& config, std::shared_ptr<ledger> pages)
    : caf::monitorable_actor(config), pages_(std::move(pages)) {}

  using caf::abstract_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit*) override {
    pages_->note(message->mid, message->move_content_to_message());
  }
  const char* name() const override { return "answer_recorder"; }

private:
  std::shared_ptr<ledger> pages_;
};

namespace {

/// CAF's numbers of requests begin with 1.
caf::message_id id_of(std::size_t number) {
  return caf::message_id{number + 1}.with_normal_priority();
}

template <class... Ts>
reply_content read(const caf::message& content) {
  reply_content result = failure{errc::malformed, "the answer is of no known kind: " + caf::to_string(content)};
  static_cast<void>(((content.match_elements<Ts>() && (result = reply_content{content.get_as<Ts>(0)}, true)) || ...));
  if (content.match_elements<caf::error>()) {
    result = failure_of(content.get_as<caf::error>(0));
  }
  return result;
}

} // namespace

std::size_t answer_recorder::ledger::begin() {
  const std::lock_guard lock{mutex};
  exchanges.push_back({.sent_at = ++events, .replies = {}});
  ++unanswered;
  return exchanges.size() - 1;
}

void answer_recorder::ledger::note(caf::message_id id, const caf::message& content) {
  const std::lock_guard lock{mutex};
  const auto number = id.request_id().integer_value() - 1;
  // As CAF's own actors do, this one knows no answer that has another priority than the request.
  if (number >= exchanges.size() || id != id_of(number).response_id()) {
    ++strays;
    return;
  }
  auto& replies = exchanges[number].replies;
  unanswered -= replies.empty() ? 1 : 0;
  replies.push_back({++events, read<outcome, row_set, row_page, quarantine_listing, quarantine_reasons>(content)});
  changed.notify_all();
}

answer_recorder::answer_recorder(caf::actor_system& system) {
  caf::actor_config config;
  self_ = caf::make_actor<recording_actor, caf::strong_actor_ptr>(system.next_actor_id(), system.node(), &system,
                                                                  config, pages_);
}

void answer_recorder::send(const caf::strong_actor_ptr& to, std::size_t number, caf::message request) {
  to->enqueue(self_, id_of(number), std::move(request), nullptr);
}

bool answer_recorder::wait_for_all(std::chrono::milliseconds patience) const {
  std::unique_lock lock{pages_->mutex};
  return pages_->changed.wait_for(lock, patience, [this] { return pages_->unanswered == 0; });
}

bool answer_recorder::wait_for(std::size_t number, std::chrono::milliseconds patience) const {
  std::unique_lock lock{pages_->mutex};
  return pages_->changed.wait_for(lock, patience, [&] { return !pages_->exchanges[number].replies.empty(); });
}

exchange answer_recorder::look(std::size_t number) const {
  const std::lock_guard lock{pages_->mutex};
  return pages_->exchanges[number];
}

std::vector<exchange> answer_recorder::all() const {
  const std::lock_guard lock{pages_->mutex};
  return pages_->exchanges;
}

std::size_t answer_recorder::strays() const {
  const std::lock_guard lock{pages_->mutex};
  return pages_->strays;
}

errc code_of(const reply_content& answer) {
  const auto* problem = std::get_if<failure>(&answer);
  return problem == nullptr ? errc::none : problem->code;
}

} // namespace millrace::test
