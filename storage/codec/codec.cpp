#include "codec.hpp"

#include "schema_change_codec.hpp"

#include <millrace/storage/base/hash.hpp>

#include <algorithm>
#include <bit>
#include <type_traits>
#include <utility>

#include <xxhash.h>

namespace millrace::storage {

namespace {

enum class record_kind : std::uint8_t {
  transaction = 1,
  skip_order = 2,
  schema_script = 3,
  named_transaction = 4,
  stretch_end = 5,
  quarantine_order = 6,
  schema_change = 7,
  explained_skip_order = 8,
};

enum class value_tag : std::uint8_t { null = 0, integer = 1, real = 2, text = 3, blob = 4 };

// References to SQL texts; what is above them is a text's number.
constexpr std::uint64_t text_in_full = 0;
constexpr std::uint64_t text_defined = 1;
constexpr std::uint64_t text_numbers = 2;

// Of what a name is bound to: the text of the statement before.
constexpr std::uint64_t text_again = 1;

// The same sums as `payload_bytes`, so that admission, encoder and decoder agree on what is too large.
constexpr std::size_t statement_overhead = 16;
constexpr std::size_t value_overhead = 16;

/// The smallest encoded statement: reference, expected rows, number of parameters and of names.
constexpr std::size_t statement_bytes_min = 4;
constexpr std::size_t group_bytes_min = 3;
void put(byte_writer& out, record_kind kind) {
  out.put_byte(static_cast<std::uint8_t>(kind));
}

void put(byte_writer& out, const value& parameter) {
  const auto tag = [&out](value_tag kind) { out.put_byte(static_cast<std::uint8_t>(kind)); };
  const auto& data = parameter.data();
  if (const auto* number = std::get_if<std::int64_t>(&data)) {
    tag(value_tag::integer);
    out.put_zigzag(*number);
  } else if (const auto* text = std::get_if<std::string>(&data)) {
    tag(value_tag::text);
    out.put_text(*text);
  } else if (const auto* real = std::get_if<double>(&data)) {
    tag(value_tag::real);
    out.put_fixed(std::bit_cast<std::uint64_t>(*real));
  } else if (const auto* bytes = std::get_if<blob>(&data)) {
    tag(value_tag::blob);
    out.put_text(bytes->bytes);
  } else {
    tag(value_tag::null);
  }
}

bool within_limits(const statement& step) noexcept {
  return step.sql.size() <= limits::sql_bytes_max && step.parameters.size() <= limits::parameters_max
         && step.names.size() <= step.parameters.size();
}

bool within_limits(const transaction& work) noexcept {
  if (work.statements.size() > limits::statements_max || work.groups.size() > limits::groups_max
      || payload_bytes(work) > limits::transaction_bytes_max) {
    return false;
  }
  for (const auto& step : work.statements) {
    if (!within_limits(step)) {
      return false;
    }
    for (const auto& parameter : step.parameters) {
      if (parameter.payload_bytes() > limits::value_bytes_max) {
        return false;
      }
    }
  }
  return true;
}

/// Whether work may be skipped for this reason: it never has an effect, which only a rejection promises.
bool rejects(errc why) noexcept {
  return why != errc::none && kind(why) == error_kind::rejected;
}

/// `put_sql` writes a statement's text, or what stands for it.
template <class PutSql>
void put_body(byte_writer& out, const transaction& work, PutSql put_sql) {
  out.put_varint(work.statements.size());
  out.put_varint(work.groups.size());
  for (const auto& range : work.groups) {
    out.put_varint(range.first);
    out.put_varint(range.count);
    out.put_byte(static_cast<std::uint8_t>(range.policy));
  }
  for (const auto& step : work.statements) {
    put_sql(step.sql);
    out.put_zigzag(step.expected_rows);
    out.put_varint(step.parameters.size());
    for (const auto& parameter : step.parameters) {
      put(out, parameter);
    }
    out.put_varint(step.names.size());
    for (const auto& name : step.names) {
      out.put_text(name);
    }
  }
}

result<> put(byte_writer& out, encoder_dictionary& texts, const transaction& work) {
  if (!within_limits(work)) {
    return fail(errc::too_large, "the transaction exceeds a limit on its statements, parameters or bytes");
  }
  if (work.name.given()) {
    put(out, record_kind::named_transaction);
    out.put_uuid(work.name.client);
    out.put_varint(work.name.number);
  } else {
    put(out, record_kind::transaction);
  }
  put_body(out, work, [&](std::string_view sql) { texts.put(out, sql); });
  return {};
}

result<> put(byte_writer& out, encoder_dictionary&, const schema_script& script) {
  if (script.name.size() > limits::sql_bytes_max || script.sql.size() > limits::transaction_bytes_max) {
    return fail(errc::too_large, "the schema script is too large");
  }
  put(out, record_kind::schema_script);
  out.put_text(script.name);
  out.put_text(script.sql);
  return {};
}

bool has_reason(const skip_order& order) noexcept {
  return rejects(order.why) || (order.why == errc::none && order.deaths == 0);
}

result<> put(byte_writer& out, encoder_dictionary&, const skip_order& order) {
  if (order.seqs.empty() || !has_reason(order)) {
    return fail(errc::malformed, "the order skips nothing, or gives no reason that rejects");
  }
  if (order.seqs.size() > skipped_seqs_max) {
    return fail(errc::too_large, "the order skips too much at once");
  }
  if (order.reason.size() > skip_reason_max) {
    return fail(errc::too_large, "the order's reason is too long");
  }
  put(out, order.reason.empty() ? record_kind::skip_order : record_kind::explained_skip_order);
  out.put_varint(order.seqs.size());
  for (const auto seq : order.seqs) {
    out.put_varint(seq);
  }
  out.put_byte(static_cast<std::uint8_t>(order.why));
  out.put_varint(order.deaths);
  if (!order.reason.empty()) {
    out.put_text(order.reason);
  }
  return {};
}

result<> put(byte_writer& out, encoder_dictionary&, const stretch_end&) {
  put(out, record_kind::stretch_end);
  return {};
}

result<> put(byte_writer& out, encoder_dictionary&, const quarantine_order& order) {
  put(out, record_kind::quarantine_order);
  out.put_varint(order.seq);
  out.put_byte(static_cast<std::uint8_t>(order.what));
  return {};
}

result<> put(byte_writer& out, encoder_dictionary&, const schema_change& change) {
  if (!storage::within_limits(change)) {
    return fail(errc::too_large, "a schema change is at most 16 MiB of SQL; split it, or load rows by `millrace load`");
  }
  put(out, record_kind::schema_change);
  put_change(out, change);
  return {};
}

/// Puts the record's length before it. One byte was left for it, which is enough for most.
void put_length(byte_writer& out, std::size_t start) {
  auto length = out.size() - start - 1;
  std::size_t digits = 1;
  for (auto rest = length >> 7; rest != 0; rest >>= 7) {
    ++digits;
  }
  out.make_gap(start + 1, digits - 1);
  for (std::size_t i = 0; i < digits; ++i, length >>= 7) {
    out.data()[start + i] = static_cast<char>((length & 0x7f) | (i + 1 < digits ? 0x80 : 0));
  }
}

/// Reads one transaction's body, counting what it takes in memory against its limit.
class transaction_reader {
public:
  transaction_reader(std::string_view body, decoder_dictionary& texts) : in_(body), texts_(texts) {}

