#pragma once

#include <millrace/storage/database.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

namespace millrace {

/// Which `seq` each named transaction got, for as long as its outcome is recorded. Only so can a resend be told from a
/// new transaction, and where it cannot be told any more the index says so instead of guessing: a client's id carries
/// the `seq` that was durable when it was issued, and all its transactions have higher ones, so of a client that it
/// does not know the index knows whether it can have forgotten any. No clock decides that. It outlives the queue actor.
/// One thread at a time.
class name_index {
public:
  enum class verdict : std::uint8_t {
    fresh,     ///< Never accepted.
    known,     ///< Accepted as `seq`.
    taken,     ///< Accepted as `seq`, with another content.
    forgotten, ///< Perhaps accepted once; it is not known any more.
  };
  struct finding {
    verdict what = verdict::fresh;
    std::uint64_t seq = 0;
  };

  explicit name_index(storage::outcome_window window) : window_(window) {}

  /// Fills an empty index with what a database has recorded.
  void load(const storage::database_identity& identity);

  finding find(const storage::bound_name& bound) const;

  /// Remembers a fresh name, with a `seq` above all others.
  void add(const storage::bound_name& bound, std::uint64_t seq);

  /// The log says with `seq`, above all others, that this number and those below it are forgotten where they are not
  /// known.
  void note(const transaction_name& name, std::uint64_t seq);

  /// All that was remembered since this was last said has this accept time.
  void accepted_at(std::int64_t time_ms);

  /// Forgets those that the window has no room for. Gives the numbers that the log must `note` as forgotten, since
  /// lower ones of the same client, which came later, are still known: without that word a later life, which only sees
  /// what is recorded, would take the higher ones for fresh.
  std::vector<transaction_name> forget();

  /// Takes back what was numbered above `seq` and did not get into the log.
  void remove_above(std::uint64_t seq);

  /// How many names and notes are recorded.
  std::size_t size() const noexcept { return order_.size(); }
  /// The highest `seq` among them; 0 where there is none.
  std::uint64_t newest_seq() const noexcept { return order_.empty() ? 0 : order_.back().seq; }

private:
  struct numbered {
    std::uint64_t number = 0;
    std::uint64_t seq = 0;
    std::uint64_t content = 0; ///< 0 where it is not known.
  };
  /// Adding and forgetting what comes in order only write to the memory behind `numbers`: reading there would wait for
  /// memory that nobody touched for long.
  struct client_record {
    /// By rising number. What stands before `first` is forgotten.
    std::vector<numbered> numbers;
    std::size_t first = 0;
    std::uint64_t highest = 0;        ///< No number is above it.
    std::uint64_t forgotten_upto = 0; ///< The highest number forgotten.
    std::uint32_t notes = 0;          ///< Entries of `order_` without a number.
    bool in_order = true;             ///< Whether the numbers' `seq` rise, too.

    bool has_numbers() const noexcept { return first < numbers.size(); }
    bool empty() const noexcept { return !has_numbers() && notes == 0; }
  };
  struct hash {
    std::size_t operator()(const uuid& id) const noexcept;
  };
  using client_map = std::unordered_map<uuid, client_record, hash>;
  struct entry {
    client_map::value_type* client = nullptr; ///< Nodes of the map stay where they are.
    std::uint64_t number = 0; ///< 0 for a note, and for whatever else is recorded beside a name's first outcome.
    std::uint64_t seq = 0;
  };
  /// Accepted at one time, up to where the next ones begin.
  struct accepted {
    std::uint64_t first_seq = 0;
    std::int64_t time_ms = 0;
  };

  client_map::value_type& client_of(const uuid& id) { return *clients_.try_emplace(id).first; }
  void keep_place(client_map::value_type& client, std::uint64_t seq);
  std::chrono::milliseconds aged_from(std::size_t which) const;
  void drop_times();
  void forget_oldest();
  void forget_number(client_map::value_type& client, std::uint64_t number);
  static void erase(client_record& client, std::uint64_t number);
  static void drop_first(client_record& client);

  storage::outcome_window window_;
  client_map clients_;
  std::deque<entry> order_;            ///< By rising `seq`.
  std::deque<accepted> times_;         ///< Of the entries, by rising `seq`.
  std::uint64_t timed_upto_ = 0;       ///< Entries above it have no accept time yet.
  std::chrono::milliseconds age_{0};   ///< Of the oldest time, as of the newest.
  std::vector<transaction_name> owed_; ///< What is to be noted.
  std::uint64_t forgotten_upto_ = 0;   ///< The highest `seq` forgotten.
};

} // namespace millrace
