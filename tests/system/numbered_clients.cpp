#include "numbered_clients.hpp"

#include <millrace/actors/engine/testing.hpp>
#include <millrace/tests/support/disks/forgetful_file_system.hpp>
#include <millrace/tests/support/line_file.hpp>
#include <millrace/tests/support/process/give_up.hpp>
#include <millrace/tests/support/process/opened.hpp>
#include <millrace/tests/support/process/program.hpp>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <sstream>

#include <unistd.h>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

namespace millrace::test {

namespace {

constexpr auto insert_entry = "INSERT INTO entry(client, number, part) VALUES (?1, ?2, ?3)";
constexpr std::chrono::minutes answer_limit{2};

/// What a client sends; a third of them each.
enum class habit : std::uint8_t {
  applied, ///< One row, answered when applied.
  durable, ///< One row, answered when durable.
  mixed,   ///< Several statements and groups, with failing neighbours, answered now so, now so.
};

habit habit_of(std::size_t client) {
  return static_cast<habit>(client % 3);
}

/// How many rows a number stands for.
std::int64_t parts_of(std::size_t client, std::int64_t number) {
  return habit_of(client) == habit::mixed ? 1 + number % 3 : 1;
}

transaction work_of(std::size_t client, std::int64_t number) {
  transaction work;
  for (std::int64_t part = 1; part <= parts_of(client, number); ++part) {
    work.add(insert_entry, client, number, part);
  }
  if (habit_of(client) == habit::mixed) {
    work.in_group(on_error::continue_after, [&](transaction& group) {
      group.add("INSERT INTO refused(client) VALUES (?1)", client);
      group.add("INSERT INTO refused(client) VALUES (NULL)");
    });
    work.add(
      "INSERT INTO total(client, last, times) VALUES (?1, ?2, 1) "
      "ON CONFLICT(client) DO UPDATE SET last = excluded.last, times = times + 1",
      client, number);
  }
  const bool durable = habit_of(client) == habit::durable || (habit_of(client) == habit::mixed && number % 2 == 0);
  work.acknowledgement = durable ? ack::durable : ack::applied;
  return work;
}

/// Has its row inserted, then fails: nothing of it may ever be seen.
transaction refused_work(std::size_t client, std::int64_t number) {
  transaction work;
  work.add(insert_entry, client, number, 99);
  work.add("INSERT INTO refused(client) VALUES (NULL)");
  return work;
}

class numbered_client_state {
public:
  explicit numbered_client_state(caf::event_based_actor* self) : self_(self) {}

  void start(engine_actor front, const line_file& ack_file, std::size_t client, std::int64_t last) {
    front_ = std::move(front);
    ack_file_ = &ack_file;
    client_ = client;
    number_ = last;
    next();
  }

private:
  void next() {
    ++number_;
    if (habit_of(client_) == habit::mixed && number_ % 5 == 0) {
      self_->request(front_, answer_limit, refused_work(client_, number_))
        .then([](const outcome&) { give_up("what must fail was applied"); },
              [this](const caf::error& why) { refused(failure_of(why)); });
    } else {
      send();
    }
  }

  void refused(const failure& why) {
    if (why.code != errc::constraint) {
      give_up(to_string(why));
    }
    send();
  }

  void send() {
    self_->request(front_, answer_limit, work_of(client_, number_))
      .then([this](const outcome& done) { acknowledge(done.seq); },
            [](const caf::error& why) { give_up(to_string(failure_of(why))); });
  }

  void acknowledge(std::uint64_t seq) {
    ack_file_->add(std::to_string(client_) + ' ' + std::to_string(number_) + ' ' + std::to_string(seq) + '\n');
    next();
  }

