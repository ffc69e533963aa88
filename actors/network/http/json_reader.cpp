#include "json_reader.hpp"

#include "hexadecimal.hpp"
#include "uuid_text.hpp"

#include <millrace/messages/limits.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include <nlohmann/json.hpp>

namespace millrace::network::http {

namespace {

/// What stands between two brackets.
enum class part : std::uint8_t {
  transactions,
  transaction,
  name,
  items, ///< An array of statements and groups.
  item,
  query,
  values, ///< An array of parameters.
  named_values,
  odd_value, ///< One that JSON has no word for.
};

constexpr std::array<std::string_view, 4> transaction_keys{"statements", "ack", "deadline_ms", "name"};
constexpr std::array<std::string_view, 2> name_keys{"client", "number"};
/// A group has the last two, a statement the others.
constexpr std::array<std::string_view, 5> item_keys{"sql", "parameters", "expected_rows", "group", "on_error"};
constexpr std::array<std::string_view, 6> query_keys{"sql",          "parameters",  "consistency",
                                                     "at_least_seq", "deadline_ms", "max_rows"};
constexpr std::array<std::string_view, 4> odd_value_keys{"blob", "hex", "integer", "real"};

std::span<const std::string_view> keys_of(part what) noexcept {
  switch (what) {
    case part::transaction:
      return transaction_keys;
    case part::name:
      return name_keys;
    case part::item:
      return item_keys;
    case part::query:
      return query_keys;
    case part::odd_value:
      return odd_value_keys;
    default:
      return {};
  }
}

bool is_array(part what) noexcept {
  return what == part::transactions || what == part::items || what == part::values;
}

std::string joined(std::span<const std::string_view> words) {
  std::string text;
  for (const auto word : words) {
    text += (text.empty() ? "" : ", ") + std::string{word};
  }
  return text;
}

/// Who sent it knows the rest.
std::string shortened(std::string_view text) {
  constexpr std::size_t most = 200;
  return text.size() <= most ? std::string{text} : std::string{text.substr(0, most)} + "…";
}

std::optional<std::int64_t> integer_in(const std::string& text) {
  std::int64_t number = 0;
  const auto* const end = text.data() + text.size();
  const auto [rest, problem] = std::from_chars(text.data(), end, number);
  return problem == std::errc{} && rest == end ? std::optional{number} : std::nullopt;
}

/// Builds messages while JSON is read. The names of its events are the library's.
class builder {
public:
  using json = nlohmann::json;

  explicit builder(part outermost) : outermost_(outermost) {}

  bool null() { return take(value{}); }
  /// SQL has no other truth.
  bool boolean(bool given) { return take(std::int64_t{given}); }
  bool number_integer(json::number_integer_t number) { return take(value{number}); }
  bool number_unsigned(json::number_unsigned_t number) {
    constexpr auto most = static_cast<json::number_unsigned_t>(std::numeric_limits<std::int64_t>::max());
    return number > most ? refuse_number() : take(value{static_cast<std::int64_t>(number)});
  }
  bool number_float(json::number_float_t number, const json::string_t& text) {
    return text.find_first_of(".eE") == std::string::npos ? refuse_number() : take(value{number});
  }
  bool string(json::string_t& text) { return take(value{std::move(text)}); }
  bool binary(json::binary_t&) { return wrong("JSON has no bytes"); }

  bool start_object(std::size_t);
  bool key(json::string_t& name);
  bool end_object();
  bool start_array(std::size_t);
  bool end_array();
  bool parse_error(std::size_t position, const std::string& token, const json::exception& what);

  const std::optional<failure>& problem() const noexcept { return problem_; }
  transactions_asked transactions() && { return {std::move(all_), many_}; }
  query_asked question() && {
    question_.statement = std::move(step_);
    return {std::move(question_), bounded_};
  }

private:
  struct frame {
    part what;
    std::uint32_t seen = 0; ///< Which of its keys, a bit each.
    std::string key{};      ///< The last one.
    std::size_t count = 0;  ///< Elements of an array that were begun.
    // Of an item that is a group:
    std::optional<std::size_t> group{}; ///< Its number.
    on_error policy = on_error::abort_transaction;
  };

  bool wrong(std::string why, errc code = errc::malformed);
  bool refuse_number();
  std::string place() const;
  void begin_element();
  bool enter(part what);
  bool seen(std::string_view key) const;
  bool spend(std::size_t bytes);

  bool take(value given);
  bool take_member(value given);
  bool take_parameter(value given);
  bool take_odd(value given);
  bool end_odd();
  bool begin_group();
  bool end_item();
  bool add_statement();

