#include "registry.hpp"

#include <algorithm>
#include <cstddef>
#include <thread>

#include <caf/init_global_meta_objects.hpp>
#include <caf/make_message.hpp>
#include <caf/sec.hpp>

namespace millrace {

namespace {

constexpr caf::atom_value category = caf::atom("millrace");

} // namespace

system_config::system_config() {
  config_file_path.clear();
  // Workers that find nothing to do wait on a condition variable at once. By default they first sleep 500 times for
  // 50 µs between polls, which adds 50–110 µs to the answer that a lone client waits for.
  set("work-stealing.moderate-poll-attempts", 1);
  set("work-stealing.moderate-sleep-duration", caf::timespan{0});
  // An engine's queue and writer have threads of their own and need a core between them. With a worker per core, two
  // cores served a thousand clients 1.3 to 1.8 times slower.
  set("scheduler.max-threads", std::max<std::size_t>(1, std::thread::hardware_concurrency() - 1));
  register_messages(*this);
}

void register_messages(caf::actor_system_config& config) {
  config.add_message_types<caf::id_block::millrace>();
}

caf::error to_error(failure reason) {
  const auto code = static_cast<std::uint8_t>(reason.code);
  const auto retry_after_ms = static_cast<std::int64_t>(reason.retry_after.count());
  return {code, category, caf::make_message(std::move(reason.detail), retry_after_ms)};
}

failure failure_of(const caf::error& error) {
  if (!error) {
    return {};
  }
  if (error.category() == category) {
    const auto& context = error.context();
    failure result{static_cast<errc>(error.code()), {}};
    if (context.match_elements<std::string, std::int64_t>()) {
      result.detail = context.get_as<std::string>(0);
      result.retry_after = std::chrono::milliseconds{context.get_as<std::int64_t>(1)};
    }
    return result;
  }
  return {errc::outcome_unknown, error == caf::sec::request_timeout ? "no answer came in time" : caf::to_string(error)};
}

} // namespace millrace
