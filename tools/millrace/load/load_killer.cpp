#include "load_killer.hpp"

#include <algorithm>
#include <chrono>
#include <random>

#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

namespace millrace::tools {

namespace {

/// Kills happen inside this part of the run, so that the last of them still has rows to disturb.
constexpr double first_share = 0.02;
constexpr double last_share = 0.9;
/// How long a killed actor may take to be replaced before the next appointment is kept regardless.
constexpr std::chrono::seconds replacement_patience{10};

} // namespace

load_killer::load_killer(const engine& target, load_run& run, unsigned writer_kills, unsigned reader_kills,
                         std::size_t readers)
  : target_(target), run_(run) {
  std::mt19937 random{std::random_device{}()};
  std::uniform_real_distribution<double> moment{first_share, last_share};
  for (unsigned i = 0; i < writer_kills; ++i) {
    appointments_.push_back({moment(random), "writer"});
  }
  for (unsigned i = 0; i < reader_kills; ++i) {
    appointments_.push_back({moment(random), "reader-" + std::to_string(i % readers + 1)});
  }
  std::sort(appointments_.begin(), appointments_.end(),
            [](const appointment& left, const appointment& right) { return left.share < right.share; });
  thread_ = std::thread{[this] { work(); }};
}

load_killer::~load_killer() {
  stop();
}

void load_killer::stop() {
  stopping_ = true;
  if (thread_.joinable()) {
    thread_.join();
  }
}

void load_killer::work() {
  for (const auto& next : appointments_) {
    while (!stopping_ && run_.share() < next.share) {
      pause();
    }
    if (stopping_) {
      return;
    }
    kill(next.id);
  }
}

void load_killer::kill(const std::string& id) {
  auto victim = target_.child(id);
  while (!victim && !stopping_) {
    pause();
    victim = target_.child(id);
  }
  if (!victim || stopping_) {
    return;
  }
  const bool writer = id == "writer";
  if (writer) {
    run_.writer_killed();
  }
  caf::anon_send_exit(victim, caf::exit_reason::kill);
  ++(writer ? writer_kills_ : reader_kills_);
  const auto deadline = load_run::clock::now() + replacement_patience;
  while (!stopping_ && load_run::clock::now() < deadline && target_.child(id) == victim) {
    pause();
  }
}

void load_killer::pause() const {
  std::this_thread::sleep_for(std::chrono::milliseconds{1});
}

} // namespace millrace::tools
