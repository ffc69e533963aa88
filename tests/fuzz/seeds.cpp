/// Writes the seeds of all fuzzers anew, as after a change of a format: fuzz_seeds FOLDER, which is tests/fuzz/corpus.

#include <millrace/messages/wire/requests.hpp>
#include <millrace/storage/codec/codec.hpp>
#include <millrace/storage/queue/attempt_page.hpp>
#include <millrace/storage/queue/log.hpp>
#include <millrace/storage/sqlite/common/outcome_record.hpp>
#include <millrace/tests/messages/wire/samples.hpp>
#include <millrace/tests/support/disks/folder_image.hpp>
#include <millrace/tests/support/network/basp_frames.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <caf/binary_serializer.hpp>

using namespace millrace;
using namespace millrace::test;

namespace {

constexpr transaction_name client{{9, 9, 9, 9, 9, 9, 0x79, 9, 0x89, 9, 9, 9, 9, 9, 9, 9}, 12};

/// Where seeds go: a folder per fuzzer.
class corpus {
public:
  explicit corpus(std::filesystem::path folder) : folder_(std::move(folder)) {}

  void add(const std::string& fuzzer, const std::string& name, std::string_view bytes) const {
    std::filesystem::create_directories(folder_ / fuzzer);
    std::ofstream out{folder_ / fuzzer / name, std::ios::binary};
    if (!out.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush()) {
      std::fprintf(stderr, "%s cannot be written\n", (folder_ / fuzzer / name).c_str());
      std::exit(1);
    }
  }

private:
  std::filesystem::path folder_;
};

template <class T>
T must(storage::result<T> given) {
  if (!given) {
    std::fprintf(stderr, "%s\n", given.error().detail.c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) {
    return std::move(*given);
  }
}

transaction every_value() {
  transaction made;
  made.add("INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5)", nullptr, -5, 2.5, "text", blob{std::string{"\0\xff", 2}});
  made.in_group(on_error::continue_after, [](transaction& inner) { inner.add("DELETE FROM t").expect_rows(3); });
  made.add("UPDATE t SET a = :a", named{":a", 1});
  return made;
}

transaction with_name(transaction made) {
  made.name = client;
  return made;
}

std::vector<storage::work> every_work() {
  return {every_value(),
          with_name(execute("DELETE FROM t")),
          schema_script{"0001_t.sql", "CREATE TABLE t(a)"},
          storage::skip_order{{1, 2}, errc::quarantined, 3},
          storage::stretch_end{},
          storage::quarantine_order{1, storage::quarantine_order::action::resubmit}};
}

// The queue -----------------------------------------------------------------------------------------------------------

class queue_seed {
public:
  queue_seed() { must(files_.make_folder(image_path)); }

  /// Opens the queue, which makes a segment, and appends frames of one piece of work each.
  queue_seed& append(std::size_t frames) {
    storage::recovery_report report;
    auto log = must(storage::log::open(files_, image_path, image_database, 0, {8192, 1}, report));
    const auto all = every_work();
    for (std::size_t i = 0; i < frames; ++i) {
      const auto seq = log.last_seq() + 1;
      must(log.append({seq, 1'700'000'000'000, {all[seq % all.size()]}, {}}));
    }
    must(log.append_witness());
    return *this;
  }

  std::string image(std::uint8_t applied_seq) const {
    storage::byte_writer out;
    out.put_byte(applied_seq);
    for (const auto& [path, bytes] : files_.contents()) {
      if (const auto first_seq = storage::segment_of_name(path.filename().string())) {
        out.put_byte(static_cast<std::uint8_t>(*first_seq));
        out.put_text(packed(bytes));
      }
    }
    return std::string{out.view()};
  }

private:
  memory_file_system files_;
};

void add_queue(const corpus& to) {
  to.add("queue", "nothing", queue_seed{}.image(0));
  to.add("queue", "one_segment", queue_seed{}.append(6).image(0));
  to.add("queue", "one_segment_applied", queue_seed{}.append(6).image(4));
  queue_seed three;
  three.append(3).append(2).append(1);
  to.add("queue", "three_segments", three.image(0));
  to.add("queue", "three_segments_applied", three.image(4));
  to.add("queue", "nothing_left_to_apply", three.image(6));
  auto torn = three.image(0);
  torn.back() = static_cast<char>(torn.back() ^ 1);
  to.add("queue", "damaged_at_the_end", torn);
  auto with_others = three.image(0);
  for (const auto what : {image_spare, image_half_made, image_torn, image_other}) {
    with_others += static_cast<char>(what);
    with_others += std::string{
      "\x03"
      "abc"};
  }
  to.add("queue", "among_other_files", with_others);
}

// Records and pages ---------------------------------------------------------------------------------------------------

void add_codec(const corpus& to) {
  storage::byte_writer all;
  storage::encoder_dictionary texts;
  int number = 0;
  for (const auto& item : every_work()) {
    storage::byte_writer out;
    storage::encoder_dictionary own;
    must(encode(out, own, item).and_then([&] { return encode(all, texts, item); }));
    to.add("codec", "kind_" + std::to_string(++number), out.view());
  }
  to.add("codec", "all_kinds", all.view());
}

row_set two_rows() {
  row_set rows{std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"a", "b", "c"})};
  for (int i = 0; i < 2; ++i) {
    rows.begin_row();
    rows.add_integer(42);
    rows.add_text("text");
    rows.add_null();
  }
  return rows;
}

