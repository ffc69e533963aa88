#include "in_folder.hpp"

#include "console.hpp"
#include "exit_code.hpp"
#include "process.hpp"
#include "shortage.hpp"
#include "waiting_note.hpp"

#include <millrace/messages/wire/registry.hpp>
#include <millrace/storage/base/system_error.hpp>

#include <filesystem>
#include <string>

#include <sys/stat.h>
#include <unistd.h>
#include <caf/actor_system.hpp>

namespace millrace::tools {

namespace {

/// The superuser may write everywhere, but what he makes in a user's folder that user cannot use then. Whose it is says
/// the database, or where there is none yet the folder. Empty where there is nothing to say.
std::string belongs_to_another(const std::filesystem::path& data) {
  struct stat status {};
  if (::geteuid() != 0
      || (::stat((data / "database.sqlite3").c_str(), &status) != 0 && ::stat(data.c_str(), &status) != 0)
      || status.st_uid == 0) {
    return {};
  }
  const auto owner = storage::user_name(status.st_uid);
  return data.string() + " belongs to " + owner
         + ", who could not use it any more with what the superuser makes there. " + "Run this as its owner: sudo -u '"
         + owner + "' millrace …";
}

} // namespace

int complain_of_opening(const failure& reason, const options& settings) {
  const bool wrong_call = reason.code == errc::bad_option || reason.code == errc::file_not_found
                          || reason.code == errc::bad_sql;
  const int code = complain(reason, wrong_call ? exit_code::usage : exit_code::engine);
  return reason.code == errc::folder_missing && !settings.create_if_missing
           ? complain("`millrace init` makes one.", code)
           : code;
}

std::optional<int> refuse_folder(const options& settings) {
  if (const auto problem = belongs_to_another(settings.data); !problem.empty()) {
    return complain(problem, exit_code::usage);
  }
  if (const auto problem = shortage(settings.read.readers); !problem.empty()) {
    return complain(problem, exit_code::failed);
  }
  return std::nullopt;
}

int in_folder(options settings, const work_in_folder& work) {
  if (const auto refused = refuse_folder(settings)) {
    return *refused;
  }
  catch_interrupts();
  settings.opening_called_off = &interrupt_flag();
  system_config config;
  caf::actor_system system{config};
  const auto target = [&] {
    const waiting_note note{"Opening " + settings.data.string() + " …"};
    return open(system, settings);
  }();
  if (!target && target.error().code == errc::shutting_down) {
    return complain("Interrupted while the folder was opened; nothing of it is lost.", exit_code::interrupted);
  }
  return target ? work(system, *target) : complain_of_opening(target.error(), settings);
}

} // namespace millrace::tools
