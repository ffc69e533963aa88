#include "routes.hpp"

#include "json_reader.hpp"
#include "json_writer.hpp"
#include "openapi.hpp"
#include "uuid_text.hpp"

#include <millrace/messages/health.hpp>
#include <millrace/messages/operations/quarantine.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <caf/make_message.hpp>

namespace millrace::network::http {

namespace {

constexpr std::uint32_t page_rows = 1'000;
/// Whose text is made in one piece, with its length before it.
constexpr std::size_t small_result_bytes = 64 * 1024;
/// Of all answers to an array of transactions together.
constexpr std::size_t array_rows_bytes_max = 16 * 1024 * 1024;

/// Calls `take` with the answer where it is one, and replies with the failure otherwise.
template <class Answer, class Take>
exchange::completion with_answer(Take take) {
  return [take](exchange& one, std::vector<caf::message>& answers) {
    auto& answer = answers.front();
    if (answer.match_elements<Answer>()) {
      take(one, answer.get_mutable_as<Answer>(0));
    } else {
      one.reply(failure_in(answer));
    }
  };
}

template <class Request>
std::vector<caf::message> only(Request request) {
  std::vector<caf::message> requests;
  requests.push_back(caf::make_message(std::move(request)));
  return requests;
}

void reply_outcome(exchange& one, const outcome& done) {
  std::string text;
  write_outcome(text, done, one.integers());
  one.reply(200, std::move(text) + '\n');
}

/// As in the record of an outcome: what is too much is left out, and the result says so.
void leave_rows_out(outcome& done) {
  for (auto& result : done.results) {
    if (!result.rows.empty()) {
      auto columns = result.rows.columns();
      result.rows = row_set{std::make_shared<const std::vector<std::string>>(std::move(columns))};
      result.rows.mark_truncated();
    }
  }
}

void keep_within(std::atomic<std::size_t>& held, caf::message& answer) {
  if (!answer.match_elements<outcome>()) {
    return;
  }
  std::size_t bytes = 0;
  for (const auto& result : answer.get_as<outcome>(0).results) {
    bytes += result.rows.cells().size();
  }
  if (bytes > 0 && held.fetch_add(bytes) + bytes > array_rows_bytes_max) {
    leave_rows_out(answer.get_mutable_as<outcome>(0));
  }
}

void reply_outcomes(exchange& one, const std::vector<caf::message>& answers) {
  std::string text = "[";
  for (const auto& answer : answers) {
    text += text.size() == 1 ? "" : ",\n";
    if (answer.match_elements<outcome>()) {
      write_outcome(text, answer.get_as<outcome>(0), one.integers());
    } else {
      write_failure(text, failure_in(answer));
    }
  }
  one.reply(200, std::move(text) + "]\n");
}

void serve_transactions(exchange& one) {
  auto asked = read_transactions(one.body());
  if (!asked) {
    return one.reply(asked.error());
  }
  if (asked->all.empty()) {
    return one.reply(200, "[]\n");
  }
  std::vector<caf::message> requests;
  requests.reserve(asked->all.size());
  for (auto& work : asked->all) {
    requests.push_back(caf::make_message(std::move(work)));
  }
  if (asked->many) {
    const auto held = std::make_shared<std::atomic<std::size_t>>(0);
    return one.ask(std::move(requests), reply_outcomes, [held](caf::message& answer) { keep_within(*held, answer); });
  }
  one.ask(std::move(requests), with_answer<outcome>(reply_outcome));
}

bool wants_lines(const exchange& one) {
  return one.header("Accept").find("application/x-ndjson") != std::string_view::npos;
}

void reply_rows(exchange& one, row_set& rows) {
  if (rows.cells().size() > small_result_bytes) {
    return one.reply_rows({std::move(rows), {}}, false, UINT64_MAX);
  }
  std::string text;
  write_rows(text, rows, one.integers());
  one.reply(200, std::move(text) + '\n');
}

void serve_queries(exchange& one) {
  auto asked = read_query(one.body());
  if (!asked) {
    return one.reply(asked.error());
  }
  auto& question = asked->question;
  const auto longest = one.of().settings.query_time_max;
  if (one.granted() != wire::role::operations && longest.count() > 0) {
    question.deadline = std::min(question.deadline, longest);
  }
  if (wants_lines(one)) {
    const auto most = asked->bounded ? question.max_rows : UINT64_MAX;
    return one.ask(
      only(page_query{std::move(question), page_rows}),
      with_answer<row_page>([most](exchange& to, row_page& page) { to.reply_rows(std::move(page), true, most); }));
  }
  one.ask(only(std::move(question)), with_answer<row_set>(reply_rows));
}

void serve_clients(exchange& one) {
  one.ask(only(client_id_request{}), with_answer<client_id>([](exchange& to, const client_id& issued) {
            to.reply(200, R"({"client":")" + to_text(issued.id) + "\"}\n");
          }));
}

void serve_quarantine(exchange& one) {
  const auto after = one.number("after").value_or(0);
  auto requests = only(quarantine_list{.after = after});
  requests.push_back(caf::make_message(quarantine_reasons_request{.after = after}));
  one.ask_operations(std::move(requests), [](exchange& to, std::vector<caf::message>& answers) {
    if (!answers[0].match_elements<quarantine_listing>() || !answers[1].match_elements<quarantine_reasons>()) {
      return to.reply(failure_in(answers[answers[0].match_elements<quarantine_listing>() ? 1 : 0]));
    }
    std::string text;
    write_quarantine(text, answers[0].get_as<quarantine_listing>(0), answers[1].get_as<quarantine_reasons>(0));
    to.reply(200, std::move(text) + '\n');
  });
}

/// What an operator decides of one transaction, `?seq=7`.
template <class Decision>
void serve_decision(exchange& one) {
  const auto seq = one.number("seq");
  if (!seq) {
    return one.reply({errc::malformed, "say which transaction by its number: ?seq=7"});
  }
  one.ask_operations(only(Decision{.seq = *seq}), with_answer<outcome>(reply_outcome));
}

void serve_livez(exchange& one) {
  one.reply(200, "ok\n", "text/plain");
}

/// A line for each part.
void serve_readyz(exchange& one) {
  one.ask(only(health_request{}), with_answer<health_report>([](exchange& to, const health_report& report) {
            std::string text;
            for (const auto& part : report.actors) {
              text += (part.responding ? "[+] " : "[-] ") + part.id + '\n';
            }
            for (const auto& reason : report.reasons) {
              text += reason + '\n';
            }
            text += std::string{name(report.state)} + '\n';
            to.reply(report.state == health_state::unhealthy ? 503 : 200, std::move(text), "text/plain");
          }));
}

void serve_health(exchange& one) {
  one.ask(only(health_request{}), with_answer<health_report>([](exchange& to, const health_report& report) {
            std::string text;
            write_health(text, report);
            to.reply(report.state == health_state::unhealthy ? 503 : 200, std::move(text) + '\n');
          }));
}

void serve_openapi(exchange& one) {
  one.reply(200, std::string{openapi()});
}

constexpr std::array<route, 11> all{{
  {"GET", "/livez", std::nullopt, false, serve_livez},
  {"GET", "/openapi.json", std::nullopt, false, serve_openapi},
  {"GET", "/readyz", std::nullopt, false, serve_readyz},
  {"GET", "/health", wire::role::read, false, serve_health},
  {"POST", "/v1/queries", wire::role::read, true, serve_queries},
  {"POST", "/v1/clients", wire::role::read_write, false, serve_clients},
  {"POST", "/v1/transactions", wire::role::read_write, true, serve_transactions},
  {"GET", "/admin/quarantine", wire::role::operations, false, serve_quarantine},
  {"POST", "/admin/quarantine/resubmit", wire::role::operations, false, serve_decision<quarantine_resubmit>},
  {"POST", "/admin/quarantine/discard", wire::role::operations, false, serve_decision<quarantine_discard>},
  {"POST", "/admin/quarantine/set-aside", wire::role::operations, false, serve_decision<quarantine_set_aside>},
}};

} // namespace

std::span<const route> routes() noexcept {
  return all;
}

} // namespace millrace::network::http