  result<work> read_named() {
    work_.name.client = in_.id();
    work_.name.number = in_.varint();
    if (!work_.name.given()) {
      in_.reject();
    }
    return read();
  }

  result<work> read() {
    const auto statements = static_cast<std::size_t>(
      in_.bounded(std::min(limits::statements_max, in_.left() / statement_bytes_min)));
    read_groups();
    work_.statements.reserve(statements);
    for (std::size_t i = 0; i < statements && in_.ok(); ++i) {
      read_statement(work_.statements.emplace_back());
    }
    if (!in_.ok() || in_.left() != 0) {
      return fail(errc::malformed, "the bytes are no transaction");
    }
    if (missing_text_) {
      return fail(errc::malformed, "the transaction refers to an SQL text whose definition is lost");
    }
    return work{std::move(work_)};
  }

private:
  bool ok() const noexcept { return in_.ok(); }

  /// Whether so much more may be taken.
  bool spend(std::size_t bytes) noexcept {
    if (bytes > limits::transaction_bytes_max - spent_) {
      in_.reject();
      return false;
    }
    spent_ += bytes;
    return true;
  }

  void read_groups() {
    const auto count = static_cast<std::size_t>(
      in_.bounded(std::min(limits::groups_max, in_.left() / group_bytes_min)));
    work_.groups.reserve(count);
    for (std::size_t i = 0; i < count && ok(); ++i) {
      group range;
      range.first = static_cast<std::uint32_t>(in_.bounded(UINT32_MAX));
      range.count = static_cast<std::uint32_t>(in_.bounded(UINT32_MAX));
      const auto policy = in_.byte();
      if (policy > static_cast<std::uint8_t>(on_error::continue_after)) {
        in_.reject();
      }
      range.policy = static_cast<on_error>(policy);
      work_.groups.push_back(range);
    }
  }

