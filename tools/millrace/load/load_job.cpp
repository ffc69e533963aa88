#include "load_job.hpp"

#include "load_client.hpp"
#include "load_killer.hpp"
#include "load_report.hpp"
#include "load_resume.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/actors/engine/engine.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tools/millrace/common/console.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/common/process.hpp>
#include <millrace/tools/millrace/common/sql_text.hpp>
#include <millrace/tools/millrace/common/waiting_note.hpp>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <caf/actor_system.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

namespace millrace::tools {

namespace {

constexpr std::chrono::milliseconds poll_interval{50};
constexpr std::chrono::milliseconds plain_line_interval{2'000};
constexpr std::chrono::seconds told_silence{2};
constexpr std::chrono::seconds interrupted_patience{30};
constexpr std::size_t lookup_clients = 2;

/// One run of the command, from the opened source to the summary.
class load_job {
public:
  /// `file` is what is resumed, where anything is.
  load_job(const load_settings& settings, std::unique_ptr<row_source> source, ack_file acknowledged,
           std::optional<file_identity> file)
    : settings_(settings),
      file_(file),
      columns_(source->columns()),
      run_(std::make_shared<load_run>(std::move(source), std::move(acknowledged), settings.strict)),
      progress_(plain_line_interval) {}

  int run();

private:
  options engine_options() const;
  int load_elsewhere(caf::actor_system& system, const network::remote_engine& target);
  int load(caf::actor_system& system, const engine_actor& front, const engine* in_process);
  std::string resume(client& database, std::int64_t greatest_rowid);
  void spawn_clients(caf::actor_system& system, const engine_actor& front);
  bool wait();
  void show();
  void stop_lookups();
  void abandon();
  void verify(client& database, std::int64_t after_rowid);
  int finish(bool answered);

  const load_settings& settings_;
  std::optional<file_identity> file_;
  std::optional<recorded_load> recorded_; ///< Where rows are recorded.
  std::vector<std::string> columns_;
  std::shared_ptr<load_run> run_;
  progress_line progress_;
  std::vector<caf::actor> actors_;
  load_run::clock::time_point started_;
  load_summary summary_;
};

options load_job::engine_options() const {
  options settings;
  settings.data = settings_.data;
  settings.create_if_missing = settings_.create;
  // The columns are part of the name, so that a load of other columns is a script of its own and no changed one.
  settings.scripts.push_back({"load:" + settings_.table + "(" + identifier_list(columns_) + ")",
                              "CREATE TABLE IF NOT EXISTS " + quote_identifier(settings_.table) + "("
                                + identifier_list(columns_, " TEXT") + ")"});
  if (file_) {
    settings.scripts.push_back(resume_schema());
  }
  return settings;
}

int load_job::run() {
  if (!settings_.remote.server.empty()) {
    return at_server(settings_.remote, [this](caf::actor_system& system, const network::remote_engine& target) {
      return load_elsewhere(system, target);
    });
  }
  system_config config;
  caf::actor_system system{config};
  auto target = open(system, engine_options());
  if (!target) {
    return complain(to_string(target.error()), exit_code::engine);
  }
  return load(system, target->front(), &*target);
}

int load_job::load_elsewhere(caf::actor_system& system, const network::remote_engine& target) {
  if (target.granted() == wire::role::read) {
    return complain("Programs may only read at " + settings_.remote.server
                      + "; load at the address that the server has for those that write (--listen).",
                    exit_code::failed);
  }
  client database{system, target.front()};
  const auto fits = patiently([&] {
    return database.query("SELECT " + identifier_list(columns_) + " FROM " + quote_identifier(settings_.table)
                          + " LIMIT 0");
  });
  if (!fits && fits.error().code != errc::bad_sql) {
    return complain(fits.error());
  }
  if (!fits) {
    return complain(
      "The server's table does not take these rows (only its own --schema makes tables): " + to_string(fits.error()),
      exit_code::failed);
  }
  return load(system, target.front(), nullptr);
}

/// `in_process` is null where the engine is elsewhere.
int load_job::load(caf::actor_system& system, const engine_actor& front, const engine* in_process) {
  client database{system, front};
  const auto before = patiently([&] { return greatest_rowid(database, settings_.table); });
  if (!before && settings_.verify) {
    return complain("The table cannot be verified: " + to_string(before.error()), code_of(before.error()));
  }
  if (const auto problem = file_ ? patiently([&] { return resume(database, before.value_or(0)); }) : "";
      !problem.empty()) {
    return complain(problem, exit_code::failed);
  }
  catch_interrupts();
  started_ = load_run::clock::now();
  std::optional<load_killer> killer;
  if (in_process != nullptr) {
    killer.emplace(*in_process, *run_, settings_.kill_writer, settings_.kill_reader, engine_options().read.readers);
  }
  spawn_clients(system, front);
  const bool answered = wait();
  if (killer) {
    killer->stop();
    summary_.writer_kills = killer->writer_kills();
    summary_.reader_kills = killer->reader_kills();
  }
  if (!answered) {
    abandon();
    show();
  }
  summary_.elapsed = load_run::clock::now() - started_;
  stop_lookups();
  const bool complete = answered && !run_->stopping();
  if (recorded_ && complete && run_->counts().unknown == 0) {
    if (const auto finished = patiently([&] { return finish_load(database, recorded_->id); }); !finished) {
      progress_.message("That the load is complete cannot be recorded: " + to_string(finished.error()));
    }
  }
  if (settings_.verify && complete) {
    verify(database, recorded_ ? recorded_->after_rowid : *before);
  }
  if (in_process != nullptr) {
    summary_.writer_restarts = in_process->restarts("writer");
    for (std::size_t reader = 1; reader <= engine_options().read.readers; ++reader) {
      summary_.reader_restarts += in_process->restarts("reader-" + std::to_string(reader));
    }
  }
  return finish(answered);
}

/// Gives a sentence where the load can be neither begun nor resumed.
std::string load_job::resume(client& database, std::int64_t greatest_rowid) {
  auto found = begin_or_go_on(database, settings_.table, *file_, greatest_rowid);
  if (!found) {
    return found.error();
  }
  run_->resume(found->done);
  recorded_ = std::move(*found);
  return {};
}

void load_job::spawn_clients(caf::actor_system& system, const engine_actor& front) {
  const auto task = std::make_shared<const row_task>(
    row_task{.insert = insert_statement(settings_.table, columns_),
             .load = recorded_ ? std::optional{recorded_->id} : std::nullopt,
             .named = !settings_.remote.server.empty()});
  for (std::size_t i = 0; i < settings_.clients; ++i) {
    run_->clients.add();
    actors_.push_back(system.spawn(load_client, run_, front, task));
  }
  for (std::size_t i = 0; settings_.kill_reader > 0 && i < lookup_clients; ++i) {
    run_->lookups.add();
    actors_.push_back(system.spawn(lookup_client, run_, front, settings_.table));
  }
}

/// Whether every client ended by itself.
bool load_job::wait() {
  std::optional<load_run::clock::time_point> interrupted_at;
  bool answered = false;
  while (!(answered = run_->clients.wait_empty(poll_interval))) {
    show();
    const auto now = load_run::clock::now();
    if (interrupted() && !interrupted_at) {
      interrupted_at = now;
      run_->stop();
    }
    const bool out_of_patience = interrupted_at && now - *interrupted_at > interrupted_patience;
    if (out_of_patience || run_->silence() > std::chrono::seconds{settings_.patience}) {
      break;
    }
  }
  show();
  return answered;
}

void load_job::show() {
  for (const auto& message : run_->take_messages()) {
    progress_.message(message);
  }
  const auto counts = run_->counts();
  const std::chrono::duration<double> elapsed = load_run::clock::now() - started_;
  const auto share = run_->share(); // 0 all the time where the input is a pipe.
  const auto silent = std::chrono::floor<std::chrono::seconds>(run_->silence());
  progress_.update(
    fmt::format("{} rows  {} rows/s  p99 {}{}", grouped(counts.acknowledged),
                rate_text(static_cast<double>(counts.acknowledged) / elapsed.count()), milliseconds_text(run_->p99()),
                silent >= told_silence ? fmt::format("  no answer for {} s", silent.count()) : ""),
    share > 0.0 ? std::optional{share} : std::nullopt);
}

void load_job::stop_lookups() {
  run_->lookups_wanted = false;
  if (!run_->lookups.wait_empty(interrupted_patience)) {
    abandon();
  }
}

void load_job::abandon() {
  for (const auto& actor : actors_) {
    caf::anon_send_exit(actor, caf::exit_reason::kill);
  }
  run_->clients.wait_empty(interrupted_patience);
}

void load_job::verify(client& database, std::int64_t after_rowid) {
  verify_task task;
  task.table = settings_.table;
  task.open_source = [this] { return row_source::open(settings_.file, settings_.format()); };
  task.after_rowid = after_rowid;
  task.failed_lines = run_->failed_lines();
  task.unknown_lines = run_->unknown_lines();
  task.on_progress = [this](std::uint64_t rows) {
    progress_.update("verifying: " + grouped(rows) + " rows");
    return !interrupted();
  };
  auto report = verify_table(database, task);
  if (report) {
    summary_.verified = std::move(*report);
  } else {
    summary_.verify_problem = report.error();
  }
}

int load_job::finish(bool answered) {
  progress_.clear();
  summary_.end = interrupted()      ? load_end::interrupted
                 : !answered        ? load_end::given_up
                 : run_->stopping() ? load_end::stopped
                                    : load_end::complete;
  summary_.table = settings_.table;
  summary_.clients = settings_.clients;
  summary_.counts = run_->counts();
  summary_.resumed = settings_.resume;
  summary_.latencies = run_->latencies();
  summary_.lookups = run_->lookups_answered;
  summary_.lookups_retried = run_->lookups_retried;
  summary_.lost = run_->lost();
  if (settings_.verify && !summary_.verified && summary_.verify_problem.empty()) {
    summary_.verify_problem = "the load did not come to its end.";
  }
  (settings_.json ? print_summary_json : print_summary)(std::cout, summary_);
  switch (summary_.end) {
    case load_end::interrupted:
      return exit_code::interrupted;
    case load_end::given_up:
      return complain(
        fmt::format("No row was answered for {} s. Rows further on in the file were not tried.", settings_.patience),
        exit_code::engine);
    case load_end::stopped:
      return exit_code::failed;
    case load_end::complete:
      break;
  }
  return summary_.complete() ? exit_code::ok : exit_code::failed;
}

} // namespace

int run_load(const load_settings& settings) {
  std::error_code unreadable;
  if ((settings.verify || settings.resume) && std::filesystem::exists(settings.file, unreadable)
      && !std::filesystem::is_regular_file(settings.file, unreadable)) {
    return complain(settings.file + " can be read only once, but " + (settings.verify ? "--verify" : "--resume")
                      + " reads it again; store it in a file first.",
                    exit_code::usage);
  }
  auto source = [&] {
    const waiting_note note{"Waiting for the first line of " + settings.file + " …"};
    return row_source::open(settings.file, settings.format());
  }();
  if (!source) {
    return complain(source.error(), exit_code::usage);
  }
  ack_file acknowledged;
  if (!settings.ack_path.empty()) {
    auto opened = ack_file::open(settings.ack_path);
    if (!opened) {
      return complain(opened.error(), exit_code::usage);
    }
    acknowledged = std::move(*opened);
  }
  std::optional<file_identity> file;
  if (settings.resume) {
    auto identified = identify(settings.file, settings.format());
    if (!identified) {
      return complain(identified.error(), exit_code::usage);
    }
    file = *identified;
  }
  return load_job{settings, std::move(*source), std::move(acknowledged), file}.run();
}

} // namespace millrace::tools
