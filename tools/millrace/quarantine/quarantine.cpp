#include "quarantine.hpp"

#include "quarantine_text.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tools/millrace/common/at_place.hpp>
#include <millrace/tools/millrace/common/console.hpp>
#include <millrace/tools/millrace/common/engine_voice.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/common/interrupt_watch.hpp>
#include <millrace/tools/millrace/common/number_between.hpp>
#include <millrace/tools/millrace/common/output.hpp>
#include <millrace/tools/millrace/common/readable_file.hpp>
#include <millrace/tools/millrace/common/waiting_note.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>

namespace millrace::tools {

namespace {

constexpr std::chrono::minutes patience{2};
constexpr auto interrupted_sentence =
  "Interrupted. Whether what was asked for took effect is not known; `millrace quarantine list` shows it.";

struct quarantine_settings {
  work_place place;
  std::uint64_t seq = 0;
  bool json = false;
};

/// The engine's operations, for a thread that waits.
class operator_desk {
public:
  operator_desk(caf::actor_system& system, const engine_actor& front, operations_actor operations)
    : self_(system), operations_(std::move(operations)), front_(system, front), voice_(system, front) {}

  template <class Answer, class Request>
  tl::expected<Answer, failure> ask(Request request) {
    tl::expected<Answer, failure> result;
    patiently(voice_, [&] {
      self_->request(operations_, patience, std::move(request))
        .receive([&](Answer& answer) { result = std::move(answer); },
                 [&](const caf::error& error) { result = tl::unexpected{failure_of(error)}; });
    });
    return result;
  }

  tl::expected<health_report, failure> health() { return front_.health(); }

private:
  caf::scoped_actor self_;
  operations_actor operations_;
  client front_;
  engine_voice voice_;
};

/// Which numbers there are, for whoever has named none of them; empty where that cannot be had.
std::string what_is_there(operator_desk& desk) {
  constexpr std::uint32_t numbers_max = 10;
  const auto page = desk.ask<quarantine_listing>(quarantine_list{.limit = numbers_max});
  if (!page) {
    return {};
  }
  std::string numbers;
  for (const auto& entry : page->entries) {
    numbers += (numbers.empty() ? "" : ", ") + std::to_string(entry.seq);
  }
  return numbers.empty() ? "Nothing is in quarantine."
                         : "In quarantine: " + numbers + (page->more ? " and others." : ".");
}

/// What is accepted and may be set aside; empty where that cannot be had.
std::string what_waits(operator_desk& desk) {
  const auto report = desk.health();
  if (!report) {
    return {};
  }
  const auto first = report->applied_seq + 1;
  const auto last = report->durable_seq;
  return first > last ? "Nothing waits to be applied."
                      : "Waiting to be applied: " + std::to_string(first)
                          + (first == last ? "." : " to " + std::to_string(last) + '.');
}

int complain_of_no_such(operator_desk& desk, const failure& reason) {
  const int code = complain(reason);
  if (const auto sentence = what_is_there(desk); !sentence.empty()) {
    std::cerr << sentence << '\n';
  }
  return code;
}

struct quarantine_page {
  std::vector<quarantine_entry> entries;
  bool more = false;
};

/// Entries above `after`, each with its reason, which a server of before version 3 does not tell.
tl::expected<quarantine_page, failure> entries_after(operator_desk& desk, std::uint64_t after, std::uint32_t limit) {
  auto listing = desk.ask<quarantine_listing>(quarantine_list{after, limit});
  if (!listing) {
    return tl::unexpected{std::move(listing).error()};
  }
  std::unordered_map<std::uint64_t, std::string> reasons;
  if (auto told = desk.ask<quarantine_reasons>(quarantine_reasons_request{after, limit})) {
    for (auto& one : told->entries) {
      reasons.emplace(one.seq, std::move(one.text));
    }
  }
  quarantine_page page{{}, listing->more};
  for (auto& one : listing->entries) {
    auto& reason = reasons[one.seq];
    page.entries.push_back({std::move(one), std::move(reason)});
  }
  return page;
}

tl::expected<std::vector<quarantine_entry>, failure> all_entries(operator_desk& desk) {
  constexpr std::uint32_t page_size = 100;
  std::vector<quarantine_entry> entries;
  for (bool more = true; more;) {
    auto page = entries_after(desk, entries.empty() ? 0 : entries.back().what.seq, page_size);
    if (!page) {
      return tl::unexpected{page.error()};
    }
    more = page->more && !page->entries.empty();
    std::move(page->entries.begin(), page->entries.end(), std::back_inserter(entries));
  }
  return entries;
}

int list(operator_desk& desk, const quarantine_settings& settings) {
  const auto entries = all_entries(desk);
  if (!entries) {
    return complain(entries.error());
  }
  (settings.json ? print_quarantine_json : print_quarantine)(std::cout, *entries);
  return exit_code::ok;
}

int show(operator_desk& desk, const quarantine_settings& settings) {
  const auto page = entries_after(desk, settings.seq - 1, 1);
  if (!page) {
    return complain(page.error());
  }
  if (page->entries.empty() || page->entries.front().what.seq != settings.seq) {
    return complain_of_no_such(desk,
                               {errc::not_found, "seq " + std::to_string(settings.seq) + " is not in quarantine"});
  }
  (settings.json ? print_quarantined_json : print_quarantined)(std::cout, page->entries.front());
  return exit_code::ok;
}

int report(const std::string& sentence) {
  std::cout << sentence << '\n';
  vouch(sentence);
  return exit_code::ok;
}

int resubmit(operator_desk& desk, const quarantine_settings& settings) {
  const auto done = desk.ask<outcome>(quarantine_resubmit{settings.seq});
  if (!done && done.error().code == errc::not_found) {
    return complain_of_no_such(desk, done.error());
  }
  if (!done) {
    const int code = complain(done.error());
    const auto number = std::to_string(settings.seq);
    std::cerr << (kind(done.error().code) == error_kind::unknown
                    ? "Where `millrace quarantine list` shows transaction " + number + " still, it was not applied.\n"
                    : "Transaction " + number + " is in quarantine still, under this number.\n");
    return code;
  }
  return report("Transaction " + std::to_string(settings.seq) + " was applied as " + std::to_string(done->seq) + '.');
}

int discard(operator_desk& desk, const quarantine_settings& settings) {
  const auto done = desk.ask<outcome>(quarantine_discard{settings.seq});
  if (!done) {
    return done.error().code == errc::not_found ? complain_of_no_such(desk, done.error()) : complain(done.error());
  }
  return report("Transaction " + std::to_string(settings.seq)
                + " was taken out of quarantine; it never had an effect.");
}

int set_aside(operator_desk& desk, const quarantine_settings& settings) {
  const auto done = desk.ask<outcome>(quarantine_set_aside{settings.seq});
  if (!done && done.error().code == errc::not_found) {
    const int code = complain_of_no_such(desk, done.error());
    if (const auto sentence = what_waits(desk); !sentence.empty()) {
      std::cerr << sentence << '\n';
    }
    return code;
  }
  if (!done) {
    return complain(done.error());
  }
  return report("Transaction " + std::to_string(settings.seq)
                + " is set aside; it had no effect, and what comes after it goes on.");
}

using action = int (*)(operator_desk&, const quarantine_settings&);

int run(const quarantine_settings& settings, action wanted) {
  // What is to be set aside may be what the rest waits for.
  const auto replay_wait = wanted == set_aside ? options{}.replay_wait : whole_replay;
  return at_place(
    settings.place,
    [&](caf::actor_system& system, const engine_actor& front, operations_actor operations) {
      operator_desk desk{system, front, std::move(operations)};
      const interrupt_watch watch{interrupted_sentence};
      return wanted(desk, settings);
    },
    replay_wait);
}

constexpr const char* footer = R"(
A transaction is set aside, so that what comes after it can go on, where each of several attempts at it failed or ended
the writer or the process though others succeed, where it computes for too long, and where an operator wishes it. It
then waits here until somebody decides about it: in a folder that no other process has open, or at a server's port for
operators (millrace serve --listen-operator).

Examples:
  millrace quarantine list --data /srv/people
  millrace quarantine show 1234 --data /srv/people --json
  millrace quarantine resubmit 1234 --data /srv/people
  millrace quarantine list --connect 127.0.0.1:7402
  millrace quarantine set-aside 1235 --connect 127.0.0.1:7402

Exit codes: 0 done, 1 there is no such transaction, it failed, or whether it took effect is not known (the sentence says
which), 2 usage, 70 the folder could not be opened, or the engine not be reached or not serve it now, 130 interrupted.)";

} // namespace