  void read_statement(statement& step) {
    read_sql(step.sql);
    step.expected_rows = in_.zigzag();
    const auto parameters = static_cast<std::size_t>(in_.bounded(std::min(limits::parameters_max, in_.left())));
    if (!ok() || !spend(statement_overhead + step.sql.size() + parameters * value_overhead)) {
      return;
    }
    step.parameters.reserve(parameters);
    for (std::size_t i = 0; i < parameters && ok(); ++i) {
      read_value(step.parameters.emplace_back());
    }
    const auto names = static_cast<std::size_t>(in_.bounded(parameters));
    step.names.reserve(names);
    for (std::size_t i = 0; i < names && ok(); ++i) {
      const auto name = in_.text(limits::transaction_bytes_max);
      if (spend(name.size())) {
        step.names.emplace_back(name);
      }
    }
  }

  void read_sql(std::string& sql) {
    const auto reference = in_.varint();
    if (reference >= text_numbers) {
      if (const auto* text = texts_.find(reference - text_numbers)) {
        sql = *text;
      } else {
        missing_text_ = true;
      }
      return;
    }
    const auto id = reference == text_defined ? in_.varint() : 0;
    const auto text = in_.text(limits::sql_bytes_max);
    if (ok() && reference == text_defined && !texts_.define(id, text)) {
      in_.reject();
    }
    sql = text;
  }

  void read_value(value& into) {
    switch (static_cast<value_tag>(in_.byte())) {
      case value_tag::null:
        return;
      case value_tag::integer:
        into = value{in_.zigzag()};
        return;
      case value_tag::real:
        into = value{std::bit_cast<double>(in_.fixed<std::uint64_t>())};
        return;
      case value_tag::text:
        if (const auto bytes = in_.text(limits::value_bytes_max); spend(bytes.size())) {
          into = value{bytes};
        }
        return;
      case value_tag::blob:
        if (const auto bytes = in_.text(limits::value_bytes_max); spend(bytes.size())) {
          into = value{blob{std::string{bytes}}};
        }
        return;
    }
    in_.reject();
  }

  byte_reader in_;
  decoder_dictionary& texts_;
  transaction work_;
  std::size_t spent_ = 0;
  bool missing_text_ = false;
};

/// The item, if the bytes were just those of one.
result<work> whole(const byte_reader& in, work item) {
  if (in.ok() && in.left() == 0) {
    return item;
  }
  return fail(errc::malformed, "the bytes are no record of their kind");
}

result<work> read_schema_script(byte_reader in) {
  schema_script script;
  script.name = in.text(limits::sql_bytes_max);
  script.sql = in.text(limits::transaction_bytes_max);
  return whole(in, std::move(script));
}

result<work> read_schema_change(byte_reader in) {
  auto change = read_change(in);
  return whole(in, std::move(change));
}

result<work> read_skip_order(byte_reader in, bool explained) {
  skip_order order;
  const auto count = static_cast<std::size_t>(in.bounded(std::min(skipped_seqs_max, in.left())));
  order.seqs.reserve(count);
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    order.seqs.push_back(in.varint());
  }
  order.why = static_cast<errc>(in.byte());
  order.deaths = static_cast<std::uint32_t>(in.bounded(UINT32_MAX));
  if (explained) {
    order.reason = in.text(skip_reason_max);
  }
  if (count == 0 || explained == order.reason.empty() || !has_reason(order)) {
    in.reject();
  }
  return whole(in, std::move(order));
}

result<work> read_quarantine_order(byte_reader in) {
  quarantine_order order;
  order.seq = in.varint();
  const auto action = in.byte();
  if (action > static_cast<std::uint8_t>(quarantine_order::action::discard)) {
    in.reject();
  }
  order.what = static_cast<quarantine_order::action>(action);
  return whole(in, order);
}

} // namespace

