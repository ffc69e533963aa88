#include "power_loss_checker.hpp"

#include "power_loss_workload.hpp"
#include "recording_file_system.hpp"

#include <millrace/actors/engine/engine.hpp>
#include <millrace/actors/engine/testing.hpp>
#include <millrace/messages/wire/registry.hpp>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <set>
#include <stdexcept>

#include <caf/scoped_actor.hpp>

namespace millrace::test {

namespace {

constexpr std::chrono::minutes time_limit{1};

std::string sender_of(const client_note& note) {
  return described(note.client, note.number);
}

} // namespace

/// An actor system for all engines that are opened one after another.
struct power_loss_checker::machine {
  struct config : system_config {
    config() { set("scheduler.max-threads", 1); }
  };
  config settings;
  caf::actor_system system{settings};
};

power_loss_checker::power_loss_checker(const power_loss_truth& truth, recording_observer& observer,
                                       const std::filesystem::path& scratch)
  : truth_(truth), observer_(observer), data_(scratch / "data"), machine_(std::make_shared<machine>()) {}

void power_loss_checker::write(const crash_image& image) {
  std::filesystem::remove_all(data_);
  make_data_folder(data_);
  write_image(image, data_);
}

std::optional<std::string> power_loss_checker::check(const crash_image& image, std::size_t point) {
  try {
    write(image);
    return recover_and_look(point);
  } catch (const std::exception& problem) {
    return problem.what();
  }
}

std::optional<std::string> power_loss_checker::check_twice(const crash_image& image, std::size_t point,
                                                           std::mt19937_64& random) {
  try {
    const auto second = recover_and_fail(image, random);
    auto problem = check(second, point);
    return problem ? std::optional{"after a second power loss during recovery, " + *problem} : std::nullopt;
  } catch (const std::exception& problem) {
    return problem.what();
  }
}

/// An engine that is open for as long as the object lives.
class power_loss_checker::served {
public:
  served(caf::actor_system& system, const std::filesystem::path& data, storage::file_system* files = nullptr)
    : self_(system) {
    auto settings = power_loss_settings(data);
    settings.on_escalation = [](const std::string&) {};
    settings.replay_wait = std::chrono::milliseconds::max();
    auto opened = millrace::open(system, settings, {.files = files});
    if (!opened) {
      throw std::runtime_error{"the engine does not open: " + to_string(opened.error())};
    }
    engine_.emplace(std::move(*opened));
  }

  std::optional<std::string> resend(const client_note& note) {
    auto again = power_loss_work(note.client, note.number);
    again.acknowledgement = ack::applied;
    tl::expected<outcome, failure> answer;
    self_->request(engine_->front(), time_limit, std::move(again))
      .receive([&](outcome& done) { answer = std::move(done); },
               [&](const caf::error& why) { answer = tl::unexpected{failure_of(why)}; });
    const auto text = text_of(answer);
    const bool fails = power_loss_work_fails(note.number);
    const bool known = note.what == client_note::kind::applied || note.what == client_note::kind::rejected;
    if (known ? text != note.answer : fails ? text != "constraint" : !answer) {
      return sender_of(note) + ": sent again it is answered " + text + ", before " + note.answer;
    }
    return answer && note.seq != 0 && answer->seq != note.seq
             ? std::optional{sender_of(note) + ": sent again it has another seq"}
             : std::nullopt;
  }

private:
  caf::scoped_actor self_;
  std::optional<engine> engine_;
};

std::optional<std::string> power_loss_checker::recover_and_look(std::size_t point) {
  const auto database = data_ / "database.sqlite3";
  const auto resends = truth_.to_resend(point);
  power_loss_rows recovered;
  {
    served target{machine_->system, data_};
    recovered = power_loss_rows::read(database);
    if (auto problem = truth_.judge(recovered, point)) {
      return problem;
    }
    for (const auto& note : resends) {
      if (auto problem = target.resend(note)) {
        return problem;
      }
    }
    recovered = power_loss_rows::read(database);
  }
  const served target{machine_->system, data_};
  const auto again = power_loss_rows::read(database);
  const auto same = [](const auto& left, const auto& right) { return left.text == right.text; };
  if (!std::ranges::equal(recovered.entries, again.entries, same) || recovered.balances != again.balances
      || recovered.applied_seq != again.applied_seq) {
    return "a second recovery changed rows";
  }
  std::set<std::pair<std::uint32_t, std::uint64_t>> names;
  for (const auto& entry : again.entries) {
    if (!names.emplace(entry.client, entry.number).second) {
      return described(entry.client, entry.number) + ": applied twice after it was sent again";
    }
  }
  return std::nullopt;
}

crash_image power_loss_checker::recover_and_fail(const crash_image& image, std::mt19937_64& random) {
  write(image);
  recording notes{data_};
  std::vector<std::string> names;
  for (const auto& [name, bytes] : image) {
    names.push_back(name);
  }
  notes.start_with(names);
  {
    const recording_observer::part part{observer_, notes};
    recording_file_system files{notes};
    const served target{machine_->system, data_, &files};
  }
  const auto events = notes.take_events();
  disk_model disk{image};
  for (std::size_t i = 0, end = random() % (events.size() + 1); i < end; ++i) {
    disk.apply(events[i]);
  }
  return disk.lose_power(random);
}

void make_data_folder(const std::filesystem::path& data) {
  std::filesystem::create_directories(data / "queue");
  std::ofstream{data / "LOCK"} << "millrace 1 proof\n";
}

} // namespace millrace::test
