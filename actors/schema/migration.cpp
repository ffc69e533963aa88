#include "migration.hpp"

#include "digest.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include <fmt/format.h>

namespace millrace {

namespace {

/// What the comments at the top of a migration say.
struct directives {
  std::vector<migration_id> needs;
  bool irreversible = false;
  std::string backfill;
  std::chrono::milliseconds timeout{0};

  friend bool operator==(const directives&, const directives&) = default;
};

constexpr auto no_statement = "there is no statement in it; write what it does, or remove it";

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

/// Such as `30s`.
std::optional<std::chrono::milliseconds> time_in(std::string_view text) noexcept {
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = number_in(text.substr(0, digits));
  const auto unit = trimmed(text.substr(digits));
  const std::uint64_t unit_ms = unit == "ms" ? 1 : unit == "s" ? 1'000 : unit == "min" ? 60'000 : 3'600'000;
  const bool known = unit_ms < 3'600'000 || unit == "h";
  if (!number || !known || *number > static_cast<std::uint64_t>(schema_timeout_max.count()) / unit_ms) {
    return std::nullopt;
  }
  return std::chrono::milliseconds{*number * unit_ms};
}

std::string in_lower_case(std::string_view text) {
  std::string lower{text};
  std::ranges::transform(lower, lower.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  return lower;
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

/// What stands before the first statement: comments of either kind, and spaces.
std::string_view heading_of(std::string_view sql) {
  auto rest = sql;
  for (;;) {
    const auto before = rest.size();
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r\n\f\v;"), rest.size()));
    if (rest.starts_with("--")) {
      rest.remove_prefix(std::min(rest.find('\n'), rest.size()));
    } else if (rest.starts_with("/*")) {
      const auto end = rest.find("*/", 2);
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 2);
    }
    if (rest.size() == before) {
      return sql.substr(0, sql.size() - rest.size());
    }
  }
}

bool has_statement(std::string_view sql) {
  return heading_of(sql).size() < sql.size();
}

/// What a comment to the end of its line says; empty where there is none.
std::string comment_in(std::string_view line) {
  const auto text = std::min(line.find_first_not_of('-'), line.size());
  return text >= 2 ? in_lower_case(trimmed(line.substr(text))) : std::string{};
}

/// Whether a line of a comment of the other kind, `/* … */`, reads as if it were meant.
bool is_meant(std::string_view line) {
  const auto text = in_lower_case(line.substr(std::min(line.find_first_not_of("/* \t"), line.size())));
  const auto last = text.find_last_not_of("*/ \t\r");
  return text.starts_with("requires:") || text.starts_with("timeout:") || text.starts_with("backfill:")
         || text.substr(0, last + 1) == "irreversible";
}

/// What the comments of a file say. Those that read as if they were meant and are not understood are refused: nobody is
/// to think that they hold.
expected<directives> read_directives(std::string_view sql) {
  const auto wrong = [](std::string_view line, std::string_view why) {
    return tl::unexpected{failure{errc::bad_option, fmt::format("`{}`: {}", line, why)}};
  };
  const auto heading = heading_of(sql).size();
  directives said;
  for (std::size_t at = 0; at < sql.size();) {
    const auto end = std::min(sql.find('\n', at), sql.size());
    const auto line = trimmed(sql.substr(at, end - at));
    const bool at_top = at < heading;
    at = end + 1;
    const auto comment = comment_in(line);
    if (at_top && comment.empty() && is_meant(line)) {
      return wrong(line, "what a migration says of itself stands behind `--`, on a line of its own");
    }
    const bool requires_some = comment.starts_with("require") || comment.starts_with("depends on");
    const bool in_parts = comment.starts_with("backfill");
    const auto time = comment.starts_with("timeout:") ? time_in(trimmed(comment.substr(8))) : std::nullopt;
    const bool times = time || (at_top && comment.starts_with("timeout")); // A column may be called so, too.
    if (!requires_some && !in_parts && !times && !comment.starts_with("irreversible")) {
      continue;
    }
    if (!at_top) {
      return wrong(line, "it stands after the first statement; move it to the top of the file");
    }
    if (times) {
      if (!time || said.timeout.count() > 0) {
        return wrong(line, "say once `-- timeout: 30s`: a number from 1, and ms, s, min or h; a year at most");
      }
      said.timeout = *time;
      continue;
    }
    if (comment == "irreversible") {
      said.irreversible = true;
      continue;
    }
    const auto colon = line.find(':');
    if (in_parts) {
      if (colon == std::string_view::npos || !comment.starts_with("backfill:") || !said.backfill.empty()) {
        return wrong(line, "say `-- backfill: TABLE`, once, for the table whose rows it changes in parts");
      }
      said.backfill = trimmed(line.substr(colon + 1));
      if (said.backfill.empty()) {
        return wrong(line, "name the table");
      }
      continue;
    }
    if (comment.starts_with("irreversible") || colon == std::string_view::npos || !comment.starts_with("requires:")) {
      return wrong(line, "say `-- irreversible`, or `-- requires: main/0003, core/12`");
    }
    auto ids = read_ids(trimmed(line.substr(colon + 1)));
    if (!ids) {
      return tl::unexpected{std::move(ids).error()};
    }
    said.needs.insert(said.needs.end(), ids->begin(), ids->end());
  }
  return said;
}

/// Some editors put a mark before a text, which is none of it.
void remove_byte_order_mark(std::string& text) {
  constexpr std::string_view mark = "\xef\xbb\xbf";
  if (text.starts_with(mark)) {
    text.erase(0, mark.size());
  }
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
  const auto wrong = [](std::string why) { return tl::unexpected{failure{errc::bad_option, std::move(why)}}; };
  remove_byte_order_mark(up);
  auto said = read_directives(up);
  if (!said) {
    return tl::unexpected{std::move(said).error()};
  }
  if (said->irreversible && down) {
    return wrong("it says `-- irreversible`, and has a file that takes it back; leave out one of both");
  }
  if (!has_statement(up)) {
    return wrong(no_statement);
  }
  directives back;
  if (down) {
    remove_byte_order_mark(*down);
    const auto read = read_directives(*down);
    if (!read) {
      return wrong("its .down.sql: " + read.error().detail);
    }
    back.timeout = read->timeout;
    if (*read != back) {
      return wrong("its .down.sql says what belongs at the top of the .up.sql; move that there");
    }
    if (!has_statement(*down)) {
      return wrong("there is no statement in its .down.sql; write what takes it back, or remove that file");
    }
  }
  return migration{.version = version,
                   .name = std::move(name),
                   .up = std::move(up),
                   .down = std::move(down),
                   .needs = std::move(said->needs),
                   .before = {},
                   .after = {},
                   .timeout = said->timeout,
                   .down_timeout = back.timeout,
                   .backfill = std::move(said->backfill)};
}

expected<migration> make_seed(std::uint64_t number, std::string name, std::string sql) {
  const auto wrong = [](std::string why) { return tl::unexpected{failure{errc::bad_option, std::move(why)}}; };
  remove_byte_order_mark(sql);
  const auto said = read_directives(sql);
  if (!said) {
    return tl::unexpected{said.error()};
  }
  if (*said != directives{.timeout = said->timeout}) {
    return wrong(
      "of a seed only `-- timeout:` can be said: what must come before it has a lower number, and it is one "
      "transaction");
  }
  if (!has_statement(sql)) {
    return wrong(no_statement);
  }
  return migration{.version = number, .name = std::move(name), .up = std::move(sql), .timeout = said->timeout};
}

expected<std::string> make_hook(std::string sql) {
  const auto wrong = [](std::string why) { return tl::unexpected{failure{errc::bad_option, std::move(why)}}; };
  remove_byte_order_mark(sql);
  const auto said = read_directives(sql);
  if (!said) {
    return tl::unexpected{said.error()};
  }
  if (*said != directives{}) {
    return wrong(
      "it is a hook, and what its comments say can be said of migrations alone; move that to one, or remove "
      "it");
  }
  return has_statement(sql) ? expected<std::string>{std::move(sql)} : wrong(no_statement);
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
  return version == 0 ? std::string{set} : fmt::format("{}/{:04}{}{}", set, version, name.empty() ? "" : "_", name);
}

} // namespace millrace
