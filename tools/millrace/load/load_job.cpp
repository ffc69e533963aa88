#include "load_job.hpp"

#include "contradiction.hpp"
#include "load_beginning.hpp"
#include "load_client.hpp"
#include "load_killer.hpp"
#include "load_report.hpp"
#include "load_verify.hpp"
#include "table_fit.hpp"
#include "table_scan.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/actors/engine/engine.hpp>
#include <millrace/messages/limits.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tools/millrace/common/console.hpp>
#include <millrace/tools/millrace/common/engine_voice.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/common/in_folder.hpp>
#include <millrace/tools/millrace/common/interrupt_watch.hpp>
#include <millrace/tools/millrace/common/output.hpp>
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
constexpr auto interrupted_early = "Interrupted before the first row; nothing was loaded.";

/// One run of the command, from the opened source to the summary.
class load_job {
public:
  /// `format` is how the source is read. It can be read again where `recordable` says so.
  load_job(const load_settings& settings, source_format format, std::unique_ptr<row_source> source,
           ack_file acknowledged, bool recordable)
    : settings_(settings),
      format_(std::move(format)),
      recordable_(recordable && settings.remote.server.empty()),
      columns_(source->columns()),
      run_(std::make_shared<load_run>(std::move(source), std::move(acknowledged), settings.strict)),
      progress_(plain_line_interval) {}

  int run();

private:
  options engine_options() const;
  int load_elsewhere(caf::actor_system& system, const network::remote_engine& target);
  int load(caf::actor_system& system, const engine_actor& front, const engine* in_process);
  std::optional<int> check_fit(client& database);
  int complain_of_no_table(client& database) const;
  std::string begin(client& database);
  beginning what_begins();
  tl::expected<table_sum, std::string> look_at_table();
  void spawn_clients(caf::actor_system& system, const engine_actor& front);
  bool wait();
  void show();
  void tell_what_is_waited_for();
  bool show_reading(const char* what, std::uint64_t rows);
  void stop_lookups();
  void abandon();
  void record_end(client& database);
  void verify();
  int finish();
  std::string way_on() const;

  const load_settings& settings_;
  std::optional<interrupt_watch> watch_{interrupted_early};
  source_format format_;
  bool adds_one_row_ = true;        ///< Whether each row of the file is one of the table.
  bool recordable_;                 ///< Whether there is anything to recognise the file by, and to record it in.
  std::optional<begun_load> begun_; ///< Where anything is recorded.
  std::optional<table_scan> scan_;
  table_sum before_;      ///< Where the table is to be verified: what it held before.
  done_rows before_rows_; ///< Rows of the file that are among it.
  std::vector<std::string> columns_;
  std::shared_ptr<load_run> run_;
  std::optional<engine_voice> voice_; ///< Once there is an engine.
  load_run::clock::time_point heard_; ///< When that was last asked.
  progress_line progress_;
  std::vector<caf::actor> actors_;
  load_run::clock::time_point started_;
  load_summary summary_;
};

options load_job::engine_options() const {
  options settings;
  settings.data = settings_.data;
  settings.replay_wait = whole_replay;
  // What goes on makes nothing: where folder or table is missing its name is mistaken.
  settings.create_if_missing = settings_.create && !settings_.resume;
  if (!settings_.resume) {
    // The columns are part of the name, so that a load of other columns is a script of its own and no changed one.
    settings.scripts.push_back({"load:" + settings_.table + "(" + identifier_list(columns_) + ")",
                                "CREATE TABLE IF NOT EXISTS " + quote_identifier(settings_.table) + "("
                                  + identifier_list(columns_, " TEXT") + ")"});
  }
  settings.scripts.push_back(record_schema());
  return settings;
}

int load_job::run() {
  if (!settings_.remote.server.empty()) {
    return at_server(settings_.remote, [this](caf::actor_system& system, const network::remote_engine& target) {
      return load_elsewhere(system, target);
    });
  }
  watch_.reset(); // Opening ends by itself where it is interrupted.
  return in_folder(engine_options(), [this](caf::actor_system& system, const engine& target) {
    watch_.emplace(interrupted_early);
    return load(system, target.front(), &target);
  });
}

int load_job::load_elsewhere(caf::actor_system& system, const network::remote_engine& target) {
  if (target.granted() == wire::role::read) {
    return complain("Programs may only read at " + settings_.remote.server
                      + "; load at the address that the server has for those that write (--listen).",
                    exit_code::failed);
  }
  return load(system, target.front(), nullptr);
}

