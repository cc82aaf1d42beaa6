#include "sim/sweep/store.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

// Marks the file as ours ("pwtt") and its layout.
constexpr int kApplicationId = 0x70777474;
constexpr int kLayout = 1;
constexpr int kBusyMs = 60'000;

struct Close {
    void operator()(sqlite3* database) const { sqlite3_close(database); }
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Handle = std::unique_ptr<sqlite3, Close>;

[[noreturn]] void failed(const std::string& path, const std::string& why) {
    throw UserError(fmt::format("store '{}': {}", path, why));
}

class Database {
  public:
    Database(std::string path, int flags) : path_(std::move(path)) {
        sqlite3* raw = nullptr;
        const int code = sqlite3_open_v2(path_.c_str(), &raw, flags, nullptr);
        handle_.reset(raw);
        if (code != SQLITE_OK) fail();
        sqlite3_busy_timeout(raw, kBusyMs);
    }

    [[noreturn]] void fail() const { failed(path_, sqlite3_errmsg(handle_.get())); }

    void execute(const char* sql) {
        if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
    }
    [[nodiscard]] sqlite3* get() const { return handle_.get(); }

  private:
    std::string path_;
    Handle handle_;
};

class Statement {
  public:
    Statement(const Database& database, const char* sql) : database_(&database) {
        sqlite3_stmt* raw = nullptr;
        if (sqlite3_prepare_v2(database.get(), sql, -1, &raw, nullptr) != SQLITE_OK) {
            database.fail();
        }
        handle_.reset(raw);
    }

    Statement& bind(int place, const std::string& text) {
        if (sqlite3_bind_text(handle_.get(), place, text.data(), static_cast<int>(text.size()),
                              SQLITE_TRANSIENT) != SQLITE_OK) {
            database_->fail();
        }
        return *this;
    }
    Statement& bind(int place, std::int64_t number) {
        if (sqlite3_bind_int64(handle_.get(), place, number) != SQLITE_OK) database_->fail();
        return *this;
    }
    /// True while there is a row.
    bool step() {
        const int code = sqlite3_step(handle_.get());
        if (code != SQLITE_ROW && code != SQLITE_DONE) database_->fail();
        return code == SQLITE_ROW;
    }
    void run() {
        while (step()) {
        }
        sqlite3_reset(handle_.get());
    }
    [[nodiscard]] std::string text(int column) const {
        const auto* bytes = static_cast<const char*>(sqlite3_column_blob(handle_.get(), column));
        const int size = sqlite3_column_bytes(handle_.get(), column);
        return bytes == nullptr ? std::string()
                                : std::string(bytes, static_cast<std::size_t>(size));
    }
    [[nodiscard]] std::int64_t integer(int column) const {
        return sqlite3_column_int64(handle_.get(), column);
    }

  private:
    const Database* database_;
    std::unique_ptr<sqlite3_stmt, Close> handle_;
};

/// All or nothing: rolled back unless commit() was reached.
class Transaction {
  public:
    explicit Transaction(Database& database) : database_(&database) {
        database_->execute("BEGIN IMMEDIATE");
    }
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    ~Transaction() {
        if (database_ != nullptr) {
            sqlite3_exec(database_->get(), "ROLLBACK", nullptr, nullptr, nullptr);
        }
    }
    void commit() {
        database_->execute("COMMIT");
        database_ = nullptr;
    }