  caf::event_based_actor* self_; ///< Not owned; outlives the state.
  engine_actor front_;
  const line_file* ack_file_ = nullptr; ///< Not owned; outlives the state.
  std::size_t client_ = 0;
  std::int64_t number_ = 0;
};

void numbered_client(caf::stateful_actor<numbered_client_state>* self, const engine_actor& front,
                     const line_file& ack_file, std::size_t client, std::int64_t last) {
  self->state.start(front, ack_file, client, last);
}

/// Segments and checkpoints so small that processes die inside their making, recycling and removing, too.
options numbered_options(const std::filesystem::path& data) {
  options settings;
  settings.data = data;
  settings.create_if_missing = true;
  settings.scripts = {numbered_schema()};
  settings.write.checkpoint_pages = 40;
  settings.log.segment_bytes = 256 * 1024;
  return settings;
}

/// How far each client came in earlier lives.
std::map<std::size_t, std::int64_t> last_numbers(client db) {
  auto question = select("SELECT client, max(number) FROM entry GROUP BY client");
  question.consistency = consistency::linearizable;
  const auto rows = db.query(question);
  if (!rows) {
    give_up(to_string(rows.error()));
  }
  std::map<std::size_t, std::int64_t> numbers;
  for (const auto row : *rows) {
    numbers[static_cast<std::size_t>(row[0].as_integer())] = row[1].as_integer();
  }
  return numbers;
}

int play_numbered(const std::vector<std::string>& arguments) {
  const auto count = std::stoul(arguments.at(2));
  forgetful_file_system files{std::stoull(arguments.at(3))};
  const auto settings = numbered_options(arguments.at(0));
  system_config config;
  caf::actor_system system{config};
  auto target = open(system, settings, {.files = &files});
  if (!target) {
    give_up(to_string(target.error()));
  }
  const line_file ack_file{arguments.at(1)}; // The folder is ours, and so is its ack file.
  auto last = last_numbers(client{system, target->front()});
  for (std::size_t number = 0; number < count; ++number) {
    system.spawn(numbered_client, target->front(), std::cref(ack_file), number, last[number]);
  }
  for (;;) {
    ::pause();
  }
}

const role numbered{numbered_clients_role, play_numbered};

/// What the table holds of one client.
struct found_client {
  std::int64_t number = 0; ///< The last one seen.
  std::int64_t part = 0;
  std::vector<std::int64_t> row_ids; ///< Of each number's first row.
};

using found_clients = std::map<std::size_t, found_client>;

/// Reads all rows in their order. Each must be what its client sent next.
found_clients read_rows(opened& folder) {
  found_clients found;
  std::size_t unexpected = 0;
  folder.each_row("SELECT id, client, number, part FROM entry WHERE id > ?1 ORDER BY id", [&](const row& one) {
    const auto client = static_cast<std::size_t>(one[1].as_integer());
    auto& known = found[client];
    if (known.part == (known.number == 0 ? 0 : parts_of(client, known.number))) {
      ++known.number;
      known.part = 0;
      known.row_ids.push_back(one[0].as_integer());
    }
    ++known.part;
    unexpected += one[2].as_integer() != known.number || one[3].as_integer() != known.part ? 1 : 0;
  });
  BOOST_TEST(unexpected == 0);
  return found;
}

/// No number is there in part, and what its transaction did beside its rows was done once.
void check_whole(const found_clients& found, opened& folder) {
  std::size_t partial = 0;
  std::int64_t mixed = 0;
  for (const auto& [client, known] : found) {
    partial += known.part != parts_of(client, known.number) ? 1 : 0;
    mixed += habit_of(client) == habit::mixed ? 1 : 0;
  }
  BOOST_TEST(partial == 0);
  std::size_t wrong = 0;
  const auto compare = [&](const row& one) {
    const auto known = found.find(static_cast<std::size_t>(one[0].as_integer()));
    const auto number = known == found.end() ? 0 : known->second.number;
    wrong += one[1].as_integer() != number || one[2].as_integer() != number ? 1 : 0;
  };
  folder.each_row("SELECT client, last, times FROM total WHERE client > ?1 ORDER BY client", compare, -1);
  BOOST_TEST(wrong == 0);
  BOOST_TEST(folder.number("SELECT count(*) FROM total") == mixed);
  BOOST_TEST(folder.number("SELECT count(*) FROM refused") == 0);
}

/// Rows in the order of their sequence numbers, each given once; acknowledged ones all there.
void check_acknowledged(const found_clients& found, std::vector<acknowledgement> acknowledged) {
  std::ranges::sort(acknowledged, {}, &acknowledgement::seq);
  std::size_t lost = 0;
  std::size_t doubled = 0;
  std::size_t out_of_order = 0;
  std::int64_t row_id = 0;
  std::uint64_t seq = 0;
  for (const auto& one : acknowledged) {
    doubled += one.seq == std::exchange(seq, one.seq) ? 1 : 0;
    const auto known = found.find(one.client);
    if (known == found.end() || known->second.number < one.number) {
      ++lost;
      continue;
    }
    const auto next = known->second.row_ids[static_cast<std::size_t>(one.number - 1)];
    out_of_order += next <= std::exchange(row_id, next) ? 1 : 0;
  }
  BOOST_TEST(lost == 0);
  BOOST_TEST(doubled == 0);
  BOOST_TEST(out_of_order == 0);
}

} // namespace

std::vector<std::string> numbered_clients::arguments() const {
  return {data.string(), ack_file.string(), std::to_string(count), std::to_string(syncs_until_failure)};
}

schema_script numbered_schema() {
  return {"0001",
          "CREATE TABLE entry(id INTEGER PRIMARY KEY, client INTEGER, number INTEGER, part INTEGER);"
          "CREATE INDEX entry_by_client ON entry(client, number);"
          "CREATE TABLE total(client INTEGER PRIMARY KEY, last INTEGER, times INTEGER);"
          "CREATE TABLE refused(client INTEGER NOT NULL);"};
}

std::vector<acknowledgement> read_acknowledgements(const std::filesystem::path& file) {
  std::vector<acknowledgement> all;
  for (const auto& line : complete_lines(file)) {
    std::istringstream words{line};
    acknowledgement one;
    words >> one.client >> one.number >> one.seq;
    BOOST_REQUIRE(words);
    all.push_back(one);
  }
  return all;
}

void check_numbered(const std::filesystem::path& data, const std::vector<acknowledgement>& acknowledged) {
  opened folder{numbered_options(data)};
  const auto found = read_rows(folder);
  check_whole(found, folder);
  check_acknowledged(found, acknowledged);
  folder.check_integrity();
}

} // namespace millrace::test
