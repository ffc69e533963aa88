// Says one thing of each aggregate that a program fills in. What it leaves out must not be warned of.
#include <millrace/actors/client/client.hpp>
#include <millrace/actors/client/courier.hpp>
#include <millrace/actors/engine/options.hpp>
#include <millrace/actors/network/remote/remote_engine.hpp>
#include <millrace/actors/network/server/listener.hpp>
#include <millrace/actors/schema/migrator.hpp>
#include <millrace/messages/operations/quarantine.hpp>
#include <millrace/messages/paging.hpp>

namespace {

using namespace std::chrono_literals;

[[maybe_unused]] const millrace::options engine{.data = "ideas"};
[[maybe_unused]] const millrace::options in_full{.admission = {.inflight_transactions_max = 1},
                                                 .write = {.window_bytes_max = 1},
                                                 .read = {.readers = 1},
                                                 .health = {.interval = 1ms},
                                                 .restarts = {.restarts_max = 1},
                                                 .query_breaker = {.enabled = false},
                                                 .log = {.segment_bytes = 1},
                                                 .database = {.url = "sqlite:", .outcomes = {.count = 1}},
                                                 .sqlite = {.cached_statements = 1}};
[[maybe_unused]] const millrace::courier_options courier{.patience = 1s};
[[maybe_unused]] const millrace::network::remote_settings remote{.url = "millrace://127.0.0.1:7400"};
[[maybe_unused]] const millrace::network::listen_settings listener{.at = {.address = "127.0.0.1"},
                                                                   .limits = {.frames = {.handshake_bytes_max = 1}},
                                                                   .tls = {.certificate = "server.pem"}};
[[maybe_unused]] const millrace::network::served_actors served{.engine = {}};

[[maybe_unused]] const millrace::transaction work{
  .statements = {{.sql = "DELETE FROM idea"}}, .groups = {{.first = 0}}, .name = {.number = 1}};
[[maybe_unused]] const millrace::query question{.statement = {.sql = "SELECT 1"}};
[[maybe_unused]] const millrace::page_query pages{.question = question};
[[maybe_unused]] const millrace::named parameter{.name = ":title"};
[[maybe_unused]] const millrace::blob bytes{.bytes = "x"};
[[maybe_unused]] const millrace::schema_script script{.name = "0001_idea"};
[[maybe_unused]] const millrace::schema_change change{.sql = "CREATE TABLE idea(title)"};
[[maybe_unused]] const millrace::migration_set migrations{
  .name = "main", .migrations = {{.version = 1, .up = "SELECT 1"}}, .hooks = {.before_each = "SELECT 1"}};
[[maybe_unused]] const millrace::migration_goal goal{.version = 3};
[[maybe_unused]] const millrace::migrator_options migrating{.author = "me", .hooks = {.before_run = {}}};
[[maybe_unused]] const millrace::failure failed{.code = millrace::errc::constraint};
[[maybe_unused]] const millrace::outcome done{.seq = 1};
[[maybe_unused]] const millrace::statement_result result{.rows_changed = 1};
[[maybe_unused]] const millrace::row_page page{.rows = {}};
[[maybe_unused]] const millrace::health_report report{.state = millrace::health_state::healthy};
[[maybe_unused]] const millrace::quarantine_list list{.after = 1};
[[maybe_unused]] const millrace::quarantined_transaction aside{.seq = 1};

} // namespace