encoder_dictionary encoder_dictionary::closed() {
  encoder_dictionary texts;
  texts.texts_max_ = 0;
  return texts;
}

std::size_t encoder_dictionary::hash::operator()(std::string_view text) const noexcept {
  return XXH3_64bits(text.data(), text.size());
}

void encoder_dictionary::put(byte_writer& out, std::string_view sql) {
  // Most programs say the same thing over and over: comparing is cheaper than hashing.
  if (last_used_ < texts_.size() && texts_[last_used_] == sql) {
    out.put_varint(text_numbers + last_used_);
    return;
  }
  const auto known = ids_.find(sql);
  if (known == ids_.end()) {
    put_new(out, sql);
    return;
  }
  last_used_ = known->second;
  out.put_varint(text_numbers + last_used_);
}

void encoder_dictionary::put_new(byte_writer& out, std::string_view sql) {
  if (texts_.size() >= texts_max_ || sql.size() > dictionary_bytes_max - bytes_) {
    out.put_varint(text_in_full);
    out.put_text(sql);
    return;
  }
  const auto id = static_cast<std::uint32_t>(texts_.size());
  bytes_ += sql.size();
  ids_.emplace(texts_.emplace_back(sql), id);
  out.put_varint(text_defined);
  out.put_varint(id);
  out.put_text(sql);
}

void encoder_dictionary::rollback_to(std::size_t size) {
  while (texts_.size() > size) {
    bytes_ -= texts_.back().size();
    ids_.erase(texts_.back());
    texts_.pop_back();
  }
}

bool decoder_dictionary::define(std::uint64_t id, std::string_view sql) {
  if (id >= dictionary_texts_max || sql.size() > dictionary_bytes_max - bytes_ || find(id) != nullptr) {
    return false;
  }
  const auto index = static_cast<std::size_t>(id);
  texts_.resize(std::max(texts_.size(), index + 1));
  texts_[index].emplace(sql);
  bytes_ += sql.size();
  return true;
}

const std::string* decoder_dictionary::find(std::uint64_t id) const noexcept {
  if (id >= texts_.size() || !texts_[static_cast<std::size_t>(id)]) {
    return nullptr;
  }
  return &*texts_[static_cast<std::size_t>(id)];
}

result<> encode(byte_writer& out, encoder_dictionary& texts, const work& item) {
  const auto start = out.size();
  out.put_byte(0);
  auto done = std::visit([&](const auto& body) { return put(out, texts, body); }, item);
  if (done) {
    put_length(out, start);
  }
  return done;
}

bound_name bound_name_of(const transaction& named, byte_writer& scratch) {
  if (!named.name.given() || says_forgotten(named)) {
    return {.name = named.name};
  }
  scratch.clear();
  const std::string* before = nullptr;
  put_body(scratch, named, [&](const std::string& sql) {
    const bool again = before != nullptr && *before == sql;
    scratch.put_varint(again ? text_again : text_in_full);
    if (!again) {
      scratch.put_text(sql);
    }
    before = &sql;
  });
  const auto content = hash_of(scratch.view());
  return {.name = named.name, .content = content == 0 ? 1 : content};
}

result<work> decode(std::string_view record, decoder_dictionary& texts) {
  byte_reader in{record};
  switch (static_cast<record_kind>(in.byte())) {
    case record_kind::transaction:
      return transaction_reader{in.rest(), texts}.read();
    case record_kind::named_transaction:
      return transaction_reader{in.rest(), texts}.read_named();
    case record_kind::schema_script:
      return read_schema_script(in);
    case record_kind::skip_order:
      return read_skip_order(in, false);
    case record_kind::explained_skip_order:
      return read_skip_order(in, true);
    case record_kind::stretch_end:
      return whole(in, stretch_end{});
    case record_kind::quarantine_order:
      return read_quarantine_order(in);
    case record_kind::schema_change:
      return read_schema_change(in);
  }
  return fail(errc::malformed, "the record is of a kind that this version does not know");
}

} // namespace millrace::storage
