#include "named_clients.hpp"

#include <millrace/actors/engine/testing.hpp>
#include <millrace/tests/support/disks/forgetful_file_system.hpp>
#include <millrace/tests/support/hex.hpp>
#include <millrace/tests/support/line_file.hpp>
#include <millrace/tests/support/process/give_up.hpp>
#include <millrace/tests/support/process/opened.hpp>
#include <millrace/tests/support/process/program.hpp>

#include <functional>

#include <unistd.h>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

namespace millrace::test {

namespace {

constexpr std::chrono::minutes time_limit{2};

class named_client_state {
public:
  explicit named_client_state(caf::event_based_actor* self) : self_(self) {}

  void start(engine_actor front, const line_file& ack_file, const uuid& id, std::size_t place,
             std::uint64_t first_number) {
    front_ = std::move(front);
    ack_file_ = &ack_file;
    id_ = id;
    place_ = place;
    next_ = first_number;
    for (std::uint64_t i = 0; i < named_clients::window; ++i) {
      send(next_++);
    }
  }

private:
  void send(std::uint64_t number) {
    self_->request(front_, time_limit, named_work(id_, place_, number))
      .then([this, number](const outcome& done) { acknowledge(number, done.seq); },
            [this, number](const caf::error& why) {
              if (!named_work_fails(number) || failure_of(why).code != errc::constraint) {
                give_up(to_string(failure_of(why)));
              }
              send(next_++);
            });
  }

  void acknowledge(std::uint64_t number, std::uint64_t seq) {
    ack_file_->add(std::to_string(place_) + ' ' + std::to_string(number) + ' ' + std::to_string(seq) + '\n');
    send(next_++);
  }

  caf::event_based_actor* self_; ///< Not owned; outlives the state.
  engine_actor front_;
  const line_file* ack_file_ = nullptr; ///< Not owned; outlives the state.
  uuid id_{};
  std::size_t place_ = 0;
  std::uint64_t next_ = 1;
};

void named_client(caf::stateful_actor<named_client_state>* self, const engine_actor& front, const line_file& ack_file,
                  const uuid& id, std::size_t place, std::uint64_t first_number) {
  self->state.start(front, ack_file, id, place, first_number);
}

int play_named(const std::vector<std::string>& arguments) {
  forgetful_file_system files{0};
  options settings;
  settings.data = arguments.at(0);
  settings.create_if_missing = true;
  settings.scripts = {named_schema()};
  settings.write.checkpoint_pages = 40;
  settings.log.segment_bytes = 256 * 1024;
  const auto first_number = std::stoull(arguments.at(2));
  system_config config;
  caf::actor_system system{config};
  auto target = open(system, settings, {.files = &files});
  if (!target) {
    give_up(to_string(target.error()));
  }
  const line_file ack_file{arguments.at(1)}; // The folder is ours, and so is its ack file.
  for (std::size_t i = 3; i < arguments.size(); ++i) {
    system.spawn(named_client, target->front(), std::cref(ack_file), from_hex(arguments[i]), i - 3, first_number);
  }
  for (;;) {
    ::pause();
  }
}

const role named{named_clients_role, play_named};

} // namespace

std::vector<std::string> named_clients::arguments() const {
  std::vector<std::string> all{data.string(), ack_file.string(), std::to_string(first_number)};
  std::ranges::transform(ids, std::back_inserter(all), to_hex);
  return all;
}

schema_script named_schema() {
  return {"0001", "CREATE TABLE entry(id INTEGER PRIMARY KEY, client INTEGER NOT NULL, number INTEGER NOT NULL)"};
}

bool named_work_fails(std::uint64_t number) {
  return number % 7 == 0;
}

transaction named_work(const uuid& client, std::size_t place, std::uint64_t number) {
  auto work = execute("INSERT INTO entry(client, number) VALUES (?1, ?2) RETURNING id", place, number);
  if (named_work_fails(number)) {
    work.add("INSERT INTO entry(client, number) VALUES (NULL, 0)");
  } else {
    work.acknowledgement = number % 3 == 0 ? ack::durable : ack::applied;
  }
  work.name = {client, number};
  return work;
}

} // namespace millrace::test
