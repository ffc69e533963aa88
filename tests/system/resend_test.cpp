#include "named_clients.hpp"
#include "numbered_clients.hpp"

#include <millrace/tests/support/environment.hpp>
#include <millrace/tests/support/process/opened.hpp>
#include <millrace/tests/support/process/program.hpp>
#include <millrace/tests/support/size_of.hpp>

#include <algorithm>
#include <csignal>
#include <deque>
#include <map>
#include <random>
#include <thread>

#include <caf/scoped_actor.hpp>

using namespace millrace;
using namespace millrace::test;

namespace {

using name_key = std::pair<std::size_t, std::uint64_t>; ///< Client's place and number.

struct resend_fixture {
  temporary_folder folder;
  named_clients clients{
    .data = folder.path() / "data", .ack_file = folder.path() / "acknowledged", .ids = std::vector<uuid>(20)};

  resend_fixture() {
    std::ranges::generate(clients.ids, [] { return new_client_id(0); });
  }

  /// Lets the clients run until they have acknowledged some more, then kills their process.
  ending run_and_kill(std::mt19937_64& random) const {
    auto process = role::start(named_clients_role, clients.arguments());
    const auto wanted = size_of(clients.ack_file) + std::uniform_int_distribution{1, 20'000}(random);
    while (size_of(clients.ack_file) < wanted && process.running()) {
      std::this_thread::yield();
    }
    process.send(SIGKILL);
    return process.wait();
  }

  options settings() const {
    options result;
    result.data = clients.data;
    result.scripts = {named_schema()};
    return result;
  }

  /// Sends every name up to `last` again, all at once, and gives their sequence numbers. Each must come to what it
  /// came to before, or else come to it now.
  std::map<name_key, std::uint64_t> resend_all(opened& served, std::uint64_t last) const {
    caf::scoped_actor self{served.system()};
    using pending = decltype(self->request(served.served().front(), std::chrono::minutes{1}, transaction{}));
    std::deque<std::pair<name_key, pending>> requests;
    for (std::size_t place = 0; place < clients.ids.size(); ++place) {
      for (std::uint64_t number = 1; number <= last; ++number) {
        requests.emplace_back(name_key{place, number}, self->request(served.served().front(), std::chrono::minutes{1},
                                                                     named_work(clients.ids[place], place, number)));
      }
    }
    std::map<name_key, std::uint64_t> seqs;
    std::size_t unexpected = 0;
    for (auto& [what, request] : requests) {
      const auto fails = named_work_fails(what.second);
      request.receive(
        [&, what = what](const outcome& done) {
          unexpected += fails ? 1 : 0;
          seqs.emplace(what, done.seq);
        },
        [&](const caf::error& why) { unexpected += fails && failure_of(why).code == errc::constraint ? 0 : 1; });
    }
    BOOST_TEST(unexpected == 0u);
    return seqs;
  }

  /// Each name that does not fail has one row, and nothing else is there.
  void check_rows(opened& served, std::uint64_t last) const {
    std::map<name_key, std::size_t> times;
    served.each_row("SELECT id, client, number FROM entry WHERE id > ?1 ORDER BY id", [&](const row& one) {
      ++times[{static_cast<std::size_t>(one[1].as_integer()), static_cast<std::uint64_t>(one[2].as_integer())}];
    });
    const auto right = std::ranges::count_if(times, [last](const auto& found) {
      return found.second == 1 && found.first.second <= last && !named_work_fails(found.first.second);
    });
    BOOST_TEST(static_cast<std::size_t>(right) == times.size());
    BOOST_TEST(times.size() == clients.ids.size() * (last - last / 7));
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(resend_suite, resend_fixture)

BOOST_AUTO_TEST_CASE(names_that_are_sent_again_after_their_process_was_killed_have_one_effect_and_one_outcome) {
  const auto seed = from_environment("MILLRACE_TEST_SEED", std::random_device{}());
  const auto rounds = from_environment("MILLRACE_KILL_ROUNDS", 25);
  BOOST_TEST_MESSAGE("replay with MILLRACE_TEST_SEED=" << seed);
  std::mt19937_64 random{seed};
  for (std::uint64_t round = 1; round <= rounds; ++round) {
    BOOST_TEST_CONTEXT("MILLRACE_TEST_SEED=" << seed << ", round " << round) {
      const auto how = run_and_kill(random);
      BOOST_TEST(how.signal == SIGKILL, how.code << ": " << how.err);
      const auto acknowledged = read_acknowledgements(clients.ack_file);
      std::uint64_t last = clients.first_number;
      for (const auto& one : acknowledged) {
        last = std::max(last, static_cast<std::uint64_t>(one.number));
      }
      last += named_clients::window + 2; // And the failing ones between them: no client can be further.
      opened served{settings()};
      const auto seqs = resend_all(served, last);
      std::size_t changed = 0;
      for (const auto& one : acknowledged) {
        const auto known = seqs.find({one.client, static_cast<std::uint64_t>(one.number)});
        changed += known == seqs.end() || known->second != one.seq ? 1 : 0;
      }
      BOOST_TEST(changed == 0u);
      BOOST_TEST((resend_all(served, last) == seqs));
      check_rows(served, last);
      served.check_integrity();
      clients.first_number = last + 1;
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
