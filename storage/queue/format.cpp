#include "format.hpp"

#include <algorithm>
#include <charconv>

#include <xxhash.h>

namespace millrace::storage {

namespace {

constexpr std::string_view magic = "MILLWAQ\n";
constexpr std::string_view segment_suffix = ".waq";
constexpr std::string_view spare_prefix = "spare-";
constexpr std::string_view spare_suffix = ".waq.free";
constexpr std::size_t segment_digits = 20;
constexpr std::size_t checksum_bytes = 8;
constexpr std::size_t record_bytes_min = 2;

// In every version these stand at the same place, and the checksum is the last 8 bytes of the header.
constexpr std::size_t version_at = 8;
constexpr std::size_t header_bytes_at = 12;

constexpr std::size_t salt_at = 48;

enum class copy_state { damaged, newer, whole };

/// The state of one header copy; `bytes` may be too short for one.
copy_state check_copy(std::string_view bytes) noexcept {
  if (bytes.size() < segment_header_bytes || !bytes.starts_with(magic)) {
    return copy_state::damaged;
  }
  const std::size_t length = load<std::uint32_t>(bytes.data() + header_bytes_at);
  if (length < header_bytes_at + checksum_bytes || length > std::min(header_copy_at, bytes.size())) {
    return copy_state::damaged;
  }
  const auto hashed = length - checksum_bytes;
  if (XXH3_64bits(bytes.data(), hashed) != load<std::uint64_t>(bytes.data() + hashed)) {
    return copy_state::damaged;
  }
  const auto version = load<std::uint32_t>(bytes.data() + version_at);
  if (version > log_format_version || length != segment_header_bytes) {
    return copy_state::newer;
  }
  // Without a salt, zeroes that were never written over would pass for the beginning of a frame.
  return load<std::uint64_t>(bytes.data() + salt_at) == 0 ? copy_state::damaged : copy_state::whole;
}

segment_header parse_header(std::string_view bytes) noexcept {
  segment_header header;
  byte_reader in{bytes.substr(version_at)};
  header.version = in.fixed<std::uint32_t>();
  in.fixed<std::uint32_t>();
  header.database = in.id();
  header.number = in.fixed<std::uint64_t>();
  header.first_seq = in.fixed<std::uint64_t>();
  header.salt = in.fixed<std::uint64_t>();
  header.chain = in.fixed<std::uint64_t>();
  header.capacity = in.fixed<std::uint64_t>();
  return header;
}

std::optional<std::uint64_t> number_between(std::string_view name, std::string_view prefix, std::string_view suffix) {
  if (name.size() <= prefix.size() + suffix.size() || !name.starts_with(prefix) || !name.ends_with(suffix)) {
    return std::nullopt;
  }
  name.remove_prefix(prefix.size());
  name.remove_suffix(suffix.size());
  std::uint64_t number = 0;
  const auto* end = name.data() + name.size();
  const auto [stopped, error] = std::from_chars(name.data(), end, number);
  return error == std::errc{} && stopped == end ? std::optional{number} : std::nullopt;
}

tl::unexpected<failure> undecodable(std::uint64_t seq, const std::string& why) {
  return fail(errc::malformed, "seq " + std::to_string(seq) + ": " + why);
}

/// The record at the front, without its length; nothing where its length leads beyond the frame.
std::optional<std::string_view> next_record(byte_reader& in) {
  const auto record = in.text(frame_bytes_max);
  return in.ok() ? std::optional{record} : std::nullopt;
}

} // namespace

std::string encode_header_block(const segment_header& header) {
  byte_writer out;
  out.put_raw(magic);
  out.put_fixed(header.version);
  out.put_fixed(static_cast<std::uint32_t>(segment_header_bytes));
  out.put_uuid(header.database);
  out.put_fixed(header.number);
  out.put_fixed(header.first_seq);
  out.put_fixed(header.salt);
  out.put_fixed(header.chain);
  out.put_fixed(header.capacity);
  out.put_fixed(static_cast<std::uint64_t>(XXH3_64bits(out.data(), out.size())));
  std::string block(header_block_bytes, '\0');
  for (const auto at : {std::size_t{0}, header_copy_at}) {
    block.replace(at, out.size(), out.view());
  }
  return block;
}

result<header_reading> decode_header_block(std::string_view block, const std::optional<uuid>& database,
                                           const std::string& file) {
  const auto first = block.substr(0, header_copy_at);
  const auto second = block.substr(std::min(block.size(), header_copy_at));
  const auto first_state = check_copy(first);
  const auto second_state = check_copy(second);
  if (first_state == copy_state::newer || second_state == copy_state::newer) {
    return fail(errc::folder_newer, file + " was written in a newer format than " + std::to_string(log_format_version)
                                      + ", the newest that this program reads");
  }
  if (first_state == copy_state::damaged && second_state == copy_state::damaged) {
    return fail(errc::corrupt, "both copies of the header of " + file + " are damaged");
  }
  header_reading reading{parse_header(first_state == copy_state::whole ? first : second), first_state != second_state};
  if (database && reading.header.database != *database) {
    return fail(errc::folder_foreign, file + " belongs to the queue of another database");
  }
  return reading;
}

void begin_frame(byte_writer& out) {
  out.clear();
  out.put_zeroes(frame_header_bytes);
}

std::uint64_t seal_frame(byte_writer& out, frame_header header) {
  out.put_zeroes((frame_alignment - out.size() % frame_alignment) % frame_alignment);
  header.bytes = static_cast<std::uint32_t>(out.size());
  char* to = out.data();
  store(to + 8, header.bytes);
  store(to + 12, header.count);
  store(to + 16, header.salt);
  store(to + 24, header.first_seq);
  store(to + 32, header.accept_time_ms);
  store(to + 40, header.durable_upto);
  store(to + 48, header.chain);
  const std::uint64_t checksum = XXH3_64bits_withSeed(to + checksum_bytes, out.size() - checksum_bytes, header.salt);
  store(to, checksum);
  return checksum;
}

frame_header parse_frame_header(std::string_view bytes) noexcept {
  byte_reader in{bytes};
  frame_header header;
  header.checksum = in.fixed<std::uint64_t>();
  header.bytes = in.fixed<std::uint32_t>();
  header.count = in.fixed<std::uint32_t>();
  header.salt = in.fixed<std::uint64_t>();
  header.first_seq = in.fixed<std::uint64_t>();
  header.accept_time_ms = in.fixed<std::int64_t>();
  header.durable_upto = in.fixed<std::uint64_t>();
  header.chain = in.fixed<std::uint64_t>();
  return header;
}

bool plausible(const frame_header& header, std::uint64_t salt, std::uint64_t room) noexcept {
  return header.salt == salt && header.bytes >= frame_header_bytes && header.bytes % frame_alignment == 0
         && header.bytes <= std::min<std::uint64_t>(room, frame_bytes_max)
         && header.count <= (header.bytes - frame_header_bytes) / record_bytes_min && header.first_seq > 0
         && header.first_seq <= std::numeric_limits<std::uint64_t>::max() / 2 && header.durable_upto < header.first_seq;
}

bool verifies(std::string_view frame, std::uint64_t salt) noexcept {
  return load<std::uint64_t>(frame.data())
         == XXH3_64bits_withSeed(frame.data() + checksum_bytes, frame.size() - checksum_bytes, salt);
}

result<batch> decode_frame(const frame_view& frame, std::uint64_t from_seq, decoder_dictionary& texts) {
  const auto& header = frame.header;
  batch decoded{std::max(header.first_seq, from_seq), header.accept_time_ms, {}};
  decoded.chain = header.checksum;
  if (header.next_seq() > decoded.first_seq) {
    decoded.items.reserve(static_cast<std::size_t>(header.next_seq() - decoded.first_seq));
  }
  byte_reader in{frame.records};
  for (auto seq = header.first_seq; seq < header.next_seq(); ++seq) {
    const auto record = next_record(in);
    if (!record) {
      return undecodable(seq, "the frame ends before it");
    }
    auto item = decode(*record, texts);
    if (seq < from_seq) {
      continue;
    }
    if (!item) {
      return undecodable(seq, item.error().detail);
    }
    decoded.items.push_back(std::move(*item));
  }
  if (in.left() >= frame_alignment) {
    return undecodable(header.next_seq(), "the frame goes on after its last record");
  }
  return decoded;
}

std::string segment_name(std::uint64_t first_seq) {
  auto digits = std::to_string(first_seq);
  return std::string(segment_digits - digits.size(), '0') + digits + std::string{segment_suffix};
}

std::optional<std::uint64_t> segment_of_name(std::string_view name) {
  const auto first_seq = name.size() == segment_digits + segment_suffix.size()
                           ? number_between(name, "", segment_suffix)
                           : std::nullopt;
  // A `seq` counts from 1: what is before the first one has no number.
  return first_seq == std::uint64_t{0} ? std::nullopt : first_seq;
}

std::string spare_name(std::uint64_t number) {
  return std::string{spare_prefix} + std::to_string(number) + std::string{spare_suffix};
}

std::optional<std::uint64_t> spare_of_name(std::string_view name) {
  return number_between(name, spare_prefix, spare_suffix);
}

} // namespace millrace::storage
