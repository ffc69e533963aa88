#pragma once

#include <millrace/messages/limits.hpp>
#include <millrace/storage/base/bytes.hpp>
#include <millrace/storage/base/result.hpp>
#include <millrace/storage/work.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

/// Work as bytes, independent of CAF (storage/queue/README.md gives the format). SQL texts are written once per segment
/// and referred to by number afterwards.
namespace millrace::storage {

/// A segment's texts are bounded, because a reader keeps all of them; what comes beyond stands in full each time.
inline constexpr std::size_t dictionary_texts_max = 4096;
inline constexpr std::size_t dictionary_bytes_max = 1024 * 1024;

/// No piece of work is longer when it stands alone, its texts in full: to the payload come names and the digests of
/// migrations, or what statements and groups take beyond the overhead that `payload_bytes` counts for them.
inline constexpr std::size_t work_bytes_max = limits::transaction_bytes_max + limits::sql_bytes_max + 1024 * 1024;

/// How many numbers one `skip_order` may hold, so that it takes no more memory than a transaction may.
inline constexpr std::size_t skipped_seqs_max = limits::transaction_bytes_max / sizeof(std::uint64_t);

/// How long the reason of one may be, in bytes.
inline constexpr std::size_t skip_reason_max = 500;

/// The SQL texts that the segment being written has defined so far.
class encoder_dictionary {
public:
  /// One for a segment whose definitions are not known: it defines nothing, every text stands in full.
  static encoder_dictionary closed();

  /// Writes a reference to the text, which defines it where it is new.
  void put(byte_writer& out, std::string_view sql);

  std::size_t size() const noexcept { return texts_.size(); }
  /// Forgets the texts defined since there were `size` of them: their frame was not written.
  void rollback_to(std::size_t size);

private:
  struct hash {
    std::size_t operator()(std::string_view text) const noexcept;
  };

  void put_new(byte_writer& out, std::string_view sql);

  std::deque<std::string> texts_; ///< A deque, so that the keys of `ids_` stay where they are.
  std::unordered_map<std::string_view, std::uint32_t, hash> ids_;
  std::size_t bytes_ = 0;
  std::size_t texts_max_ = dictionary_texts_max;
  std::uint32_t last_used_ = 0;
};

/// The SQL texts that the segment being read has defined so far. Definitions carry their number, so that one lost with
/// a damaged frame makes later references to it fail rather than mean another text.
class decoder_dictionary {
public:
  /// False where the number or the texts' size is out of bounds, or the number is taken.
  bool define(std::uint64_t id, std::string_view sql);
  /// The text, or null where it was never seen.
  const std::string* find(std::uint64_t id) const noexcept;

private:
  std::vector<std::optional<std::string>> texts_;
  std::size_t bytes_ = 0;
};

/// Appends one record: its length, its kind, its body. `acknowledgement`, `deadline` and `priority` are no part of it.
/// `too_large` where it exceeds `limits`, `malformed` where a `skip_order` names nothing or gives no reason;
/// `out` and `texts` are then to be rolled back by the caller. What was encoded can always be decoded.
[[nodiscard]] result<> encode(byte_writer& out, encoder_dictionary& texts, const work& item);

/// The name of a transaction, and the checksum of its statements and groups; what it asks of the engine alone, as its
/// deadline, is no part of that. What is recorded holds it, so it never changes. Of a transaction without a name, and
/// of the queue's word about one, the content is 0. `scratch` is room to work in, worth keeping.
[[nodiscard]] bound_name bound_name_of(const transaction& named, byte_writer& scratch);

/// Reads the kind and body of one record; `record` is what its length spans. Learns the texts it defines, also when it
/// fails. `malformed` where the bytes are no record, or refer to a text that was not seen.
[[nodiscard]] result<work> decode(std::string_view record, decoder_dictionary& texts);

} // namespace millrace::storage
