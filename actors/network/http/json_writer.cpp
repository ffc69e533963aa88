#include "json_writer.hpp"

#include "hexadecimal.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include <nlohmann/json.hpp>

namespace millrace::network::http {

namespace {

constexpr std::int64_t safe_integer_max = (std::int64_t{1} << 53) - 1;

bool is_plain(char one) noexcept {
  return one >= ' ' && one < '\x7f' && one != '"' && one != '\\';
}

void write_bytes(std::string& out, std::string_view key, std::string_view bytes) {
  out += "{\"";
  out += key;
  out += "\":\"";
  append_hexadecimal(out, bytes);
  out += "\"}";
}

void write_text(std::string& out, std::string_view text) {
  if (std::ranges::all_of(text, is_plain)) {
    out += '"';
    out += text;
    out += '"';
    return;
  }
  try {
    out += nlohmann::json(text).dump();
  } catch (const nlohmann::json::type_error&) { // It is no UTF-8.
    write_bytes(out, "hex", text);
  }
}

template <class Number>
void write_number(std::string& out, Number number) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

void write_integer(std::string& out, std::int64_t number, big_integers as) {
  const bool big = number > safe_integer_max || number < -safe_integer_max;
  const bool as_text = as == big_integers::texts && big;
  out += as_text ? R"({"integer":")" : "";
  write_number(out, number);
  out += as_text ? R"("})" : "";
}

/// SQLite has no NaN.
void write_real(std::string& out, double number) {
  if (std::isinf(number)) {
    out += number > 0 ? R"({"real":"1e999"})" : R"({"real":"-1e999"})";
    return;
  }
  const auto begin = out.size();
  write_number(out, number);
  if (std::string_view{out}.substr(begin).find_first_of(".e") == std::string_view::npos) {
    out += ".0";
  }
}

void write_cell(std::string& out, const cell& one, big_integers as) {
  switch (one.kind()) {
    case cell::type::null:
      out += "null";
      break;
    case cell::type::integer:
      write_integer(out, one.as_integer(), as);
      break;
    case cell::type::real:
      write_real(out, one.as_real());
      break;
    case cell::type::text:
      write_text(out, one.as_text());
      break;
    case cell::type::blob: {
      const auto bytes = one.as_blob();
      write_bytes(out, "blob", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
      break;
    }
  }
}

/// For people: what is no UTF-8 is U+FFFD.
void write_words(std::string& out, std::string_view text) {
  out += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// What stands between commas.
template <class Range, class Write>
void write_list(std::string& out, const Range& all, Write write) {
  out += '[';
  bool first = true;
  for (const auto& one : all) {
    out += first ? "" : ",";
    first = false;
    write(one);
  }
  out += ']';
}

void write_error(std::string& out, const failure& why) {
  constexpr std::array<std::string_view, 3> kinds{"rejected", "retryable", "unknown"};
  out += R"({"code":")";
  out += name(why.code);
  out += R"(","kind":")";
  out += kinds.at(static_cast<std::size_t>(kind(why.code)));
  out += R"(","sentence":)";
  write_words(out, sentence(why.code));
  out += R"(,"detail":)";
  write_words(out, why.detail);
  if (why.retry_after.count() > 0) {
    out += R"(,"retry_after_ms":)";
    write_number(out, why.retry_after.count());
  }
  out += '}';
}

void write_result(std::string& out, const statement_result& one, big_integers as) {
  if (one.error) {
    out += R"({"error":)";
    write_error(out, *one.error);
    out += '}';
    return;
  }
  out += R"({"rows_changed":)";
  write_number(out, one.rows_changed);
  if (one.last_row_id != 0) {
    out += R"(,"last_row_id":)";
    write_integer(out, one.last_row_id, as);
  }
  if (!one.rows.columns().empty()) {
    out += ',';
    write_columns(out, one.rows);
    out += R"(,"rows":)";
    write_list(out, one.rows, [&](const row& cells) { write_row(out, cells, as); });
    out += one.rows.truncated() ? R"(,"truncated":true)" : "";
  }
  out += '}';
}

} // namespace

void write_row(std::string& out, const row& one, big_integers as) {
  write_list(out, one, [&](const cell& each) { write_cell(out, each, as); });
}

void write_columns(std::string& out, const row_set& rows) {
  out += R"("columns":)";
  write_list(out, rows.columns(), [&](const std::string& title) { write_words(out, title); });
}

void write_outcome(std::string& out, const outcome& done, big_integers as) {
  out += R"({"seq":)";
  write_number(out, done.seq);
  if (!done.results.empty()) {
    out += R"(,"results":)";
    write_list(out, done.results, [&](const statement_result& one) { write_result(out, one, as); });
  }
  out += '}';
}

void write_rows(std::string& out, const row_set& rows, big_integers as) {
  out += R"({"seq":)";
  write_number(out, rows.seq());
  out += ',';
  write_columns(out, rows);
  out += R"(,"rows":)";
  write_list(out, rows, [&](const row& one) { write_row(out, one, as); });
  out += rows.truncated() ? R"(,"truncated":true})" : R"(,"truncated":false})";
}

void write_failure(std::string& out, const failure& why) {
  out += R"({"error":)";
  write_error(out, why);
  out += '}';
}

void write_quarantine(std::string& out, const quarantine_listing& all, const quarantine_reasons& reasons) {
  constexpr std::size_t statements_shown = 20;
  constexpr std::size_t bytes_shown = 1'000;
  out += R"({"entries":)";
  write_list(out, all.entries, [&](const quarantined_transaction& one) {
    out += R"({"seq":)";
    write_number(out, one.seq);
    out += R"(,"accepted_ms":)";
    write_number(out, one.accepted_ms);
    out += R"(,"deaths":)";
    write_number(out, one.deaths);
    out += R"(,"reason":)";
    const auto reason = std::ranges::find(reasons.entries, one.seq, &quarantine_reason::seq);
    write_words(out, reason == reasons.entries.end() ? "" : reason->text);
    out += R"(,"statements":)";
    const auto& statements = one.work.statements;
    write_list(out, std::span{statements}.first(std::min(statements.size(), statements_shown)),
               [&](const statement& each) { write_words(out, std::string_view{each.sql}.substr(0, bytes_shown)); });
    out += R"(,"statements_total":)";
    write_number(out, statements.size());
    out += '}';
  });
  out += all.more ? R"(,"more":true})" : R"(,"more":false})";
}

void write_health(std::string& out, const health_report& report) {
  out += R"({"state":")";
  out += name(report.state);
  out += R"(","reasons":)";
  write_list(out, report.reasons, [&](const std::string& one) { write_words(out, one); });
  const auto number = [&](std::string_view key, std::uint64_t given) {
    out += R"(,")";
    out += key;
    out += R"(":)";
    write_number(out, given);
  };
  number("durable_seq", report.durable_seq);
  number("applied_seq", report.applied_seq);
  number("checkpointed_seq", report.checkpointed_seq);
  number("inflight_transactions", report.inflight_transactions);
  number("inflight_bytes", report.inflight_bytes);
  number("waiting_queries", report.waiting_queries);
  number("log_bytes", report.log_bytes);
  number("quarantined", report.quarantined);
  out += R"(,"actors":)";
  write_list(out, report.actors, [&](const actor_health& one) {
    out += R"({"id":)";
    write_text(out, one.id);
    out += one.responding ? R"(,"responding":true)" : R"(,"responding":false)";
    number("restarts", one.restarts);
    out += '}';
  });
  out += '}';
}

} // namespace millrace::network::http