  template <class T>
  bool set(T& place, const value& given, std::int64_t least);
  template <class T, std::size_t N>
  bool choose(T& place, const value& given, const std::array<std::pair<std::string_view, T>, N>& among);
  bool set_sql(value given);
  bool set_client(const value& given);

  frame& top() { return stack_.back(); }
  const frame& top() const { return stack_.back(); }
  transaction& current() { return all_.back(); }

  part outermost_;
  std::vector<frame> stack_;
  std::vector<transaction> all_;
  bool many_ = false;
  query question_;
  bool bounded_ = false;
  statement step_; ///< The statement, or the query's, that is being read.
  std::size_t open_groups_ = 0;
  std::optional<value> odd_; ///< What the odd value is that is being read.
  std::size_t bytes_ = 0;    ///< Of all messages.
  std::optional<failure> problem_;
};

bool builder::wrong(std::string why, errc code) {
  const auto where = place();
  problem_ = failure{code, (where.empty() ? "" : where + ": ") + std::move(why)};
  return false;
}

bool builder::refuse_number() {
  begin_element();
  return wrong("the number is beyond 64 bits");
}

/// `statements[3].parameters[0]`.
std::string builder::place() const {
  std::string text;
  for (const auto& one : stack_) {
    if (is_array(one.what)) {
      text += one.count == 0 ? "" : '[' + std::to_string(one.count - 1) + ']';
    } else if (!one.key.empty()) {
      text += (text.empty() ? "" : ".") + shortened(one.key);
    }
  }
  return text;
}

void builder::begin_element() {
  if (!stack_.empty() && is_array(top().what)) {
    ++top().count;
  }
}

bool builder::enter(part what) {
  stack_.push_back({what});
  return true;
}

bool builder::seen(std::string_view key) const {
  const auto keys = keys_of(top().what);
  const auto bit = static_cast<std::size_t>(std::ranges::find(keys, key) - keys.begin());
  return (top().seen >> bit & 1U) != 0;
}

/// Values take memory of their own, however short their texts are.
bool builder::spend(std::size_t bytes) {
  bytes_ += bytes;
  return bytes_ <= limits::transaction_bytes_max
         || wrong("it is more than " + std::to_string(limits::transaction_bytes_max / 1024 / 1024) + " MiB",
                  errc::too_large);
}

bool builder::start_object(std::size_t) {
  begin_element();
  if (stack_.empty() || top().what == part::transactions) {
    if (outermost_ == part::transaction) {
      if (all_.size() == transactions_max) {
        return wrong("there are more than " + std::to_string(transactions_max) + " transactions", errc::too_large);
      }
      all_.emplace_back();
    }
    return enter(outermost_);
  }
  const auto what = top().what;
  const auto& key = top().key;
  if (what == part::transaction && key == "name") {
    return enter(part::name);
  }
  if (what == part::items) {
    step_ = {};
    return enter(part::item);
  }
  if ((what == part::item || what == part::query) && key == "parameters") {
    return enter(part::named_values);
  }
  if (what == part::values || what == part::named_values) {
    odd_.reset();
    return enter(part::odd_value);
  }
  return wrong("no object is wanted here");
}

bool builder::key(json::string_t& name) {
  auto& here = top();
  here.key = std::move(name);
  if (here.what == part::named_values) {
    return true;
  }
  const auto keys = keys_of(here.what);
  const auto found = std::ranges::find(keys, here.key);
  if (found == keys.end()) {
    return wrong("there is no such key; there are " + joined(keys));
  }
  const auto bit = 1U << static_cast<unsigned>(found - keys.begin());
  if ((here.seen & bit) != 0) {
    return wrong("the key is there twice");
  }
  here.seen |= bit;
  return true;
}

bool builder::end_object() {
  top().key.clear();
  switch (top().what) {
    case part::transaction:
      if (!seen("statements")) {
        return wrong("\"statements\" is missing");
      }
      break;
    case part::name:
      if (!seen("client") || !seen("number")) {
        return wrong("a name has \"client\" and \"number\"");
      }
      break;
    case part::query:
      if (!seen("sql")) {
        return wrong("\"sql\" is missing");
      }
      if (seen("at_least_seq")) {
        if (seen("consistency") && question_.consistency != consistency::at_least) {
          return wrong("\"at_least_seq\" goes with the consistency \"at_least\" alone");
        }
        question_.consistency = consistency::at_least;
      }
      break;
    case part::item:
      return end_item();
    case part::odd_value:
      return end_odd();
    default:
      break;
  }
  stack_.pop_back();
  return true;
}

bool builder::start_array(std::size_t) {
  begin_element();
  if (stack_.empty() && outermost_ == part::transaction) {
    many_ = true;
    return enter(part::transactions);
  }
  if (stack_.empty()) {
    return wrong("an object is wanted");
  }
  const auto what = top().what;
  const auto& key = top().key;
  if (what == part::transaction && key == "statements") {
    return enter(part::items);
  }
  if ((what == part::item || what == part::query) && key == "parameters") {
    return enter(part::values);
  }
  if (what == part::item && key == "group") {
    return begin_group();
  }
  return wrong("no array is wanted here");
}

bool builder::end_array() {
  stack_.pop_back();
  return true;
}

bool builder::parse_error(std::size_t position, const std::string&, const json::exception& what) {
  // The library's own number and name of it say nothing to who sent it.
  const std::string_view text{what.what()};
  const auto begins = text.find("] ");
  problem_ = failure{errc::malformed, "it is no JSON, at byte " + std::to_string(position) + ": "
                                        + shortened(begins == std::string_view::npos ? text : text.substr(begins + 2))};
  return false;
}

/// Whatever is neither array nor object.
bool builder::take(value given) {
  begin_element();
  if (stack_.empty()) {
    return wrong("an object is wanted");
  }
  switch (top().what) {
    case part::values:
    case part::named_values:
      return take_parameter(std::move(given));
    case part::items: // A statement without parameters.
      step_ = {};
      return set_sql(std::move(given)) && add_statement();
    case part::odd_value:
      return take_member(std::move(given));
    case part::transactions:
      return wrong("an object is wanted");
    default:
      return take_member(std::move(given));
  }
}

bool builder::take_parameter(value given) {
  if (step_.parameters.size() == limits::parameters_max) {
    return wrong("there are more than " + std::to_string(limits::parameters_max) + " parameters", errc::too_large);
  }
  if (top().what == part::named_values) {
    const auto& key = top().key;
    const auto bare = key.empty() || std::string_view{":@$"}.find(key.front()) == std::string_view::npos;
    step_.names.push_back((bare ? ":" : "") + key);
  }
  if (!spend(16 + given.payload_bytes() + (step_.names.empty() ? 0 : step_.names.back().size()))) {
    return false;
  }
  step_.parameters.push_back(std::move(given));
  return true;
}

/// What a key of an object has.
bool builder::take_member(value given) {
  using acks = std::array<std::pair<std::string_view, ack>, 2>;
  using policies = std::array<std::pair<std::string_view, on_error>, 2>;
  using consistencies = std::array<std::pair<std::string_view, consistency>, 3>;
  const auto& key = top().key;
  switch (top().what) {
    case part::transaction:
      if (key == "ack") {
        return choose(current().acknowledgement, given, acks{{{"applied", ack::applied}, {"durable", ack::durable}}});
      }
      if (key == "deadline_ms") {
        return set(current().deadline, given, 0);
      }
      break;
    case part::name:
      return key == "client" ? set_client(given) : set(current().name.number, given, 1);
    case part::item:
      if (key == "sql") {
        return set_sql(std::move(given));
      }
      if (key == "expected_rows") {
        return set(step_.expected_rows, given, 0);
      }
      if (key == "on_error") {
        return choose(top().policy, given,
                      policies{{{"abort", on_error::abort_transaction}, {"continue", on_error::continue_after}}});
      }
      break;
    case part::query:
      if (key == "sql") {
        return set_sql(std::move(given));
      }
      if (key == "consistency") {
        return choose(question_.consistency, given,
                      consistencies{{{"any", consistency::any},
                                     {"at_least", consistency::at_least},
                                     {"linearizable", consistency::linearizable}}});
      }
      if (key == "at_least_seq") {
        return set(question_.at_least_seq, given, 0);
      }
      if (key == "deadline_ms") {
        return set(question_.deadline, given, 1);
      }
      if (key == "max_rows") {
        bounded_ = true;
        return set(question_.max_rows, given, 1);
      }
      break;
    case part::odd_value:
      return take_odd(std::move(given));
    default:
      break;
  }
  return wrong("an array or an object is wanted here");
}

bool builder::take_odd(value given) {
  const auto* const text = std::get_if<std::string>(&given.data());
  const auto& key = top().key;
  if (text == nullptr) {
    return wrong("a text is wanted");
  }
  if (odd_) {
    return wrong("a value has one key");
  }
  if (key == "integer") {
    const auto number = integer_in(*text);
    odd_ = number ? std::optional<value>{*number} : std::nullopt;
    return odd_ || wrong("it is no integer of 64 bits");
  }
  if (key == "real") {
    constexpr auto infinity = std::numeric_limits<double>::infinity();
    odd_ = *text == "1e999"    ? std::optional<value>{infinity}
           : *text == "-1e999" ? std::optional<value>{-infinity}
                               : std::nullopt;
    return odd_ || wrong("the reals that JSON has no number for are 1e999 and -1e999");
  }
  auto bytes = from_hexadecimal(*text);
  if (!bytes) {
    return wrong("it is no hexadecimal");
  }
  odd_ = key == "blob" ? value{blob{std::move(*bytes)}} : value{std::move(*bytes)};
  return true;
}

bool builder::end_odd() {
  if (!odd_) {
    return wrong("a value that is an object has one of the keys " + joined(odd_value_keys));
  }
  stack_.pop_back();
  return take_parameter(*std::exchange(odd_, std::nullopt));
}

/// Outer groups stand before the groups inside them.
bool builder::begin_group() {
  auto& groups = current().groups;
  if (groups.size() == limits::groups_max || open_groups_ == limits::group_depth_max) {
    return wrong("there are more than " + std::to_string(limits::groups_max) + " groups, or "
                   + std::to_string(limits::group_depth_max) + " inside each other",
                 errc::too_large);
  }
  ++open_groups_;
  top().group = groups.size();
  groups.push_back({static_cast<std::uint32_t>(current().statements.size()), 0, on_error::abort_transaction});
  return enter(part::items);
}

bool builder::end_item() {
  const auto [is_group, policy] = std::pair{top().group, top().policy};
  const bool of_statement = seen("sql") || seen("parameters") || seen("expected_rows");
  if (is_group ? of_statement : seen("on_error")) {
    return wrong("a statement has sql, parameters, expected_rows; a group has group, on_error");
  }
  if (!is_group) {
    if (!seen("sql")) {
      return wrong("\"sql\" is missing");
    }
    stack_.pop_back();
    return add_statement();
  }
  auto& made = current().groups[*is_group];
  made.count = static_cast<std::uint32_t>(current().statements.size()) - made.first;
  made.policy = policy;
  --open_groups_;
  stack_.pop_back();
  return true;
}

bool builder::add_statement() {
  auto& statements = current().statements;
  if (statements.size() == limits::statements_max) {
    return wrong("there are more than " + std::to_string(limits::statements_max) + " statements", errc::too_large);
  }
  statements.push_back(std::exchange(step_, {}));
  return true;
}

template <class T>
bool builder::set(T& place, const value& given, std::int64_t least) {
  const auto* const number = std::get_if<std::int64_t>(&given.data());
  if constexpr (std::is_integral_v<T>) {
    if (number != nullptr && *number >= least && std::in_range<T>(*number)) {
      place = static_cast<T>(*number);
      return true;
    }
  } else if (number != nullptr && *number >= least) {
    place = T{*number};
    return true;
  }
  return wrong("a whole number from " + std::to_string(least) + " on is wanted");
}

template <class T, std::size_t N>
bool builder::choose(T& place, const value& given, const std::array<std::pair<std::string_view, T>, N>& among) {
  const auto* const text = std::get_if<std::string>(&given.data());
  std::string words;
  for (const auto& [word, meant] : among) {
    if (text != nullptr && *text == word) {
      place = meant;
      return true;
    }
    words += (words.empty() ? "\"" : ", \"") + std::string{word} + '"';
  }
  return wrong("one of " + words + " is wanted");
}

bool builder::set_sql(value given) {
  const auto* const text = std::get_if<std::string>(&given.data());
  if (text == nullptr) {
    return wrong("SQL is wanted, as a text");
  }
  if (text->size() > limits::sql_bytes_max) {
    return wrong("the SQL is longer than " + std::to_string(limits::sql_bytes_max / 1024) + " KiB", errc::too_large);
  }
  step_.sql = *text;
  return spend(16 + text->size());
}

bool builder::set_client(const value& given) {
  const auto* const text = std::get_if<std::string>(&given.data());
  const auto id = text == nullptr ? std::nullopt : uuid_in(*text);
  if (!id) {
    return wrong("a UUID is wanted, such as POST /v1/clients gives");
  }
  current().name.client = *id;
  return true;
}

/// The failure where it is none.
std::optional<failure> build(builder& into, std::string_view body) {
  nlohmann::json::sax_parse(body, &into);
  return into.problem();
}

} // namespace

expected<transactions_asked> read_transactions(std::string_view body) {
  builder made{part::transaction};
  if (auto why = build(made, body)) {
    return tl::unexpected{std::move(*why)};
  }
  return std::move(made).transactions();
}

expected<query_asked> read_query(std::string_view body) {
  builder made{part::query};
  if (auto why = build(made, body)) {
    return tl::unexpected{std::move(*why)};
  }
  return std::move(made).question();
}

} // namespace millrace::network::http
