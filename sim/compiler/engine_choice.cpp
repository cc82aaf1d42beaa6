#include "sim/compiler/engine_choice.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "sim/base/diagnostics.h"

namespace perfwatt {
namespace {

/// Beyond this many ways to fix the kernels that hand over to the next block, they are kept alike.
constexpr std::int64_t kMostFixings = 256;

bool possible(Time cost) { return cost < Time::max(); }

Time crossing(const EngineChoice& problem, const EngineChoice::Edge& edge, int from, int to) {
    if (from == to) return Time::zero();
    const auto& maker = problem.kernels[static_cast<std::size_t>(edge.from)];
    const auto& reader = problem.kernels[static_cast<std::size_t>(edge.to)];
    return edge.times * (maker.leave[static_cast<std::size_t>(from)] +
                         reader.arrive[static_cast<std::size_t>(to)]);
}

/// A partial assignment: what it cost, and the state it came from.
struct State {
    Time cost;
    int before = -1;   ///< place in the step before
    int engine = 0;    ///< of the step's kernel
    std::string open;  ///< engines of the kernels still to be read, in their order
};

/// Dynamic programming with some kernels fixed.
class Search {
  public:
    Search(const EngineChoice& problem, const std::map<int, int>& fixed)
        : problem_(problem), fixed_(fixed), last_read_(problem.kernels.size(), -1) {
        for (const EngineChoice::Edge& edge : problem.edges)
            if (edge.to > edge.from)
                last_read_[static_cast<std::size_t>(edge.from)] =
                    std::max(last_read_[static_cast<std::size_t>(edge.from)], edge.to);
        into_.resize(problem.kernels.size());
        for (const EngineChoice::Edge& edge : problem.edges)
            into_[static_cast<std::size_t>(edge.to)].push_back(&edge);
    }

    /// The assignment and its cost; nothing if a fixed kernel cannot run where it is fixed.
    std::optional<std::pair<std::vector<int>, Time>> run() {
        std::vector<std::vector<State>> steps;
        steps.push_back({State{}});
        for (std::size_t i = 0; i < problem_.kernels.size(); ++i) {
            steps.push_back(step(static_cast<int>(i), steps.back()));
            if (steps.back().empty()) return std::nullopt;
        }
        std::vector<int> chosen(problem_.kernels.size());
        const std::vector<State>& ends = steps.back();
        const auto best =
            std::min_element(ends.begin(), ends.end(),
                             [](const State& a, const State& b) { return a.cost < b.cost; });
        const Time cost = best->cost;
        auto at = static_cast<int>(best - ends.begin());
        for (std::size_t i = chosen.size(); i-- > 0;) {
            const State& state = steps[i + 1][static_cast<std::size_t>(at)];
            chosen[i] = state.engine;
            at = state.before;
        }
        return std::pair(std::move(chosen), cost);
    }

  private:
    std::vector<State> step(int kernel, const std::vector<State>& before) {
        const EngineChoice::Kernel& here = problem_.kernels[static_cast<std::size_t>(kernel)];
        std::map<std::string, State> reached;
        for (std::size_t s = 0; s < before.size(); ++s) {
            for (int engine = 0; engine < static_cast<int>(here.cost.size()); ++engine) {
                if (!possible(here.cost[static_cast<std::size_t>(engine)])) continue;
                const auto fixed = fixed_.find(kernel);
                if (fixed != fixed_.end() && fixed->second != engine) continue;
                State next{.cost = before[s].cost + added(kernel, engine, before[s].open),
                           .before = static_cast<int>(s),
                           .engine = engine,
                           .open = after(kernel, engine, before[s].open)};
                const auto [found, fresh] = reached.emplace(next.open, next);
                if (!fresh && next.cost < found->second.cost) found->second = std::move(next);
            }
        }
        close(kernel);
        std::vector<State> states;
        for (auto& [open, state] : reached) states.push_back(std::move(state));
        if (states.size() > kMostStates) {
            std::stable_sort(states.begin(), states.end(),
                             [](const State& a, const State& b) { return a.cost < b.cost; });
            states.resize(kMostStates);
        }
        return states;
    }

    [[nodiscard]] Time added(int kernel, int engine, const std::string& open) const {
        const EngineChoice::Kernel& here = problem_.kernels[static_cast<std::size_t>(kernel)];
        Time cost = here.times * here.cost[static_cast<std::size_t>(engine)];
        for (const EngineChoice::Edge* edge : into_[static_cast<std::size_t>(kernel)]) {
            if (edge->from == kernel) continue;  // on the same engine, whichever it is
            int from = 0;
            if (edge->from > kernel) {
                from = fixed_.at(edge->from);
            } else {
                const auto place = std::find(open_.begin(), open_.end(), edge->from);
                PERFWATT_CHECK(place != open_.end(), "a result is read after its last reader");
                from = open[static_cast<std::size_t>(place - open_.begin())];
            }
            cost += crossing(problem_, *edge, from, engine);
        }
        return cost;
    }

