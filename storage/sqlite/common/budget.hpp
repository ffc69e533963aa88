#pragma once

#include <millrace/messages/error.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

namespace millrace::storage::sqlite {

class temporary_space;

/// What SQLite may take for one piece of work (storage/DESIGN.md §6): memory and temporary files from its first call to
/// its last, half of the thread's stack, and time. SQLite itself bounds none of them: it compiles by recursion, and
/// asks nobody while it does. So they are looked at where it allocates, which it does at every level and before all
/// that takes long; what is refused it meets as a lack of memory or a full disk, and unwinds.
///
/// Used by one thread at a time, while a scope on it lives.
class budget {
public:
  struct amounts {
    std::int64_t memory_kib = 0;    ///< 0: as much as there is.
    std::int64_t temporary_kib = 0; ///< Of temporary files; likewise.
    /// Where these lie, and what they may take together with those of others; null: where SQLite puts them, and as much
    /// as there is. Not owned; outlives them.
    temporary_space* space = nullptr;
  };

  /// Not 0 once what runs has to end.
  using time_look = int (*)(void* whose);

  explicit budget(amounts most, time_look look = nullptr, void* whose = nullptr) noexcept
    : most_(most), look_(look), whose_(whose) {}
  budget(const budget&) = delete;
  budget& operator=(const budget&) = delete;

  /// What SQLite does on this thread is paid from the budget as long as this lives.
  class scope {
  public:
    explicit scope(budget& payer) noexcept : before_(std::exchange(acting, &payer)) { find_stack(); }
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;
    ~scope() { acting = before_; }

  private:
    budget* before_;
  };

  /// Bytes that were allocated and not freed while it acted.
  std::uint64_t memory_taken() const noexcept {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(memory_bytes_, 0));
  }

  /// Whether SQLite's allocations are looked at. Not so where SQLite was in use before this program's own start.
  static bool holds() noexcept;

  /// Of what the budget that acts on this thread had too little: `over_budget`, `overloaded` where others have what
  /// there is of it, `deadline_exceeded` where its time was up, or `disk_full` or `io_error` where the machine refused
  /// it a temporary file.
  static std::optional<failure> overrun();

  /// Takes note of why the system refused to make, write or read a temporary file of this thread's work.
  static void temporary_refused(int system_error) noexcept;

  /// Whether the time of the budget that acts on this thread is up.
  static bool time_is_up() noexcept { return acting != nullptr && acting->look_at_time(); }

  /// Where the work of this thread makes its temporary files; null where that is left to SQLite.
  static temporary_space* space() noexcept { return acting == nullptr ? nullptr : acting->most_.space; }

  /// Takes bytes for a temporary file in `space`, or gives them back where there are fewer than none; false where the
  /// work or all of it together has not so many left, or the room is withheld.
  static bool take_temporary(std::int64_t bytes, temporary_space* space) noexcept;

  /// Whether the work of this thread has temporary files whose room is withheld (`temporary_space::withhold`), so that
  /// it has to end, which counts as a full disk.
  static bool must_give_back() noexcept;

private:
  /// How much is allocated between two looks at the clock. An allocation counts some bytes more than it has, so there
  /// are at most 256 small ones, or one large one.
  static constexpr std::int64_t bytes_between_looks = 1024 * 1024;

  friend struct budgeted_allocator;

  enum class cause : std::uint8_t { none, memory, temporary, temporary_of_all, temporary_refused, stack, time };

  static void find_stack() noexcept;
  bool admits(std::int64_t bytes) noexcept;
  bool look_at_time() noexcept;
  bool refuse(cause why) noexcept;
  failure refused_file() const;

  static constinit thread_local budget* acting;

  amounts most_;
  time_look look_;
  void* whose_;
  std::int64_t memory_bytes_ = 0;
  std::int64_t temporary_bytes_ = 0;
  std::int64_t until_look_ = bytes_between_looks;
  cause cause_ = cause::none;
  int system_error_ = 0; ///< For `temporary_refused`.
};

} // namespace millrace::storage::sqlite
