#include "recording_file_system.hpp"

namespace millrace::test {

storage::result<> recording_file_system::perform(const file_operation& asked, const action& proceed) {
  switch (asked.what) {
    case operation::sync:
      if (into_.leaves_out(missing_sync::queue_files)) {
        return {};
      }
      break;
    case operation::sync_folder:
      if (into_.leaves_out(missing_sync::queue_folder)) {
        return {};
      }
      break;
    // These are put down before they are done.
    case operation::write:
      into_.written(numbers_[asked.file], asked.offset, asked.bytes);
      break;
    case operation::preallocate:
      into_.reserved(numbers_[asked.file], asked.size);
      break;
    case operation::truncate:
      into_.truncated(numbers_[asked.file], asked.size);
      break;
    default:
      break;
  }
  auto done = proceed();
  if (done) {
    note_done(asked);
  }
  return done;
}

void recording_file_system::note_done(const file_operation& asked) {
  switch (asked.what) {
    case operation::open:
      numbers_[asked.file] = into_.file_at(asked.path);
      break;
    case operation::create:
      numbers_[asked.file] = into_.created(asked.path);
      break;
    case operation::sync:
      into_.synced(numbers_[asked.file]);
      break;
    case operation::rename:
      into_.renamed(asked.path, asked.to);
      break;
    case operation::remove:
      into_.removed(asked.path);
      break;
    case operation::sync_folder:
      into_.folder_synced(asked.path);
      break;
    default:
      break;
  }
}

} // namespace millrace::test
