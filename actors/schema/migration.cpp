#include "migration.hpp"

#include "digest.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include <fmt/format.h>

namespace millrace {

namespace {

constexpr std::string_view spaces = " \t\r";

std::string_view trimmed(std::string_view text) noexcept {
  const auto first = text.find_first_not_of(spaces);
  return first == std::string_view::npos ? std::string_view{}
                                         : text.substr(first, text.find_last_not_of(spaces) - first + 1);
}

std::optional<std::uint64_t> number_in(std::string_view text) noexcept {
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = problem == std::errc{} && end == text.data() + text.size();
  return whole && number > 0 && number <= INT64_MAX ? std::optional{number} : std::nullopt;
}

/// What a directive says after its word; nothing where the comment is another. `-- requires: …`
std::optional<std::string_view> said_by(std::string_view comment, std::string_view word) noexcept {
  if (!comment.starts_with(word)) {
    return std::nullopt;
  }
  const auto rest = trimmed(comment.substr(word.size()));
  return rest.starts_with(':') ? std::optional{trimmed(rest.substr(1))} : std::nullopt;
}

expected<migration_id> read_id(std::string_view text) {
  const auto slash = text.find('/');
  // A name may follow the number, as in the names of files.
  const auto digits = slash == std::string_view::npos ? std::string_view{} : text.substr(slash + 1);
  const auto version = number_in(digits.substr(0, digits.find('_')));
  if (!version || !is_set_name(text.substr(0, slash))) {
    return tl::unexpected{failure{
      errc::bad_option, fmt::format("`-- requires: {}`: name migrations as set/number, such as main/0003", text)}};
  }
  return migration_id{std::string{text.substr(0, slash)}, *version};
}

expected<std::vector<migration_id>> read_ids(std::string_view list) {
  std::vector<migration_id> ids;
  for (auto rest = list; !rest.empty();) {
    const auto comma = rest.find(',');
    auto id = read_id(trimmed(rest.substr(0, comma)));
    if (!id) {
      return tl::unexpected{std::move(id).error()};
    }
    ids.push_back(std::move(*id));
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  return ids;
}

/// The comments at the top of a file, without their dashes.
std::vector<std::string_view> heading_of(std::string_view sql) {
  std::vector<std::string_view> comments;
  while (!sql.empty()) {
    const auto end = std::min(sql.find('\n'), sql.size());
    const auto line = trimmed(sql.substr(0, end));
    if (!line.empty() && !line.starts_with("--")) {
      break;
    }
    if (!line.empty()) {
      comments.push_back(trimmed(line.substr(2)));
    }
    sql.remove_prefix(std::min(end + 1, sql.size()));
  }
  return comments;
}

std::string with_plain_lines(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r' || i + 1 == text.size() || text[i + 1] != '\n') {
      plain += text[i];
    }
  }
  return plain;
}

} // namespace

expected<migration> make_migration(std::uint64_t version, std::string name, std::string up,
                                   std::optional<std::string> down) {
  migration made{.version = version, .name = std::move(name), .up = std::move(up), .down = std::move(down)};
  bool irreversible = false;
  for (const auto comment : heading_of(made.up)) {
    if (const auto list = said_by(comment, "requires")) {
      auto ids = read_ids(*list);
      if (!ids) {
        return tl::unexpected{std::move(ids).error()};
      }
      made.needs.insert(made.needs.end(), ids->begin(), ids->end());
    }
    irreversible = irreversible || comment == "irreversible";
  }
  if (irreversible && made.down) {
    return tl::unexpected{
      failure{errc::bad_option, "it says `-- irreversible`, and has a file that takes it back; leave out one of both"}};
  }
  return made;
}

sha256 checksum_of(const migration& one) {
  return digest_of(with_plain_lines(one.up));
}

applied_migration record_of(const migration& one, const sha256& before) {
  applied_migration record{
    .version = one.version, .name = one.name, .checksum = checksum_of(one), .chain = {}, .needs = one.needs};
  record.chain = chain_of(before, record);
  return record;
}

std::string label_of(std::string_view set, std::uint64_t version, std::string_view name) {
  return fmt::format("{}/{:04}{}{}", set, version, name.empty() ? "" : "_", name);
}

} // namespace millrace
