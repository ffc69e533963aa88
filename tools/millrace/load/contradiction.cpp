#include "contradiction.hpp"

#include "input_file.hpp"

#include <filesystem>
#include <system_error>

namespace millrace::tools {

namespace {

/// Whether a file is, or would be, somewhere in a folder; or has another name there.
bool lies_in(const std::filesystem::path& file, const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  std::error_code unknown;
  const auto inside = fs::weakly_canonical(file, unknown).lexically_relative(fs::weakly_canonical(folder, unknown));
  if (folder.empty() || unknown || (!inside.empty() && *inside.begin() != "..")) {
    return !folder.empty() && !unknown;
  }
  for (auto at = fs::recursive_directory_iterator{folder, unknown}; !unknown && at != end(at); at.increment(unknown)) {
    if (fs::equivalent(file, at->path(), unknown)) {
      return true;
    }
    unknown.clear();
  }
  return false;
}

} // namespace

std::string contradiction(const load_settings& settings, bool again) {
  std::error_code unknown;
  const bool standard_input = settings.file == input_file::standard_input;
  if (!standard_input && !settings.ack_path.empty()
      && std::filesystem::equivalent(settings.file, settings.ack_path, unknown)) {
    return "The keys of acknowledged rows would be appended to " + settings.file
           + " itself; give --ack-file another file.";
  }
  if (!settings.ack_path.empty() && lies_in(settings.ack_path, settings.data)) {
    return settings.ack_path
           + " is in the data folder, where everything is the engine's; give --ack-file another file.";
  }
  if (!settings.remote.server.empty() && settings.resume) {
    return "A server does not record which rows of a file are in, so with --connect there is nothing to --resume; "
           "--ack-file writes the keys of those that are in to a file.";
  }
  if (again || (!standard_input && !std::filesystem::exists(settings.file, unknown))) {
    return {};
  }
  const auto name = standard_input ? "Standard input" : settings.file;
  if (settings.verify || settings.resume) {
    return name + " can be read only once, but " + (settings.verify ? "--verify" : "--resume")
           + " reads it again; store it in a file first.";
  }
  return settings.kill_writer + settings.kill_reader == 0
           ? ""
           : "How much there is of " + name
               + " is not known, but --kill-writer and --kill-reader go by that; store it in a file first.";
}

} // namespace millrace::tools