void add_quarantine_command(CLI::App& program, int& result) {
  auto settings = std::make_shared<quarantine_settings>();
  auto& command = *program.add_subcommand("quarantine", "Look at transactions that were set aside, and decide");
  command.footer(footer);
  command.require_subcommand(1);
  add_place(command, settings->place);
  const auto add = [&](const char* name, const char* description, action wanted) {
    auto& verb = *command.add_subcommand(name, description);
    verb.callback([settings, wanted, &result] {
      require_place(settings->place);
      result = run(*settings, wanted);
    });
    return &verb;
  };
  const auto add_for_one = [&](const char* name, const char* description, action wanted,
                               const char* which = "The transaction's sequence number, as `list` shows it") {
    auto* const verb = add(name, description, wanted);
    verb->add_option("SEQ", settings->seq, which)
      ->required()
      ->check(number_between(std::int64_t{1}, std::numeric_limits<std::int64_t>::max()));
    return verb;
  };
  const auto add_json = [&](CLI::App* verb, const char* description) {
    verb->add_flag("--json", settings->json, description);
  };
  add_json(add("list", "All that are in quarantine, oldest first", list), "Print an array of objects");
  add_json(add_for_one("show", "One of them with its statements and values", show), "Print an object");
  add_for_one("resubmit", "Apply it as if it had been sent now; where it fails it stays in quarantine", resubmit);
  add_for_one("set-aside", "Set one aside that was accepted and is not applied, though it may be being tried",
              set_aside, "The transaction's sequence number, as the server's log names it");
  add_for_one("discard", "Forget it for good; it never had an effect", discard);
}

} // namespace millrace::tools
