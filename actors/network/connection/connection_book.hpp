#pragma once

#include <millrace/actors/network/guard/allowance.hpp>
#include <millrace/actors/network/guard/basp_guard.hpp>
#include <millrace/actors/network/guard/refusal.hpp>
#include <millrace/actors/network/settings.hpp>
#include <millrace/messages/error.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace millrace::network {

class connection;

/// The connections there are, who they belong to, and what was refused. Any thread.
class connection_book {
public:
  using time_point = basp_guard::time_point;

  using node_gone = std::function<void(const node_bytes&)>;

  /// `gone` is called when a connection has ended whose peer had shaken hands, with its alias, in any thread.
  explicit connection_book(connection_limits limits, node_gone gone = {}) : limits_(limits), gone_(std::move(gone)) {}
  connection_book(const connection_book&) = delete;
  connection_book& operator=(const connection_book&) = delete;

  const connection_limits& limits() const noexcept { return limits_; }
  const refusal_counts& refused() const noexcept { return refused_; }
  std::uint64_t accepted() const noexcept { return accepted_.load(std::memory_order_relaxed); }
  std::size_t open() const;

  /// Counts and logs; lines are bounded, so that nobody fills a disk with them.
  void refuse(refusal why, const std::string& peer, std::string_view detail = {});

  struct closing {
    refusal why = refusal::none;
    std::string detail{};

    std::string words() const; ///< For people.
  };
  /// Which refusal closed a connection last since `admit` was called; `none` where none did.
  closing last_closing() const;

  /// Makes room for a connection from an address. What it gives stands in the way.
  refusal admit(const std::string& address);
  void enter(connection& one);
  /// Takes back what `admit` and `enter` gave.
  void leave(connection& one, const std::string& address);
  /// As `leave`, where a connection did not come to be.
  void leave(const std::string& address);

  /// A peer has shaken hands: by which alias CAF knows it, and who it is (an address, or a certificate's fingerprint).
  void introduce(const node_bytes& peer, const std::string& identity);
  void forget(const node_bytes& peer);

  /// Counts and logs that a node speaks no version of the messages that is spoken here, and remembers why for as long
  /// as it is connected.
  void refuse_version(const node_bytes& node, const failure& why, std::string_view detail);
  /// What each request of such a node is answered with; nothing for all others.
  [[nodiscard]] std::optional<failure> version_refused(const node_bytes& node) const;
  /// Whether there is any such node. Costs nothing.
  bool any_version_refused() const noexcept { return versions_refused_.load(std::memory_order_relaxed) > 0; }

  /// Replaces what a connection had counted before. False, and nothing changed, where that would be too many.
  bool count_actors(std::size_t before, std::size_t now);

  /// How many bytes more may wait to be read by a peer for which so many wait already.
  std::size_t room_to_send(std::size_t unsent) const noexcept;
  /// So much more waits to be read by some peer.
  void count_unsent(std::ptrdiff_t more) noexcept { unsent_.fetch_add(more, std::memory_order_relaxed); }

  /// Ends what is over time. In the thread that reads and writes.
  void sweep(time_point now);
  /// Whether some connection has bytes to send. In the thread that reads and writes.
  bool writing() const;
  /// Ends all connections. In the thread that reads and writes.
  void end_all();

private:
  struct known_node {
    std::string identity;
    std::optional<failure> version_refused;
  };

  const connection_limits limits_;
  const node_gone gone_;
  refusal_counts refused_;
  std::atomic<std::uint64_t> accepted_{0};
  mutable std::mutex mutex_;
  std::set<connection*> connections_;
  std::size_t admitted_ = 0;
  std::map<std::string, std::size_t> per_address_;
  std::map<node_bytes, known_node> nodes_;       ///< By the alias.
  std::atomic<std::size_t> versions_refused_{0}; ///< How many of `nodes_`.
  std::size_t actors_ = 0;
  std::atomic<std::ptrdiff_t> unsent_{0}; ///< Bytes of all connections.
  allowance lines_{20, 5};
  std::uint64_t lines_left_out_ = 0;
  closing last_closing_;
};

} // namespace millrace::network