outcome rows_and_an_error() {
  outcome made{.seq = 9, .results = {{.rows_changed = 2, .last_row_id = 42, .rows = two_rows(), .error = {}}, {}}};
  made.results.back().error = failure{errc::constraint, "NOT NULL", std::chrono::milliseconds{7}};
  return made;
}

void add_outcome(const corpus& to) {
  storage::sqlite::outcome_record_writer writer;
  writer.add({client}, 3,
             outcome{.seq = 3, .results = {{.rows_changed = 1, .last_row_id = 7, .rows = {}, .error = {}}}});
  to.add("outcome", "one", writer.bytes());
  writer.add({client}, 4, rows_and_an_error());
  writer.add({client}, 9, tl::unexpected{failure{errc::constraint, "no such row"}});
  to.add("outcome", "three", writer.bytes());
}

void add_row_set(const corpus& to) {
  const auto rows = two_rows();
  to.add("row_set", "nothing", std::string_view{"\0\0", 2});
  to.add("row_set", "two_rows", std::string{"\3\2"} + rows.cells());
  row_set others{std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"a", "b"})};
  others.begin_row();
  others.add_real(1e300);
  others.add_blob("bytes");
  to.add("row_set", "real_and_blob", std::string{"\2\1"} + others.cells());
}

void add_attempt(const corpus& to, const std::filesystem::path& scratch) {
  const auto page_of = [&](auto fill) {
    std::filesystem::remove(scratch);
    fill(*must(storage::attempt_page::open(scratch, image_database)));
    std::ifstream in{scratch, std::ios::binary};
    std::string bytes(160, '\0');
    in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    std::filesystem::remove(scratch);
    return bytes;
  };
  const auto idle = page_of([](storage::attempt_page&) {});
  const auto broken = page_of([](storage::attempt_page& page) {
    page.begin(3, 9);
    page.at(5);
  });
  const auto suspect = page_of([](storage::attempt_page& page) { must(page.accuse(5)); });
  to.add("attempt", "idle", '\0' + idle);
  to.add("attempt", "broken_call", '\0' + broken);
  to.add("attempt", "under_suspicion", '\1' + suspect);
  to.add("attempt", "cut_short", '\0' + idle.substr(0, 40));
}

// Messages and files --------------------------------------------------------------------------------------------------

/// Adds a message under its number in the registry, which is its first byte.
template <class T>
void add_message(const corpus& to, const std::string& name, T message) {
  const auto number = static_cast<unsigned>(caf::type_id<T>::value - caf::id_block::millrace_first_type_id);
  std::vector<char> bytes{static_cast<char>(number)};
  std::vector<char> body;
  caf::binary_serializer sink{nullptr, body};
  if (sink(message)) {
    std::fprintf(stderr, "%s cannot be saved\n", name.c_str());
    std::exit(1);
  }
  bytes.insert(bytes.end(), body.begin(), body.end());
  to.add("message", name, {bytes.data(), bytes.size()});
}

template <class... Ts>
void add_samples(const corpus& to, wire::types<Ts...>) {
  (add_message(to, name_of<Ts>(), sample<Ts>()), ...);
}

void add_delimited(const corpus& to) {
  to.add("delimited", "plain", ",a,b\n1,2\n 3 ,\n");
  to.add("delimited", "quoted", ";\"a;b\";\"say \"\"hi\"\"\"\n\"two\nlines\";x\r\n");
  to.add("delimited", "bad_quoting", ",a,\"b\nc,d\"x\n\"never closed,\n");
  to.add("delimited", "byte_order_mark",
         "\t\xEF\xBB\xBF"
         "a\tb\n\n1\t2");
}

/// Conversations; the first byte is even where a server hears them.
void add_nesting(const corpus& to) {
  to.add("nesting", "unions", std::string{"\5\1\1\1\1\1\1"});
  to.add("nesting", "each_in_turn", std::string{"\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16", 15});
}

void add_basp(const corpus& to) {
  const auto here = a_node(1, 'H');
  const auto there = a_node(2, 'T');
  const auto asked = message_payload(wire::content<page_query>, "values");
  const auto greeted = "\x10" + client_handshake(there);
  to.add("basp", "requests",
         greeted + client_handshake(there, network::basp_select_connection) + monitor_message(there, here, 7)
           + direct_message(5, 7, request_number, asked) + direct_message(6, 7, no_number, asked)
           + down_message(there, here, 5, error_bytes()) + heartbeat());
  to.add("basp", "left_out",
         greeted + direct_message(5, 9, no_number, message_payload("@<>+@exit", "x"), network::basp_named_receiver)
           + direct_message(5, 8, no_number, asked) + direct_message(5, 7, no_number, message_payload("@<>+@exit")));
  to.add("basp", "no_payload", "\2" + header_bytes({.operation = 1}));
  to.add("basp", "routed", greeted + frame({.operation = 3, .dest_actor = 7}, there + here + asked));
  to.add("basp", "answers",
         "\x21" + server_handshake(there) + monitor_message(there, here, 5)
           + direct_message(9, 5, response_number, message_payload(wire::content<outcome>, "values"))
           + direct_message(9, 5, response_number,
                            message_payload("@<>+@error", error_bytes("@<>+@str", basp_string("why"))))
           + down_message(there, here, 9, error_bytes("@<>+@str+@i64", basp_string("why") + big_endian(1, 8))));
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: fuzz_seeds FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder{argv[1]};
  const corpus to{folder};
  add_queue(to);
  add_codec(to);
  add_outcome(to);
  add_attempt(to, folder / "attempt.scratch");
  add_row_set(to);
  add_samples(to, registered{});
  add_delimited(to);
  add_nesting(to);
  add_basp(to);
  return 0;
}
