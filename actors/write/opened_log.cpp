#include "opened_log.hpp"

#include <millrace/storage/codec/codec.hpp>

#include <utility>
#include <variant>

namespace millrace {

storage::result<opened_log> open_log(storage::file_system& files, const std::filesystem::path& folder,
                                     const uuid& database, const storage::log_position& applied,
                                     const storage::log_options& settings, storage::recovery_report& report) {
  std::vector<storage::skipped_work> skipped;
  std::vector<logged_name> names;
  storage::byte_writer scratch;
  const auto look = [&](const storage::batch& unapplied) {
    auto seq = unapplied.first_seq;
    for (const auto& item : unapplied.items) {
      if (const auto* work = std::get_if<transaction>(&item); work != nullptr && work->name.given()) {
        names.push_back(
          {storage::bound_name_of(*work, scratch), seq, unapplied.accept_time_ms, storage::says_forgotten(*work)});
      } else if (const auto* order = std::get_if<storage::skip_order>(&item)) {
        for (const auto target : order->seqs) {
          skipped.push_back({target, order->why, order->deaths, order->reason});
        }
      }
      ++seq;
    }
  };
  auto log = storage::log::open(files, folder, database, applied, settings, report, look);
  if (!log) {
    return tl::unexpected{std::move(log).error()};
  }
  return opened_log{std::move(*log), std::move(skipped), std::move(names)};
}

} // namespace millrace
