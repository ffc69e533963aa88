#include "made_value.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace millrace::tools {

namespace {

constexpr std::array<std::string_view, 16> first_names{"Ada",     "Alan",    "Barbara", "Carl", "Donald", "Edgar",
                                                       "Emmy",    "Frances", "Grace",   "Hedy", "Jim",    "Kathleen",
                                                       "Niklaus", "Radia",   "Sophie",  "Tony"};
constexpr std::array<std::string_view, 16> last_names{"Archer", "Baker",  "Carter", "Cooper", "Dyer",   "Fisher",
                                                      "Fuller", "Mason",  "Miller", "Porter", "Sawyer", "Smith",
                                                      "Taylor", "Turner", "Walker", "Weaver"};
constexpr std::array<std::string_view, 16> adjectives{"broad", "calm",  "clear",  "deep", "early", "gentle",
                                                      "green", "heavy", "little", "long", "old",   "quiet",
                                                      "quick", "round", "steady", "upper"};
constexpr std::array<std::string_view, 16> nouns{"bridge", "channel", "current", "dam",  "field", "gate",
                                                 "mill",   "pond",    "race",    "reed", "river", "sluice",
                                                 "spring", "stone",   "weir",    "wheel"};
constexpr std::array<std::string_view, 8> cities{"Aarhus", "Bristol", "Ghent", "Lyon",
                                                 "Porto",  "Tallinn", "Turin", "Utrecht"};
constexpr std::array<std::string_view, 8> countries{"Belgium", "Denmark", "England",     "Estonia",
                                                    "France",  "Italy",   "Netherlands", "Portugal"};
constexpr std::array<std::string_view, 6> colours{"black", "blue", "green", "red", "white", "yellow"};
constexpr std::array<std::string_view, 6> languages{"da", "en", "et", "fr", "it", "nl"};
constexpr std::array<std::string_view, 4> currencies{"CHF", "EUR", "GBP", "USD"};

constexpr std::int64_t first_second = 1'577'836'800; // 2020-01-01, from which on moments are made.
constexpr std::uint64_t seconds_made = 5ULL * 365 * 24 * 3600;

/// The words of a name that say what its column holds, each after a space and before one.
struct hint {
  std::string_view words;
  content what;
};

constexpr std::array integer_hints{
  hint{" is has can active enabled deleted done flag visible public ", content::flag},
  hint{" at time created updated modified timestamp seen expires expiry ", content::unix_time},
  hint{" year born birthyear ", content::year},
  hint{" age ", content::age},
  hint{" cents price amount cost total balance salary ", content::cents},
  hint{" rating stars score grade ", content::rating},
  hint{" percent percentage ", content::percent},
  hint{" quantity qty count stock level rank position priority ", content::small_number},
};

constexpr std::array real_hints{
  hint{" lat latitude ", content::latitude},
  hint{" lon lng longitude ", content::longitude},
  hint{" score rating stars grade ", content::score},
  hint{" price amount cost total balance salary ", content::amount},
};

constexpr std::array text_hints{
  hint{" at ", content::moment},
  hint{" mail email ", content::mail},
  hint{" uuid guid ", content::uuid},
  hint{" url uri link website homepage ", content::url},
  hint{" phone telephone tel mobile fax ", content::phone},
  hint{" first forename firstname given ", content::first_name},
  hint{" last surname lastname family ", content::last_name},
  hint{" login username nick nickname handle ", content::login},
  hint{" street address ", content::street},
  hint{" city town ", content::city},
  hint{" country ", content::country},
  hint{" zip postcode postal ", content::postcode},
  hint{" day date birthday born birthdate on ", content::day},
  hint{" at time created updated modified timestamp seen expires expiry ", content::moment},
  hint{" colour color ", content::colour},
  hint{" language lang locale ", content::language},
  hint{" currency ", content::currency},
  hint{" code sku key number id ref reference ", content::code},
  hint{" json ", content::json},
  hint{" description text body note notes comment summary content message remark ", content::sentence},
  hint{" name author owner person user customer ", content::person},
};

std::string folded(std::string_view text) {
  std::string lower{text};
  std::ranges::transform(lower, lower.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  return lower;
}

/// The words of a column's name: of `sent_at` and `sentAt` they are `sent` and `at`.
std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words{""};
  for (const char letter : name) {
    const bool upper = letter >= 'A' && letter <= 'Z';
    const bool after_lower = !words.back().empty() && words.back().back() >= 'a' && words.back().back() <= 'z';
    if (letter == '_' || letter == ' ' || letter == '-') {
      words.emplace_back();
      continue;
    }
    if (upper && after_lower) {
      words.emplace_back();
    }
    words.back() += letter;
  }
  std::ranges::transform(words, words.begin(), folded);
  return words;
}

/// The first hint that one of the words gives.
content hinted(std::span<const hint> hints, const std::vector<std::string>& words, content otherwise) {
  for (const auto& [known, what] : hints) {
    for (const auto& word : words) {
      if (!word.empty() && known.find(' ' + word + ' ') != std::string_view::npos) {
        return what;
      }
    }
  }
  return otherwise;
}

template <std::size_t Count>
std::string_view one_of(const std::array<std::string_view, Count>& all, draw& from) {
  return all[from.below(Count)];
}

std::string capital(std::string_view word) {
  std::string text{word};
  text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

std::string uuid_text(draw& from) {
  // Version 4, variant 1 (RFC 4122 §4.4).
  const auto high = (from.next() & 0xffff'ffff'ffff'0fff) | 0x4000;
  const auto low = (from.next() & 0x3fff'ffff'ffff'ffff) | 0x8000'0000'0000'0000;
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff, high & 0xffff, low >> 48,
                     low & 0xffff'ffff'ffff);
}

/// Seconds after 1970; of each row others, where that is asked for.
std::int64_t second_of(bool unique, std::uint64_t row, draw& from) {
  return first_second + static_cast<std::int64_t>(unique ? row : from.below(seconds_made));
}

std::int64_t made_integer(content what, draw& from) {
  const auto drawn = [&from](std::uint64_t least, std::uint64_t most) {
    return static_cast<std::int64_t>(least + from.below(most - least + 1));
  };
  switch (what) {
    case content::flag:
      return drawn(0, 1);
    case content::small_number:
      return drawn(1, 20);
    case content::age:
      return drawn(18, 97);
    case content::year:
      return drawn(1940, 2009);
    case content::rating:
      return drawn(1, 5);
    case content::percent:
      return drawn(0, 100);
    case content::cents:
      return drawn(100, 99'999);
    default:
      return drawn(1, 1'000);
  }
}

double made_real(content what, draw& from) {
  const auto drawn = [&from](std::uint64_t steps) { return static_cast<double>(from.below(steps + 1)); };
  switch (what) {
    case content::amount:
      return (100 + drawn(99'899)) / 100;
    case content::score:
      return drawn(100) / 10;
    case content::latitude:
      return drawn(180'000) / 1'000 - 90;
    case content::longitude:
      return drawn(360'000) / 1'000 - 180;
    default:
      return drawn(100'000) / 100;
  }
}

/// Texts that say the row's number themselves, or are of moments.
value numbered_text(content what, bool unique, std::uint64_t row, draw& from) {
  using std::chrono::days;
  using std::chrono::seconds;
  using std::chrono::sys_seconds;
  switch (what) {
    case content::mail:
      return folded(fmt::format("{}.{}.{}@example.org", one_of(first_names, from), one_of(last_names, from), row));
    case content::login:
      return folded(fmt::format("{}{}", one_of(first_names, from), row));
    case content::url:
      return fmt::format("https://example.org/{}-{}/{}", one_of(adjectives, from), one_of(nouns, from), row);
    case content::code:
      return fmt::format("{:c}{:c}-{:06}", static_cast<char>('A' + from.below(26)),
                         static_cast<char>('A' + from.below(26)), row);
    case content::json:
      return fmt::format(R"({{"number":{},"word":"{}"}})", row, one_of(nouns, from));
    case content::uuid:
      return uuid_text(from);
    case content::phone:
      return fmt::format("+44 1632 {:06}", unique ? row : from.below(1'000'000));
    case content::day: {
      const auto day = unique ? row : from.below(seconds_made / 86'400);
      return std::chrono::floor<days>(sys_seconds{seconds{first_second}}) + days{day};
    }
    case content::time: {
      const auto second = (unique ? row : from.next()) % 86'400;
      return fmt::format("{:02}:{:02}:{:02}", second / 3'600, second / 60 % 60, second % 60);
    }
    default:
      return sys_seconds{seconds{second_of(unique, row, from)}};
  }
}

std::string made_words(content what, draw& from) {
  switch (what) {
    case content::person:
      return fmt::format("{} {}", one_of(first_names, from), one_of(last_names, from));
    case content::first_name:
      return std::string{one_of(first_names, from)};
    case content::last_name:
      return std::string{one_of(last_names, from)};
    case content::street:
      return fmt::format("{} {} Street", 1 + from.below(199), capital(one_of(nouns, from)));
    case content::city:
      return std::string{one_of(cities, from)};
    case content::country:
      return std::string{one_of(countries, from)};
    case content::postcode:
      return fmt::format("{:05}", from.below(100'000));
    case content::colour:
      return std::string{one_of(colours, from)};
    case content::language:
      return std::string{one_of(languages, from)};
    case content::currency:
      return std::string{one_of(currencies, from)};
    case content::sentence:
      return fmt::format("The {} {} is near the {} {}.", one_of(adjectives, from), one_of(nouns, from),
                         one_of(adjectives, from), one_of(nouns, from));
    default:
      return fmt::format("{} {}", capital(one_of(adjectives, from)), one_of(nouns, from));
  }
}

value made_bytes(std::uint64_t row, draw& from) {
  const std::array<std::uint64_t, 2> numbers{from.next(), row};
  return {std::as_bytes(std::span{numbers})};
}

} // namespace

draw::draw(std::uint64_t run, std::string_view table, std::string_view column, std::uint64_t row) noexcept
  : state_(0xcbf2'9ce4'8422'2325) {
  // FNV-1a.
  const auto mix = [this](std::uint8_t byte) { state_ = (state_ ^ byte) * 0x100'0000'01b3; };
  for (const auto text : {table, std::string_view{"."}, column}) {
    std::ranges::for_each(text, [&](char letter) { mix(static_cast<std::uint8_t>(letter)); });
  }
  for (const auto number : {run, row}) {
    for (int shift = 0; shift < 64; shift += 8) {
      mix(static_cast<std::uint8_t>(number >> shift));
    }
  }
}

/// SplitMix64.
std::uint64_t draw::next() noexcept {
  state_ += 0x9e37'79b9'7f4a'7c15;
  auto mixed = state_;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58'476d'1ce4'e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d0'49bb'1331'11eb;
  return mixed ^ (mixed >> 31);
}

/// By SQLite's rules of affinity (datatype3.html §3.1), after those types that say more.
content content_of(const table_column& column) {
  const auto type = folded(column.type);
  const auto has = [&type](std::string_view part) { return type.find(part) != std::string::npos; };
  const auto words = words_of(column.name);
  if (has("bool")) {
    return content::flag;
  }
  if (has("int")) {
    return hinted(integer_hints, words, content::number);
  }
  if (has("uuid") || has("json")) {
    return has("uuid") ? content::uuid : content::json;
  }
  if (has("date") || has("time")) {
    return has("time") ? (type == "time" ? content::time : content::moment) : content::day;
  }
  if (has("char") || has("clob") || has("text") || type.empty() || type == "any") {
    return hinted(text_hints, words, content::title);
  }
  if (has("blob")) {
    return content::bytes;
  }
  return hinted(real_hints, words, has("real") || has("floa") || has("doub") ? content::real : content::amount);
}

value made_value(content what, bool unique, std::uint64_t row, draw& from) {
  if (what == content::bytes) {
    return made_bytes(row, from);
  }
  if (what == content::unix_time) {
    return second_of(unique, row, from);
  }
  if (what <= content::cents) {
    return unique ? static_cast<std::int64_t>(row) : made_integer(what, from);
  }
  if (what <= content::real) {
    return unique ? static_cast<double>(row) : made_real(what, from);
  }
  const bool says_number = what == content::mail || what == content::login || what == content::url
                           || what == content::code || what == content::json || what == content::uuid
                           || what == content::phone || what == content::day || what == content::time
                           || what == content::moment;
  if (says_number) {
    return numbered_text(what, unique, row, from);
  }
  return unique ? fmt::format("{} {}", made_words(what, from), row) : made_words(what, from);
}

} // namespace millrace::tools