/// `in_process` is null where the engine is elsewhere.
int load_job::load(caf::actor_system& system, const engine_actor& front, const engine* in_process) {
  voice_.emplace(system, front);
  client database{system, front, std::chrono::seconds{settings_.patience}};
  if (const auto code = check_fit(database)) {
    return *code;
  }
  const auto view = patiently(*voice_, [&] { return is_view(database, settings_.table); });
  if (!view) {
    return complain(view.error());
  }
  adds_one_row_ = !*view;
  watch_.reset(); // From here on a load says itself how far it came.
  scan_.emplace(system, front, settings_.table, columns_);
  if (const auto problem = begin(database); !problem.empty()) {
    progress_.clear();
    return interrupted() ? complain(interrupted_early, exit_code::interrupted) : complain(problem, exit_code::failed);
  }
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
  summary_.end = interrupted()      ? load_end::interrupted
                 : !answered        ? load_end::given_up
                 : run_->stopping() ? load_end::stopped
                                    : load_end::complete;
  stop_lookups();
  summary_.counts = run_->counts();
  record_end(database);
  verify();
  if (in_process != nullptr) {
    summary_.writer_restarts = in_process->restarts("writer");
    for (std::size_t reader = 1; reader <= engine_options().read.readers; ++reader) {
      summary_.reader_restarts += in_process->restarts("reader-" + std::to_string(reader));
    }
  }
  return finish();
}

/// The exit code, complained of, where the table does not take the file's columns.
std::optional<int> load_job::check_fit(client& database) {
  const auto problem = patiently(*voice_, [&] { return misfit(database, settings_.table, columns_); });
  if (!problem && kind(problem.error().code) == error_kind::rejected) {
    return complain(problem.error());
  }
  if (!problem) {
    return complain(fmt::format("The engine applies no transactions now; none was within {} s. See that its disk has "
                                "room, and load again. No row was sent.",
                                settings_.patience),
                    exit_code::engine);
  }
  if (problem->empty()) {
    return std::nullopt;
  }
  if (problem->find("no such table") != std::string::npos) {
    return complain_of_no_table(database);
  }
  return complain(settings_.file + ": its rows do not fit into " + settings_.table + ": " + *problem
                    + ". Name the table's columns with --columns, or load into another table.",
                  exit_code::usage);
}

int load_job::complain_of_no_table(client& database) const {
  return complain(
    settings_.remote.server.empty()
      ? "There is no table " + settings_.table + " into which a load could go on. " + recorded_loads(database)
      : "The server has no table " + settings_.table + "; only its own --schema makes tables.",
    exit_code::failed);
}

/// Gives a sentence where the load can be neither begun nor gone on with.
std::string load_job::begin(client& database) {
  if (recordable_) {
    auto begun = begin_or_go_on(database, what_begins());
    if (!begun) {
      return begun.error();
    }
    begun_ = std::move(*begun);
    if (begun_->recorded) {
      run_->resume(begun_->done);
    }
  }
  if (!settings_.verify) {
    return {};
  }
  if (begun_ && begun_->before) {
    before_ = *begun_->before;
    return {};
  }
  auto held = look_at_table();
  if (!held) {
    return held.error();
  }
  before_ = *held;
  before_rows_ = begun_ ? begun_->done : done_rows{};
  return {};
}

/// What the table holds now. The error is a sentence.
tl::expected<table_sum, std::string> load_job::look_at_table() {
  return sum_of(*scan_, [this](std::uint64_t rows) { return show_reading("reading the table", rows); })
    .map_error([](const std::string& problem) { return "The table cannot be verified: " + problem; });
}

beginning load_job::what_begins() {
  beginning result{.table = settings_.table, .file = settings_.file, .format = format_, .voice = &*voice_};
  result.mode = settings_.resume      ? record_mode::go_on
                : settings_.no_resume ? record_mode::unrecorded
                                      : record_mode::begin;
  if (settings_.verify) {
    result.look_at_table = [this] { return look_at_table(); };
  }
  result.on_progress = [this](double share) {
    progress_.update("reading " + settings_.file, share);
    return !interrupted();
  };
  return result;
}

