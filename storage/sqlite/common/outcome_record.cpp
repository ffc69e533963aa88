#include "outcome_record.hpp"

#include <millrace/messages/limits.hpp>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace millrace::storage::sqlite {

namespace {

enum class answer_kind : std::uint8_t { failure = 0, outcome = 1 };

// What follows a statement's numbers.
constexpr std::uint8_t has_rows = 1;
constexpr std::uint8_t has_error = 2;

constexpr std::size_t detail_bytes_max = 1'024;

/// The smallest statement: flags and two numbers.
constexpr std::size_t statement_bytes_min = 3;

/// As much of a text as fits, cut between two characters of UTF-8.
std::string_view cut(std::string_view text, std::size_t most) noexcept {
  if (text.size() <= most) {
    return text;
  }
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) {
    --most;
  }
  return text.substr(0, most);
}

std::size_t bytes_of(const row_set& rows) noexcept {
  auto bytes = rows.cells().size();
  for (const auto& column : rows.columns()) {
    bytes += column.size() + 1;
  }
  return bytes;
}

failure read_failure(byte_reader& in) {
  failure reason;
  reason.code = static_cast<errc>(in.byte());
  reason.detail = in.text(detail_bytes_max);
  return reason;
}

row_set read_rows(byte_reader& in) {
  const auto width = static_cast<std::size_t>(in.bounded(std::min(recorded_rows_bytes_max, in.left())));
  std::vector<std::string> columns;
  columns.reserve(width);
  for (std::size_t i = 0; i < width && in.ok(); ++i) {
    columns.emplace_back(in.text(recorded_rows_bytes_max));
  }
  const auto count = in.varint();
  const bool truncated = in.byte() != 0;
  auto rows = row_set::from_parts(std::move(columns), std::string{in.text(recorded_rows_bytes_max)}, count, truncated);
  if (!rows) {
    in.reject();
    return {};
  }
  return std::move(*rows);
}

statement_result read_statement(byte_reader& in) {
  statement_result result;
  const auto flags = in.byte();
  result.rows_changed = in.zigzag();
  result.last_row_id = in.zigzag();
  if ((flags & has_rows) != 0) {
    result.rows = read_rows(in);
  }
  if ((flags & has_error) != 0) {
    result.error = read_failure(in);
  }
  return result;
}

} // namespace

void outcome_record_writer::clear() noexcept {
  bytes_.clear();
  contents_.clear();
  count_ = 0;
}

void outcome_record_writer::add(const bound_name& bound, std::uint64_t seq, const answer& reply) {
  answer_.clear();
  room_ = recorded_rows_bytes_max;
  put(reply);
  if (count_ == 0) {
    first_seq_ = seq;
    last_seq_ = seq;
  }
  bytes_.put_uuid(bound.name.client);
  bytes_.put_varint(bound.name.number);
  bytes_.put_varint(seq - last_seq_);
  bytes_.put_text(answer_.view());
  contents_.put_fixed(bound.content);
  last_seq_ = seq;
  ++count_;
}

void outcome_record_writer::put(const answer& reply) {
  if (!reply) {
    answer_.put_byte(static_cast<std::uint8_t>(answer_kind::failure));
    put(reply.error());
    return;
  }
  answer_.put_byte(static_cast<std::uint8_t>(answer_kind::outcome));
  answer_.put_varint(reply->results.size());
  for (const auto& result : reply->results) {
    put(result);
  }
}

void outcome_record_writer::put(const statement_result& result) {
  const bool rows = !result.rows.columns().empty();
  answer_.put_byte(static_cast<std::uint8_t>((rows ? has_rows : 0) | (result.error ? has_error : 0)));
  answer_.put_zigzag(result.rows_changed);
  answer_.put_zigzag(result.last_row_id);
  if (rows) {
    put(result.rows);
  }
  if (result.error) {
    put(*result.error);
  }
}

void outcome_record_writer::put(const row_set& rows) {
  const auto bytes = bytes_of(rows);
  const bool fits = bytes <= room_;
  room_ -= fits ? bytes : 0;
  answer_.put_varint(fits ? rows.columns().size() : 0);
  for (std::size_t i = 0; fits && i < rows.columns().size(); ++i) {
    answer_.put_text(rows.columns()[i]);
  }
  answer_.put_varint(fits ? rows.size() : 0);
  answer_.put_byte(!fits || rows.truncated() ? 1 : 0);
  answer_.put_text(fits ? std::string_view{rows.cells()} : std::string_view{});
}

void outcome_record_writer::put(const failure& reason) {
  const auto detail = cut(reason.detail, std::min(room_, detail_bytes_max));
  room_ -= detail.size();
  answer_.put_byte(static_cast<std::uint8_t>(reason.code));
  answer_.put_text(detail);
}

std::optional<outcome_entry> outcome_record_reader::next() noexcept {
  if (in_.left() == 0) {
    return std::nullopt;
  }
  outcome_entry entry;
  const auto client = in_.raw(entry.name.client.size());
  entry.name.number = in_.varint();
  seq_ += in_.varint();
  entry.seq = seq_;
  entry.reply = in_.text(in_.left());
  if (!in_.ok()) {
    return std::nullopt;
  }
  std::memcpy(entry.name.client.data(), client.data(), client.size());
  return entry;
}

std::optional<answer> decode_answer(std::uint64_t seq, std::string_view bytes) {
  byte_reader in{bytes};
  answer reply;
  if (const auto kind = static_cast<answer_kind>(in.byte()); kind == answer_kind::failure) {
    reply = tl::unexpected{read_failure(in)};
  } else if (kind == answer_kind::outcome) {
    const auto count = static_cast<std::size_t>(
      in.bounded(std::min(limits::statements_max, in.left() / statement_bytes_min)));
    reply->seq = seq;
    reply->results.reserve(count);
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
      reply->results.push_back(read_statement(in));
    }
  } else {
    in.reject();
  }
  return in.ok() && in.left() == 0 ? std::optional{std::move(reply)} : std::nullopt;
}

} // namespace millrace::storage::sqlite
