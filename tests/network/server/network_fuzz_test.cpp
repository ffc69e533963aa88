/// Many malformed, truncated, half-open, slow and interleaved conversations with a server that serves somebody
/// meanwhile.

#include <millrace/tests/support/environment.hpp>
#include <millrace/tests/support/network/resident.hpp>
#include <millrace/tests/support/network/server_fixture.hpp>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

namespace {

using namespace millrace;
using namespace millrace::network;
using namespace millrace::test;
using namespace std::chrono_literals;

/// Makes what somebody says who means harm, or whose program is broken.
class babbler {
public:
  babbler(std::uint64_t seed, std::string server_node, std::uint64_t published)
    : random_(seed), server_(std::move(server_node)), published_(published) {}

  std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>{0, limit - 1}(random_); }

  std::string conversation() {
    const auto own = a_node(static_cast<std::uint32_t>(1 + below(1'000'000)), 'F');
    std::string all = below(10) == 0 ? "" : client_handshake(own);
    for (auto frames = below(6); frames > 0; --frames) {
      all += one_frame(own);
    }
    if (below(3) != 0) {
      spoil(all);
    }
    return all;
  }

private:
  std::string one_frame(const std::string& own) {
    const auto actor = below(50);
    const auto target = below(4) == 0 ? below(200) : published_;
    switch (below(9)) {
      case 0:
        return client_handshake(own, basp_select_connection);
      case 1: {
        const auto asked = wire::contents_from(wire::role::operations);
        return direct_message(actor, target, request_number, message_payload(asked[below(asked.size())], noise(200)));
      }
      case 2:
        return direct_message(actor, target, no_number, message_payload("@<>+@exit", noise(50)));
      case 3:
        return monitor_message(own, server_, target);
      case 4:
        return down_message(own, server_, actor, error_bytes());
      case 5:
        return heartbeat();
      case 6:
        return direct_message(actor, 12345, no_number, message_payload("@<>", noise(10)), basp_named_receiver);
      case 7:
        return frame({.operation = 3, .dest_actor = target}, own + server_ + noise(60));
      default:
        return header_bytes({.operation = static_cast<std::uint8_t>(below(9)),
                             .flags = static_cast<std::uint8_t>(below(4)),
                             .payload_bytes = static_cast<std::uint32_t>(random_()),
                             .operation_data = random_(),
                             .source_actor = below(3),
                             .dest_actor = below(3)});
    }
  }

  void spoil(std::string& all) {
    if (all.empty()) {
      return;
    }
    switch (below(4)) {
      case 0:
        all.resize(below(all.size()) + 1);
        break;
      case 1:
        all.insert(below(all.size()), noise(40));
        break;
      case 2:
        all.erase(below(all.size()), 1 + below(8));
        break;
      default:
        for (auto flips = 1 + below(4); flips > 0; --flips) {
          all[below(all.size())] = static_cast<char>(random_());
        }
    }
  }

  std::string noise(std::size_t limit) {
    std::string bytes(below(limit), '\0');
    for (auto& one : bytes) {
      one = static_cast<char>(random_());
    }
    return bytes;
  }

  std::mt19937_64 random_;
  std::string server_;
  std::uint64_t published_;
};

} // namespace

BOOST_AUTO_TEST_SUITE(network_fuzz)

BOOST_AUTO_TEST_CASE(no_conversation_ends_the_server_or_disturbs_who_behaves) {
  const auto seed = from_environment("MILLRACE_TEST_SEED", std::random_device{}());
  const auto conversations = from_environment("MILLRACE_NETWORK_FUZZ", 20'000);
  BOOST_TEST_MESSAGE("replay with MILLRACE_TEST_SEED=" << seed);
  served_engine server{{.handshake_timeout = 500ms, .connections_per_address_max = 200}};
  stock_client good{server.port()};
  BOOST_REQUIRE(good.served());
  const greeted_peer known{server.port()};
  babbler talk{seed, known.server_node, known.published};

  std::atomic<bool> over = false;
  std::atomic<std::uint64_t> served = 0;
  std::atomic<std::uint64_t> failed = 0;
  std::thread witness{[&] {
    while (!over) {
      ++(good.served() ? served : failed);
    }
  }};
  const auto before = resident_mib();
  std::vector<std::pair<raw_peer, std::string>> slow;
  for (std::uint64_t i = 0; i < conversations; ++i) {
    raw_peer peer{server.port(), "127.0.0.2"};
    peer.end_abruptly();
    const auto said = talk.conversation();
    const auto cut = said.empty() ? 0 : talk.below(said.size());
    peer.send(std::string_view{said}.substr(0, cut));
    // Some stay open for a while and say the rest among others, or never.
    if (talk.below(10) == 0 && slow.size() < 100) {
      slow.emplace_back(std::move(peer), said.substr(cut));
    } else {
      peer.send(std::string_view{said}.substr(cut));
    }
    if (!slow.empty() && (slow.size() == 100 || talk.below(15) == 0)) {
      const auto which = talk.below(slow.size());
      slow[which].first.send(slow[which].second);
      std::swap(slow[which], slow.back());
      slow.pop_back();
    }
  }
  slow.clear();
  over = true;
  witness.join();
  BOOST_TEST(failed == 0U);
  BOOST_TEST(served > 0U);
  BOOST_TEST(eventually([&] { return server.listener().connections() <= 2; }));
  BOOST_TEST(good.served());
  BOOST_TEST(resident_mib() <= before + 64 + kept_by_sanitizer_mib);
  BOOST_TEST_MESSAGE(conversations << " conversations, " << served << " times served meanwhile, " << before << " to "
                                   << resident_mib() << " MiB");
}

BOOST_AUTO_TEST_SUITE_END()