void load_job::spawn_clients(caf::actor_system& system, const engine_actor& front) {
  const auto task = std::make_shared<const row_task>(
    row_task{.insert = insert_statement(settings_.table, columns_),
             .load = begun_ && begun_->recorded ? std::optional{begun_->id} : std::nullopt,
             .adds_one_row = adds_one_row_,
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
      progress_.message("Interrupted; what is on its way is waited for. A second signal ends the load at once.");
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
  if (silent >= told_silence) {
    tell_what_is_waited_for();
  }
  progress_.update(
    fmt::format("{} rows  {} rows/s  p99 {}{}", grouped(counts.acknowledged),
                rate_text(static_cast<double>(counts.acknowledged) / elapsed.count()), milliseconds_text(run_->p99()),
                silent >= told_silence ? fmt::format("  no answer for {} s", silent.count()) : ""),
    share > 0.0 ? std::optional{share} : std::nullopt);
}

void load_job::tell_what_is_waited_for() {
  const auto now = load_run::clock::now();
  if (now - heard_ < told_silence) {
    return;
  }
  heard_ = now;
  if (const auto news = voice_->news(); !news.empty()) {
    progress_.message(news);
  }
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

/// Whether to go on.
bool load_job::show_reading(const char* what, std::uint64_t rows) {
  progress_.update(fmt::format("{}: {} rows", what, grouped(rows)));
  return !interrupted();
}

void load_job::record_end(client& database) {
  const auto& counts = summary_.counts;
  if (!begun_ || summary_.end != load_end::complete || counts.failed > 0 || counts.unknown > 0) {
    return;
  }
  // Where nothing but malformed rows was there, none is in: an empty table is as it should be.
  const auto added = counts.rows + counts.resumed;
  const auto rows = added == 0 ? 0 : added + counts.malformed;
  if (const auto done = patiently(*voice_, [&] { return complete_record(database, begun_->id, rows); }); !done) {
    progress_.message("That the load is complete cannot be recorded: " + to_string(done.error()));
  }
}

void load_job::verify() {
  if (!settings_.verify) {
    return;
  }
  if (summary_.end != load_end::complete) {
    summary_.verify_problem = "the load did not come to its end.";
    return;
  }
  verify_task task;
  task.open_source = [this] { return row_source::open(settings_.file, format_); };
  task.before = before_;
  task.before_rows = std::move(before_rows_);
  task.failed_lines = run_->failed_lines();
  task.unknown_lines = run_->unknown_lines();
  task.on_progress = [this](std::uint64_t rows) { return show_reading("verifying", rows); };
  auto report = verify_table(*scan_, task);
  if (report) {
    summary_.verified = std::move(*report);
  } else {
    summary_.verify_problem = report.error();
  }
}

int load_job::finish() {
  progress_.clear();
  summary_.table = settings_.table;
  summary_.clients = settings_.clients;
  summary_.resumed = settings_.resume;
  summary_.skip_malformed = settings_.skip_malformed;
  summary_.latencies = run_->latencies();
  summary_.lookups = run_->lookups_answered;
  summary_.lookups_retried = run_->lookups_retried;
  summary_.lost = run_->lost();
  (settings_.json ? print_summary_json : print_summary)(std::cout, summary_);
  vouch(grouped(summary_.counts.acknowledged) + " rows were acknowledged; they are in " + settings_.table + '.');
  if (summary_.end == load_end::given_up) {
    complain(
      fmt::format("No row was answered for {} s. Rows further on in the file were not tried.", settings_.patience),
      exit_code::engine);
  }
  if (const auto sentence = way_on(); !sentence.empty()) {
    complain(sentence, exit_code::failed);
  }
  switch (summary_.end) {
    case load_end::interrupted:
      return exit_code::interrupted;
    case load_end::given_up:
      return exit_code::engine;
    case load_end::stopped:
      return exit_code::failed;
    case load_end::complete:
      break;
  }
  return interrupted() ? exit_code::interrupted : summary_.complete() ? exit_code::ok : exit_code::failed;
}

/// How the rows get in that are not; empty where there is nothing to say.
std::string load_job::way_on() const {
  const auto& counts = summary_.counts;
  if (summary_.end == load_end::complete && counts.failed == 0 && counts.unknown == 0) {
    return counts.malformed == 0 || settings_.skip_malformed
             ? ""
             : "Malformed rows are not in the table. Correct them in a file of their own and load that; "
               "--skip-malformed says that they are to be left out.";
  }
  if (begun_ && begun_->recorded) {
    return summary_.end == load_end::stopped && settings_.strict
             ? "The same command with --resume and without --strict goes on after the malformed row."
             : "The same command with --resume goes on where this one ended.";
  }
  const std::string what = !settings_.remote.server.empty() ? "With --connect"
                           : settings_.no_resume            ? "With --no-resume"
                                                            : "Of what can be read only once";
  return what + " nothing records which rows are in, so no later load can go on where this one ended; --ack-file "
                "writes their keys to a file.";
}

} // namespace

int run_load(const load_settings& settings) {
  std::error_code unreadable;
  const bool again = settings.file != input_file::standard_input
                     && std::filesystem::is_regular_file(settings.file, unreadable);
  if (const auto problem = contradiction(settings, again); !problem.empty()) {
    return complain(problem, exit_code::usage);
  }
  auto format = settings.format();
  if (const auto bytes = again ? std::filesystem::file_size(settings.file, unreadable) : 0; !unreadable && bytes > 0) {
    format.bytes = bytes;
  }
  auto source = [&] {
    const waiting_note note{"Waiting for the first line of " + settings.file + " …"};
    const interrupt_watch watch{interrupted_early};
    return row_source::open(settings.file, format);
  }();
  if (!source) {
    return complain(source.error(), exit_code::usage);
  }
  if (insert_statement(settings.table, (*source)->columns()).size() > limits::sql_bytes_max) {
    return complain(settings.file + ": the names of its columns are longer than a statement may be. Give shorter ones "
                                    "with --columns.",
                    exit_code::usage);
  }
  ack_file acknowledged;
  if (!settings.ack_path.empty()) {
    auto opened = ack_file::open(settings.ack_path);
    if (!opened) {
      return complain(opened.error(), exit_code::usage);
    }
    acknowledged = std::move(*opened);
  }
  const bool recordable = format.bytes != input_file::no_limit;
  return load_job{settings, std::move(format), std::move(*source), std::move(acknowledged), recordable}.run();
}

} // namespace millrace::tools