  private:
    Database* database_;
};

std::int64_t pragma(const Database& database, const char* sql) {
    Statement statement(database, sql);
    return statement.step() ? statement.integer(0) : 0;
}

void check_is_store(const Database& database, const std::string& path) {
    if (pragma(database, "PRAGMA application_id") != kApplicationId) {
        failed(path, "this file is not a store of sweep results");
    }
    const std::int64_t layout = pragma(database, "PRAGMA user_version");
    if (layout != kLayout) {
        failed(path, fmt::format("its layout is {}, this program reads {}", layout, kLayout));
    }
}

void create_tables(Database& database) {
    Transaction transaction(database);
    database.execute(fmt::format("PRAGMA application_id={}", kApplicationId).c_str());
    database.execute(fmt::format("PRAGMA user_version={}", kLayout).c_str());
    database.execute(
        "CREATE TABLE points (sweep TEXT NOT NULL, plan TEXT NOT NULL, position INTEGER NOT NULL,"
        " key TEXT NOT NULL,"
        " labels TEXT NOT NULL, chip TEXT NOT NULL, workload TEXT NOT NULL,"
        " batch INTEGER NOT NULL, PRIMARY KEY (sweep, position));"
        "CREATE TABLE answers (key TEXT PRIMARY KEY, status TEXT NOT NULL, reason TEXT NOT NULL,"
        " record TEXT NOT NULL);");
    transaction.commit();
}

// For reading too: after a kill, whoever comes next must roll the journal back.
Database opened(const std::string& path) { return {path, SQLITE_OPEN_READWRITE}; }

bool is_final(const std::string& status) { return status == "ok" || status == "infeasible"; }

std::string labels_text(const PlannedPoint& point) {
    nlohmann::ordered_json labels = nlohmann::ordered_json::array();
    for (const auto& [name, value] : point.labels) labels.push_back({name, value});
    return labels.dump();
}

void insert_point(const Database& database, const std::string& sweep, const std::string& plan,
                  const PlannedPoint& point) {
    Statement(database, "INSERT OR REPLACE INTO points VALUES (?1,?2,?3,?4,?5,?6,?7,?8)")
        .bind(1, sweep)
        .bind(2, plan)
        .bind(3, point.position)
        .bind(4, point.key)
        .bind(5, labels_text(point))
        .bind(6, point.chip)
        .bind(7, point.workload)
        .bind(8, point.batch)
        .run();
}

void insert_answer(const Database& database, const std::string& key, const std::string& status,
                   const std::string& reason, const std::string& record) {
    Statement(database, "INSERT OR REPLACE INTO answers VALUES (?1,?2,?3,?4)")
        .bind(1, key)
        .bind(2, status)
        .bind(3, reason)
        .bind(4, record)
        .run();
}

PlannedPoint point_of(const Statement& row, const std::string& path) {
    PlannedPoint point{.key = row.text(3),
                       .position = row.integer(2),
                       .chip = row.text(5),
                       .workload = row.text(6),
                       .batch = row.integer(7)};
    try {
        const nlohmann::json labels = nlohmann::json::parse(row.text(4));
        for (const auto& label : labels) {
            point.labels.emplace_back(label.at(0).get<std::string>(),
                                      label.at(1).get<std::string>());
        }
    } catch (const nlohmann::json::exception&) {
        failed(path, fmt::format("the labels of point {} are damaged", point.key));
    }
    return point;
}

void merge_answers(const Database& into, const Database& from, const std::string& path) {
    std::map<std::string, std::pair<std::string, std::string>> held;
    Statement all(into, "SELECT key, status, record FROM answers");
    while (all.step()) held[all.text(0)] = {all.text(1), all.text(2)};
    Statement rows(from, "SELECT key, status, reason, record FROM answers");
    while (rows.step()) {
        const std::string key = rows.text(0);
        const auto present = held.find(key);
        if (present != held.end() && is_final(present->second.first)) {
            const bool same = present->second == std::pair(rows.text(1), rows.text(3));
            if (is_final(rows.text(1)) && !same) {
                failed(path, fmt::format("point {} has another result than the store it is merged "
                                         "into: they come from different programs",
                                         key));
            }
            continue;
        }
        insert_answer(into, key, rows.text(1), rows.text(2), rows.text(3));
    }
}

}  // namespace

SweepStore SweepStore::open_or_create(const std::string& path) {
    Database database(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    std::error_code ignored;
    const bool empty = std::filesystem::file_size(path, ignored) == 0 || ignored;
    if (empty) create_tables(database);
    check_is_store(database, path);
    return SweepStore(path);
}

SweepStore SweepStore::open(const std::string& path) {
    if (!std::filesystem::is_regular_file(path)) failed(path, "there is no such file");
    check_is_store(opened(path), path);
    return SweepStore(path);
}

void SweepStore::plan(const std::string& sweep, const std::string& plan,
                      const std::vector<PlannedPoint>& points) {
    Database database = opened(path_);
    Transaction transaction(database);
    Statement(database, "DELETE FROM points WHERE sweep=?1 AND plan<>?2")
        .bind(1, sweep)
        .bind(2, plan)
        .run();
    for (const PlannedPoint& point : points) insert_point(database, sweep, plan, point);
    transaction.commit();
}

std::set<std::string> SweepStore::finished() const {
    const Database database = opened(path_);
    Statement rows(database, "SELECT key, status FROM answers");
    std::set<std::string> keys;
    while (rows.step()) {
        if (is_final(rows.text(1))) keys.insert(rows.text(0));
    }
    return keys;
}

void SweepStore::put(const std::string& key, const std::string& status, const std::string& reason,
                     const std::string& record) {
    insert_answer(opened(path_), key, status, reason, record);
}

std::vector<StoredPoint> SweepStore::points() const {
    const Database database = opened(path_);
    Statement rows(database,
                   "SELECT sweep, plan, position, points.key, labels, chip, workload, batch,"
                   " status, reason, record FROM points JOIN answers ON points.key = answers.key"
                   " ORDER BY sweep, position");
    std::vector<StoredPoint> points;
    while (rows.step()) {
        points.push_back({.sweep = rows.text(0),
                          .point = point_of(rows, path_),
                          .status = rows.text(8),
                          .reason = rows.text(9),
                          .record = rows.text(10)});
    }
    return points;
}

void SweepStore::merge(const SweepStore& other) {
    Database database = opened(path_);
    const Database from = opened(other.path_);
    Transaction transaction(database);
    merge_answers(database, from, other.path_);
    std::map<std::string, std::string> plans;
    Statement planned(database, "SELECT DISTINCT sweep, plan FROM points");
    while (planned.step()) plans[planned.text(0)] = planned.text(1);
    Statement rows(from,
                   "SELECT sweep, plan, position, key, labels, chip, workload, batch FROM points");
    while (rows.step()) {
        const std::string& plan = plans.try_emplace(rows.text(0), rows.text(1)).first->second;
        if (plan != rows.text(1)) {
            failed(other.path_, fmt::format("its sweep '{}' has another grid, configuration or "
                                            "program than the store it is merged into",
                                            rows.text(0)));
        }
        insert_point(database, rows.text(0), plan, point_of(rows, other.path_));
    }
    transaction.commit();
}

}  // namespace perfwatt
