#pragma once

#include <millrace/storage/base/bytes.hpp>
#include <millrace/storage/database.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

/// What became of named transactions, as the bytes of `millrace_outcomes.outcomes` (storage/sqlite/README.md gives the
/// format).
namespace millrace::storage::sqlite {

/// A record takes no more transactions from here on. What one transaction adds is far less than what then is left until
/// SQLite's limit on a row (hardening.cpp).
inline constexpr std::size_t outcome_record_bytes_full = 4 * 1024 * 1024;

/// Fills one record. Its buffer is used again.
class outcome_record_writer {
public:
  void clear() noexcept;

  /// `seq` is above those before it.
  void add(const bound_name& bound, std::uint64_t seq, const answer& reply);

  bool full() const noexcept { return bytes_.size() >= outcome_record_bytes_full; }
  std::uint64_t count() const noexcept { return count_; }
  std::uint64_t first_seq() const noexcept { return first_seq_; }
  std::uint64_t last_seq() const noexcept { return last_seq_; }
  /// Valid until the next change.
  std::string_view bytes() const noexcept { return bytes_.view(); }
  /// The contents that the names are bound to, 8 bytes each; valid as long.
  std::string_view contents() const noexcept { return contents_.view(); }

private:
  void put(const answer& reply);
  void put(const statement_result& result);
  void put(const row_set& rows);
  void put(const failure& reason);

  byte_writer bytes_;
  byte_writer contents_;
  byte_writer answer_;
  std::size_t room_ = 0; ///< For rows and details of the transaction that is added.
  std::uint64_t count_ = 0;
  std::uint64_t first_seq_ = 0;
  std::uint64_t last_seq_ = 0;
};

/// One transaction in a record.
struct outcome_entry {
  transaction_name name;
  std::uint64_t seq = 0;
  std::string_view reply; ///< For `decode_answer`; valid as long as the record's bytes.
};

/// Walks through a record.
class outcome_record_reader {
public:
  outcome_record_reader(std::uint64_t first_seq, std::string_view bytes) noexcept : in_(bytes), seq_(first_seq) {}

  /// The next transaction; nothing at the end, and where the bytes are no record (then `ok` is false).
  std::optional<outcome_entry> next() noexcept;
  bool ok() const noexcept { return in_.ok(); }

private:
  byte_reader in_;
  std::uint64_t seq_;
};

/// Nothing where the bytes are no answer.
std::optional<answer> decode_answer(std::uint64_t seq, std::string_view bytes);

} // namespace millrace::storage::sqlite
