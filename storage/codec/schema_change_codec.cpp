#include "schema_change_codec.hpp"

#include <millrace/messages/limits.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace millrace::storage {

namespace {

/// The smallest encoded migration: version, name, two digests, number of needs; and one of those.
constexpr std::size_t migration_bytes_min = 1 + 1 + 2 * sizeof(sha256) + 1;
constexpr std::size_t needed_bytes_min = 2;
constexpr std::size_t hook_bytes_min = 2;

constexpr std::uint8_t goes_on_bit = 1;
constexpr std::uint8_t after_run_bit = 2;

void put(byte_writer& out, const sha256& digest) {
  out.put_raw({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

void put(byte_writer& out, const std::vector<schema_hook>& hooks) {
  out.put_varint(hooks.size());
  for (const auto& one : hooks) {
    out.put_text(one.file);
    out.put_text(one.sql);
  }
}

sha256 read_digest(byte_reader& in) {
  sha256 digest{};
  std::ranges::copy(in.raw(digest.size()), digest.begin());
  return digest;
}

applied_migration read_migration(byte_reader& in) {
  applied_migration one;
  one.version = in.varint();
  one.name = in.text(limits::sql_bytes_max);
  one.checksum = read_digest(in);
  one.chain = read_digest(in);
  const auto needs = static_cast<std::size_t>(
    in.bounded(std::min(limits::migrations_max, in.left() / needed_bytes_min)));
  one.needs.reserve(needs);
  for (std::size_t i = 0; i < needs && in.ok(); ++i) {
    auto& needed = one.needs.emplace_back();
    needed.set = in.text(limits::sql_bytes_max);
    needed.version = in.varint();
  }
  return one;
}

std::vector<schema_hook> read_hooks(byte_reader& in) {
  std::vector<schema_hook> hooks(
    static_cast<std::size_t>(in.bounded(std::min(limits::hooks_max, in.left() / hook_bytes_min))));
  for (auto& one : hooks) {
    one.file = in.text(limits::sql_bytes_max);
    one.sql = in.text(limits::transaction_bytes_max);
  }
  return hooks;
}

} // namespace

bool within_limits(const schema_change& change) noexcept {
  std::size_t needs = 0;
  std::size_t names = change.set.size() + change.author.size() + change.backfill.size();
  for (const auto& one : change.migrations) {
    needs += one.needs.size();
    names += one.name.size();
    for (const auto& needed : one.needs) {
      names += needed.set.size();
    }
  }
  for (const auto* const hooks : {&change.before, &change.after}) {
    for (const auto& one : *hooks) {
      names += one.file.size();
    }
  }
  return sql_bytes(change) <= limits::transaction_bytes_max && names <= limits::sql_bytes_max
         && change.migrations.size() <= limits::migrations_max && needs <= limits::migrations_max
         && change.before.size() <= limits::hooks_max && change.after.size() <= limits::hooks_max
         && change.timeout.count() >= 0 && change.timeout <= schema_timeout_max;
}

void put_change(byte_writer& out, const schema_change& change) {
  out.put_byte(static_cast<std::uint8_t>(change.step));
  out.put_text(change.set);
  put(out, change.expected);
  out.put_varint(change.migrations.size());
  for (const auto& one : change.migrations) {
    out.put_varint(one.version);
    out.put_text(one.name);
    put(out, one.checksum);
    put(out, one.chain);
    out.put_varint(one.needs.size());
    for (const auto& needed : one.needs) {
      out.put_text(needed.set);
      out.put_varint(needed.version);
    }
  }
  out.put_text(change.sql);
  out.put_text(change.author);
  put(out, change.before);
  put(out, change.after);
  out.put_varint(static_cast<std::uint64_t>(change.timeout.count()));
  out.put_text(change.backfill);
  out.put_varint(change.rows_max);
  out.put_byte(static_cast<std::uint8_t>((change.goes_on ? goes_on_bit : 0) | (change.after_run ? after_run_bit : 0)));
}

schema_change read_change(byte_reader& in) {
  schema_change change;
  const auto step = in.byte();
  if (step > static_cast<std::uint8_t>(schema_step::resume)) {
    in.reject();
  }
  change.step = static_cast<schema_step>(step);
  change.set = in.text(limits::sql_bytes_max);
  change.expected = read_digest(in);
  const auto count = static_cast<std::size_t>(
    in.bounded(std::min(limits::migrations_max, in.left() / migration_bytes_min)));
  change.migrations.reserve(count);
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    change.migrations.push_back(read_migration(in));
  }
  change.sql = in.text(limits::transaction_bytes_max);
  change.author = in.text(limits::sql_bytes_max);
  change.before = read_hooks(in);
  change.after = read_hooks(in);
  change.timeout = std::chrono::milliseconds{static_cast<std::int64_t>(in.bounded(schema_timeout_max.count()))};
  change.backfill = in.text(limits::sql_bytes_max);
  change.rows_max = in.varint();
  const auto said = in.byte();
  change.goes_on = (said & goes_on_bit) != 0;
  change.after_run = (said & after_run_bit) != 0;
  if (!within_limits(change) || said > (goes_on_bit | after_run_bit)) {
    in.reject();
  }
  return change;
}

} // namespace millrace::storage
