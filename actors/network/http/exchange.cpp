#include "exchange.hpp"

#include "row_answer.hpp"
#include "status_code.hpp"

#include <millrace/messages/wire/registry.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <system_error>
#include <utility>

#include <microhttpd.h>
#include <caf/error.hpp>

namespace millrace::network::http {

namespace {

/// Seconds, of which there is at least one.
std::string retry_after(const failure& why) {
  return std::to_string(std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(why.retry_after).count()));
}

/// Counts as unread until it is sent.
class unsent_text {
public:
  unsent_text(std::string text, caf::strong_actor_ptr to) : text_(std::move(text)), to_(std::move(to)) {
    count(static_cast<std::ptrdiff_t>(text_.size()));
  }
  unsent_text(const unsent_text&) = delete;
  unsent_text& operator=(const unsent_text&) = delete;
  ~unsent_text() { count(-static_cast<std::ptrdiff_t>(text_.size())); }

  std::string_view text() const noexcept { return text_; }

private:
  void count(std::ptrdiff_t more) noexcept { caller_in(to_).room().count(more); }

  std::string text_;
  caf::strong_actor_ptr to_;
};

} // namespace

exchange::exchange(std::shared_ptr<service> of, MHD_Connection* connection, caf::strong_actor_ptr asker,
                   wire::role granted)
  : service_(std::move(of)), connection_(connection), asker_(std::move(asker)), granted_(granted) {}

exchange::~exchange() {
  drop_body();
}

void exchange::drop_body() {
  service_->bodies_bytes -= body_.size();
  std::string{}.swap(body_);
}

std::string_view exchange::header(const char* name) const {
  const char* const found = MHD_lookup_connection_value(connection_, MHD_HEADER_KIND, name);
  return found == nullptr ? std::string_view{} : std::string_view{found};
}

big_integers exchange::integers() const {
  const char* const asked = MHD_lookup_connection_value(connection_, MHD_GET_ARGUMENT_KIND, "integers");
  return asked != nullptr && std::string_view{asked} == "text" ? big_integers::texts : big_integers::numbers;
}

void exchange::take(std::string_view part) {
  if (refusal_) {
    return;
  }
  const auto& limits = service_->settings.limits;
  const auto size = body_.size() + part.size();
  if (size > limits.body_bytes_max) {
    return refuse({errc::too_large, "a body has at most " + std::to_string(limits.body_bytes_max) + " bytes"});
  }
  if (service_->bodies_bytes + part.size() > limits.bodies_bytes_total_max && size > limits.body_bytes_always) {
    return refuse({errc::overloaded, "other requests take the room for their bodies", std::chrono::seconds{1}});
  }
  service_->bodies_bytes += part.size();
  body_ += part;
}

void exchange::refuse(unsigned status, failure why) {
  drop_body();
  refusal_ = std::move(why);
  refusal_status_ = status;
}

void exchange::refuse(failure why) {
  const auto status = status_code(why.code);
  refuse(status, std::move(why));
}

bool exchange::reply_refusal() {
  if (refusal_ && !replied_) {
    reply(refusal_status_, *refusal_);
  }
  return refusal_.has_value();
}

std::optional<std::uint64_t> exchange::number(const char* name) const {
  const char* const asked = MHD_lookup_connection_value(connection_, MHD_GET_ARGUMENT_KIND, name);
  const std::string_view text = asked == nullptr ? std::string_view{} : std::string_view{asked};
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc{} && end == text.data() + text.size() ? std::optional{number} : std::nullopt;
}

void exchange::ask(std::vector<caf::message> requests, completion done, filter keep) {
  send_to(service_->engine, std::move(requests), std::move(done), std::move(keep));
}

void exchange::ask_operations(std::vector<caf::message> requests, completion done) {
  if (!service_->operations) {
    return reply({errc::unavailable, "no operator is served here"});
  }
  send_to(service_->operations, std::move(requests), std::move(done), {});
}

void exchange::send_to(const caf::strong_actor_ptr& whom, std::vector<caf::message> requests, completion done,
                       filter keep) {
  drop_body(); // What it says is in the requests.
  const auto count = requests.size();
  answers_.assign(count, {});
  done_ = std::move(done);
  keep_ = std::move(keep);
  unanswered_ = count;
  waits_ = true;
  MHD_suspend_connection(connection_);
  caller_in(asker_).ask(whom, std::move(requests),
                        [self = shared_from_this()](std::size_t place, caf::message content) {
                          self->answered(place, std::move(content));
                        });
}

void exchange::answered(std::size_t place, caf::message content) {
  if (keep_) {
    keep_(content);
  }
  answers_[place] = std::move(content);
  if (unanswered_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    wake();
  }
}

void exchange::give_up() {
  given_up_ = true;
  wake();
}

void exchange::wake() {
  if (waits_.exchange(false, std::memory_order_acq_rel)) {
    MHD_resume_connection(connection_);
  }
}

void exchange::resume() {
  if (auto done = std::exchange(done_, {})) {
    done(*this, answers_);
    answers_.clear();
  }
}

void exchange::reply(unsigned status, std::string content, const char* type) {
  auto kept = std::make_unique<unsent_text>(std::move(content), asker_);
  const auto text = kept->text();
  auto* const made = MHD_create_response_from_buffer_with_free_callback_cls(
    text.size(), const_cast<char*>(text.data()), [](void* sent) { delete static_cast<unsent_text*>(sent); },
    kept.get());
  if (made != nullptr) {
    static_cast<void>(kept.release());
    MHD_add_response_header(made, MHD_HTTP_HEADER_CONTENT_TYPE, type);
  }
  send(status, made);
}

void exchange::reply(const failure& why) {
  reply(status_code(why.code), why);
}

void exchange::reply(unsigned status, const failure& why) {
  std::string text;
  write_failure(text, why);
  text += '\n';
  if (kind(why.code) == error_kind::retryable) {
    add_header(MHD_HTTP_HEADER_RETRY_AFTER, retry_after(why));
  }
  reply(status, std::move(text));
}

void exchange::reply_rows(row_page first, bool lines, std::uint64_t most) {
  if (!has_room_for(first.rows.cells().size())) {
    return reply(no_room_for_rows());
  }
  auto* const made = row_answer::make(shared_from_this(), std::move(first), lines, most);
  send(MHD_HTTP_OK, made);
}

bool exchange::has_room_for(std::size_t bytes) const {
  return bytes <= caller_in(asker_).room().bytes();
}

failure no_room_for_rows() {
  return {errc::overloaded, "too much waits to be read by programs", std::chrono::seconds{1}};
}

failure failure_in(const caf::message& answer) {
  return answer.match_elements<caf::error>() ? failure_of(answer.get_as<caf::error>(0))
                                             : failure{errc::malformed, "the answer is none to this request"};
}

void exchange::send(unsigned status, MHD_Response* made) {
  replied_ = true;
  if (made == nullptr) { // There is no memory; the connection is closed.
    return;
  }
  for (const auto& [name, value] : headers_) {
    MHD_add_response_header(made, name, value.c_str());
  }
  MHD_queue_response(connection_, status, made);
  MHD_destroy_response(made);
}

} // namespace millrace::network::http