    /// `open` without what has been read for the last time, with the new kernel if it will be read.
    [[nodiscard]] std::string after(int kernel, int engine, const std::string& open) const {
        std::string left;
        for (std::size_t i = 0; i < open_.size(); ++i)
            if (last_read_[static_cast<std::size_t>(open_[i])] > kernel) left += open[i];
        if (last_read_[static_cast<std::size_t>(kernel)] > kernel)
            left += static_cast<char>(engine);
        return left;
    }

    void close(int kernel) {
        std::erase_if(open_,
                      [&](int at) { return last_read_[static_cast<std::size_t>(at)] <= kernel; });
        if (last_read_[static_cast<std::size_t>(kernel)] > kernel) open_.push_back(kernel);
    }

    const EngineChoice& problem_;
    const std::map<int, int>& fixed_;
    std::vector<int> last_read_;  ///< by kernel: its last reader that comes after it
    std::vector<std::vector<const EngineChoice::Edge*>> into_;
    std::vector<int> open_;  ///< kernels whose engines a state's `open` tells
};

/// When a memory is taken: spans in order, which neither meet nor overlap.
class MemoryUse {
  public:
    /// Takes `needed` of the time that is free from `start` on; when it has had that much.
    Time take(Time start, Time needed) {
        if (needed <= Time::zero()) return start;
        std::vector<Span> kept;
        Time at = start;
        Time begin = start;
        std::size_t i = 0;
        for (; i < spans_.size() && spans_[i].to < start; ++i) kept.push_back(spans_[i]);
        for (; i < spans_.size() && spans_[i].from < at + needed; ++i) {
            needed -= std::max(Time::zero(), spans_[i].from - at);
            at = std::max(at, spans_[i].to);
            begin = std::min(begin, spans_[i].from);
        }
        at += needed;
        kept.push_back({begin, at});
        kept.insert(kept.end(), spans_.begin() + static_cast<std::ptrdiff_t>(i), spans_.end());
        spans_ = std::move(kept);
        return at;
    }

  private:
    struct Span {
        Time from;
        Time to;
    };
    std::vector<Span> spans_;
};

/// Kernels that make something for an earlier kernel, in the next block.
std::vector<int> carriers(const EngineChoice& problem) {
    std::vector<int> found;
    for (const EngineChoice::Edge& edge : problem.edges)
        if (edge.from > edge.to) found.push_back(edge.from);
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

}  // namespace

Time cost_of(const EngineChoice& problem, const std::vector<int>& engine_of) {
    Time total;
    for (std::size_t i = 0; i < problem.kernels.size(); ++i) {
        const EngineChoice::Kernel& kernel = problem.kernels[i];
        const Time cost = kernel.cost[static_cast<std::size_t>(engine_of[i])];
        if (!possible(cost)) return Time::max();
        total += kernel.times * cost;
    }
    for (const EngineChoice::Edge& edge : problem.edges)
        total += crossing(problem, edge, engine_of[static_cast<std::size_t>(edge.from)],
                          engine_of[static_cast<std::size_t>(edge.to)]);
    return total;
}

std::vector<int> cheapest(const EngineChoice& problem) {
    if (problem.kernels.empty()) return {};
    const auto engines = static_cast<int>(problem.kernels.front().cost.size());
    const std::vector<int> carry = carriers(problem);
    std::int64_t fixings = 1;
    for (std::size_t i = 0; i < carry.size() && fixings <= kMostFixings; ++i) fixings *= engines;
    const bool alike = fixings > kMostFixings;
    if (alike) fixings = engines;

    std::optional<std::pair<std::vector<int>, Time>> best;
    for (std::int64_t code = 0; code < fixings; ++code) {
        std::map<int, int> fixed;
        std::int64_t rest = code;
        for (const int kernel : carry) {
            int engine = static_cast<int>(alike ? code : rest % engines);
            rest /= engines;
            const auto& cost = problem.kernels[static_cast<std::size_t>(kernel)].cost;
            // Kept alike as far as they can be.
            for (int e = 0; alike && !possible(cost[static_cast<std::size_t>(engine)]); ++e)
                engine = e;
            fixed[kernel] = engine;
        }
        auto found = Search(problem, fixed).run();
        if (found && (!best || found->second < best->second)) best = std::move(found);
    }
    PERFWATT_CHECK(best.has_value(), "a kernel runs on no engine");
    return std::move(best->first);
}

Time end_of(const Overlap& schedule) {
    std::vector<Time> ends;
    std::vector<Time> free;
    std::map<int, MemoryUse> memories;
    Time last;
    for (const Overlap::Kernel& kernel : schedule.kernels) {
        const auto engine = static_cast<std::size_t>(kernel.engine);
        if (engine >= free.size()) free.resize(engine + 1);
        Time start = free[engine];
        for (const int read : kernel.reads)
            start = std::max(start, ends[static_cast<std::size_t>(read)]);
        start += kernel.handover;
        const Time served = memories[kernel.memory].take(start, std::min(kernel.busy, kernel.cost));
        const Time end = std::max(start + kernel.cost, served);
        free[engine] = end;
        ends.push_back(end);
        last = std::max(last, end);
    }
    return last;
}

}  // namespace perfwatt
