#pragma once

#include "caller.hpp"
#include "json_writer.hpp"
#include "settings.hpp"

#include <millrace/actors/network/server/served_actors.hpp>
#include <millrace/messages/error.hpp>
#include <millrace/messages/paging.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <caf/actor_control_block.hpp>
#include <caf/message.hpp>

struct MHD_Connection;
struct MHD_Response;

namespace millrace::network::http {

/// What all exchanges of a server share.
struct service {
  http_settings settings;
  caf::strong_actor_ptr engine;
  caf::strong_actor_ptr operations; ///< Null where no operator asks.
  std::atomic<std::size_t> bodies_bytes{0};
};

/// One request and its answer. The server's thread that has its connection calls everything but `answered` and
/// `give_up`.
class exchange : public std::enable_shared_from_this<exchange> {
public:
  exchange(std::shared_ptr<service> of, MHD_Connection* connection, caf::strong_actor_ptr asker, wire::role granted);
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;
  ~exchange();

  /// Called in the server's thread with all answers, in the order of the requests.
  using completion = std::function<void(exchange&, std::vector<caf::message>&)>;

  const service& of() const noexcept { return *service_; }
  wire::role granted() const noexcept { return granted_; }
  std::string_view body() const noexcept { return body_; }
  std::string_view header(const char* name) const;
  big_integers integers() const;
  /// Behind the path, `?seq=7`: a number; nothing where it is not there, or none.
  std::optional<std::uint64_t> number(const char* name) const;

  /// Takes a part of the body. Where there is no room for it, the rest is thrown away and the request refused.
  void take(std::string_view part);
  /// The request is answered so once it is there as a whole; at once where a body would come before.
  void refuse(unsigned status, failure why);
  void refuse(failure why);
  /// Whether it was; then it replies with that, unless it has replied.
  bool reply_refusal();

  /// What is done with an answer when it comes, in the thread of whoever answers.
  using filter = std::function<void(caf::message&)>;

  /// Asks the engine, and has `done` called once all is answered. Until then the connection rests.
  void ask(std::vector<caf::message> requests, completion done, filter keep = {});
  /// The same, what operators ask.
  void ask_operations(std::vector<caf::message> requests, completion done);
  /// Of the engine's answers, when they are there: calls what `ask` was given.
  void resume();
  /// Whether the engine has still to answer.
  bool waits() const noexcept { return waits_.load(std::memory_order_acquire); }
  /// The program at the other end is gone, or the server ends. Any thread.
  void give_up();
  bool given_up() const noexcept { return given_up_.load(std::memory_order_acquire); }

  // One of these ends it.
  void reply(unsigned status, std::string content, const char* type = "application/json");
  void reply(const failure& why);
  void reply(unsigned status, const failure& why);
  /// Rows in one piece, or page by page to the last, or so many.
  void reply_rows(row_page first, bool lines, std::uint64_t most);
  /// Whether so many bytes more may wait to be read; one program's, and all programs'.
  bool has_room_for(std::size_t bytes) const;

  void add_header(const char* name, std::string value) { headers_.emplace_back(name, std::move(value)); }

private:
  friend class row_answer;

  void send_to(const caf::strong_actor_ptr& whom, std::vector<caf::message> requests, completion done, filter keep);
  void answered(std::size_t place, caf::message content);
  void wake();
  void drop_body();
  void send(unsigned status, MHD_Response* made);

  std::shared_ptr<service> service_;
  MHD_Connection* connection_;
  caf::strong_actor_ptr asker_;
  wire::role granted_;
  std::string body_;
  std::optional<failure> refusal_;
  unsigned refusal_status_ = 0;
  std::vector<std::pair<const char*, std::string>> headers_;
  std::vector<caf::message> answers_;
  std::atomic<std::size_t> unanswered_{0};
  std::atomic<bool> waits_{false};
  std::atomic<bool> given_up_{false};
  completion done_;
  filter keep_;
  bool replied_ = false;
};

/// What rows are answered with where there is none.
failure no_room_for_rows();

/// What an answer says that is not the one to its request.
failure failure_in(const caf::message& answer);

} // namespace millrace::network::http
