#pragma once

#include <millrace/messages/uuid.hpp>
#include <millrace/storage/attempt_mark.hpp>
#include <millrace/storage/base/result.hpp>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

namespace millrace::storage {

/// A call that never returned.
struct broken_attempt {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t at = 0; ///< What was being run; 0 where that was not one of them.
};

/// The file `attempt`, mapped into memory: what is written here survives the process at the price of a store, so that
/// even a first attempt names its culprit (actors/DESIGN.md §7 rule 1). It need not survive a power loss, which is
/// nobody's fault; the count of deaths does. Written by the writer's thread between `begin` and `end`, by the queue's
/// otherwise.
class attempt_page final : public attempt_mark {
public:
  struct suspicion {
    std::uint64_t seq = 0;
    std::uint32_t deaths = 0;
  };

  /// Maps the file, and makes it where it is missing. Whatever it holds is taken for nothing where it is not well
  /// formed or belongs to another database. `disk_full` (nothing written later can meet a full disk) and `io_error`.
  [[nodiscard]] static result<std::unique_ptr<attempt_page>> open(const std::filesystem::path& file,
                                                                  const uuid& database);
  attempt_page(const attempt_page&) = delete;
  attempt_page& operator=(const attempt_page&) = delete;
  ~attempt_page() override;

  void begin(std::uint64_t first, std::uint64_t last) noexcept override;
  void at(std::uint64_t seq) noexcept override;
  void end() noexcept override;

  /// The call that never returned, if there is one.
  std::optional<broken_attempt> broken() const noexcept;

  /// Counts a death over `seq`, durably, and forgets the broken call. Only one `seq` is under suspicion at a time: the
  /// first that is tried again; the count of another one is given up. Gives the deaths counted for it so far.
  /// `io_error` where they could not be synced.
  [[nodiscard]] result<std::uint32_t> accuse(std::uint64_t seq);

  suspicion suspect() const noexcept;

private:
  struct layout;
  explicit attempt_page(layout* mapped) noexcept : mapped_(mapped) {}
  layout* mapped_; ///< Owned.
};

} // namespace millrace::storage
