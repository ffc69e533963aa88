#include "recording.hpp"

#include <fstream>
#include <stdexcept>
#include <utility>

namespace millrace::test {

namespace {

using kind = disk_event::kind;

/// What stands in the attempt file's page; the rest of it is never used.
constexpr std::size_t attempt_bytes = 192;
constexpr auto attempt_name = "attempt";

void put(std::ostream& out, std::uint64_t number) {
  out.write(reinterpret_cast<const char*>(&number), sizeof number);
}

void put(std::ostream& out, const std::string& text) {
  put(out, text.size());
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
}

std::uint64_t get_number(std::istream& in) {
  std::uint64_t number = 0;
  in.read(reinterpret_cast<char*>(&number), sizeof number);
  return number;
}

std::string get_text(std::istream& in) {
  std::string text(get_number(in), '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  return text;
}

} // namespace

recording::recording(const std::filesystem::path& folder) : folder_(std::filesystem::weakly_canonical(folder)) {}

void recording::start_with(const std::vector<std::string>& names) {
  const std::lock_guard lock{mutex_};
  for (const auto& name : names) {
    names_[name] = ++files_;
  }
}

bool recording::concerns(std::string_view path) const {
  const auto& folder = folder_.native();
  if (path.size() <= folder.size() || !path.starts_with(folder) || path[folder.size()] != '/') {
    return false;
  }
  return !path.substr(folder.size()).starts_with("/tmp/"); // Those files have no name any more once they are open.
}

std::string recording::relative(const std::filesystem::path& path) const {
  return path == folder_ ? std::string{} : path.native().substr(folder_.native().size() + 1);
}

std::uint32_t recording::file_at(const std::filesystem::path& path) {
  const std::lock_guard lock{mutex_};
  auto name = relative(path);
  const auto found = names_.find(name);
  return found == names_.end() ? create(std::move(name)) : found->second;
}

void recording::journal_opened(const std::filesystem::path& path) {
  const std::lock_guard lock{mutex_};
  if (auto name = relative(path); !names_.contains(name)) {
    folder_due_.insert(create(std::move(name)));
  }
}

std::uint32_t recording::created(const std::filesystem::path& path) {
  const std::lock_guard lock{mutex_};
  return create(relative(path));
}

std::uint32_t recording::create(std::string path) {
  const auto file = ++files_;
  names_[path] = file;
  add({.what = kind::create, .file = file, .path = std::move(path)});
  return file;
}

void recording::add(disk_event event) {
  events_.push_back(std::move(event));
}

void recording::written(std::uint32_t file, std::uint64_t offset, std::string_view bytes) {
  const std::lock_guard lock{mutex_};
  add({.what = kind::write, .file = file, .offset = offset, .bytes = std::string{bytes}});
}

void recording::truncated(std::uint32_t file, std::uint64_t bytes) {
  const std::lock_guard lock{mutex_};
  add({.what = kind::truncate, .file = file, .offset = bytes});
}

void recording::reserved(std::uint32_t file, std::uint64_t bytes) {
  const std::lock_guard lock{mutex_};
  add({.what = kind::reserve, .file = file, .offset = bytes});
}

void recording::synced(std::uint32_t file) {
  const std::lock_guard lock{mutex_};
  add({.what = kind::sync, .file = file});
  if (folder_due_.erase(file) != 0) {
    add({.what = kind::sync_folder});
  }
  look_at_attempt();
}

/// The attempt file is mapped into memory, so its stores are not seen; now and then it is looked at instead. That the
/// file is there is synced before anything is stored.
void recording::look_at_attempt() {
  std::ifstream in{folder_ / attempt_name, std::ios::binary};
  std::string bytes(attempt_bytes, '\0');
  if (!in.read(bytes.data(), attempt_bytes) || bytes == attempt_) {
    return;
  }
  auto found = names_.find(attempt_name);
  if (found == names_.end()) {
    const auto file = create(attempt_name);
    add({.what = kind::reserve, .file = file, .offset = 4096});
    add({.what = kind::sync, .file = file});
    found = names_.find(attempt_name);
  }
  attempt_ = bytes;
  add({.what = kind::write, .file = found->second, .bytes = std::move(bytes)});
}

void recording::renamed(const std::filesystem::path& from, const std::filesystem::path& to) {
  const std::lock_guard lock{mutex_};
  auto old_name = relative(from);
  auto new_name = relative(to);
  const auto moved = names_.extract(old_name);
  if (!moved.empty()) {
    names_[new_name] = moved.mapped();
    add({.what = kind::rename, .file = moved.mapped(), .path = std::move(old_name), .to = std::move(new_name)});
  }
}

void recording::removed(const std::filesystem::path& path) {
  const std::lock_guard lock{mutex_};
  auto name = relative(path);
  if (names_.erase(name) != 0) {
    add({.what = kind::remove, .path = std::move(name)});
  }
}

void recording::folder_synced(const std::filesystem::path& folder) {
  const std::lock_guard lock{mutex_};
  add({.what = kind::sync_folder, .path = relative(folder)});
}

void recording::noted(client_note note) {
  const std::lock_guard lock{mutex_};
  add({.what = kind::note, .note = std::move(note)});
}

std::vector<disk_event> recording::take_events() {
  const std::lock_guard lock{mutex_};
  return std::move(events_);
}

void save(const std::vector<disk_event>& events, const std::filesystem::path& file) {
  std::ofstream out{file, std::ios::binary | std::ios::trunc};
  put(out, events.size());
  for (const auto& event : events) {
    put(out, static_cast<std::uint64_t>(event.what));
    put(out, event.file);
    put(out, event.path);
    put(out, event.to);
    put(out, event.offset);
    put(out, event.bytes);
    put(out, static_cast<std::uint64_t>(event.note.what));
    put(out, event.note.client);
    put(out, event.note.number);
    put(out, event.note.seq);
    put(out, event.note.answer);
  }
}

std::vector<disk_event> load_events(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  if (!in) {
    throw std::runtime_error{"there is no recording " + file.string()};
  }
  in.exceptions(std::ios::failbit | std::ios::badbit);
  std::vector<disk_event> events(get_number(in));
  for (auto& event : events) {
    event.what = static_cast<kind>(get_number(in));
    event.file = static_cast<std::uint32_t>(get_number(in));
    event.path = get_text(in);
    event.to = get_text(in);
    event.offset = get_number(in);
    event.bytes = get_text(in);
    event.note.what = static_cast<client_note::kind>(get_number(in));
    event.note.client = static_cast<std::uint32_t>(get_number(in));
    event.note.number = get_number(in);
    event.note.seq = get_number(in);
    event.note.answer = get_text(in);
  }
  return events;
}

} // namespace millrace::test
