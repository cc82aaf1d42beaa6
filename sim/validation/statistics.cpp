#include "sim/validation/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace perfwatt {
namespace {

/// Ranks from 1; equal values share the mean of theirs.
std::vector<double> ranks_of(const std::vector<double>& values) {
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
    std::vector<double> ranks(values.size());
    for (std::size_t first = 0; first < order.size();) {
        std::size_t last = first;
        while (last + 1 < order.size() && values[order[last + 1]] == values[order[first]]) ++last;
        const double shared = static_cast<double>(first + last) / 2 + 1;
        for (std::size_t i = first; i <= last; ++i) ranks[order[i]] = shared;
        first = last + 1;
    }
    return ranks;
}

double mean_of(const std::vector<double>& values) {
    if (values.empty()) return 0;
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

double error_percent(double ours, double low, double high) {
    const double end = ours < low ? low : high;
    if (ours >= low && ours <= high) return 0;
    if (end == 0) return ours > 0 ? 100 : -100;
    return (ours - end) / std::abs(end) * 100;
}

void judge(Figure& figure) {
    if (figure.skipped) return;
    figure.error_percent = error_percent(figure.ours, figure.low, figure.high);
    if (figure.judged) figure.passed = std::abs(figure.error_percent) <= figure.tolerance_percent;
}

double median(std::vector<double> values) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    if (values.size() % 2 == 1) return values[middle];
    return (values[middle - 1] + values[middle]) / 2;
}

double rank_correlation(const std::vector<double>& a, const std::vector<double>& b) {
    if (a.size() < 2 || a.size() != b.size()) return 1;
    const std::vector<double> ranks_a = ranks_of(a);
    const std::vector<double> ranks_b = ranks_of(b);
    const double mean_a = mean_of(ranks_a);
    const double mean_b = mean_of(ranks_b);
    double both = 0;
    double of_a = 0;
    double of_b = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        both += (ranks_a[i] - mean_a) * (ranks_b[i] - mean_b);
        of_a += (ranks_a[i] - mean_a) * (ranks_a[i] - mean_a);
        of_b += (ranks_b[i] - mean_b) * (ranks_b[i] - mean_b);
    }
    if (of_a == 0 || of_b == 0) return 0;
    return both / std::sqrt(of_a * of_b);
}

Summary summarise(const std::vector<Figure>& figures, const std::string& group,
                  const FigureFilter& belongs) {
    Summary summary{.group = group};
    std::vector<double> errors;
    std::vector<double> sizes;
    std::vector<double> reference;
    std::vector<double> ours;
    for (const Figure& figure : figures) {
        if (!belongs(figure)) continue;
        if (figure.skipped) {
            ++summary.skipped;
            continue;
        }
        errors.push_back(figure.error_percent);
        sizes.push_back(std::abs(figure.error_percent));
        const bool timed = figure.seconds > 0 && figure.our_seconds > 0;
        reference.push_back(timed ? figure.seconds : (figure.low + figure.high) / 2);
        ours.push_back(timed ? figure.our_seconds : figure.ours);
    }
    summary.figures = static_cast<int>(errors.size());
    if (errors.empty()) return summary;
    summary.median_error = median(sizes);
    summary.mean_error = mean_of(sizes);
    summary.worst_error = *std::max_element(sizes.begin(), sizes.end());
    summary.bias = median(errors);
    summary.rank = rank_correlation(reference, ours);
    return summary;
}

std::vector<Summary> summaries(const std::vector<Figure>& figures,
                               const std::function<std::string(const Figure&)>& key) {
    std::vector<std::string> groups;
    for (const Figure& figure : figures) {
        const std::string group = key(figure);
        if (group.empty() || std::find(groups.begin(), groups.end(), group) != groups.end()) {
            continue;
        }
        groups.push_back(group);
    }
    std::vector<Summary> made;
    for (const std::string& group : groups) {
        made.push_back(
            summarise(figures, group, [&](const Figure& figure) { return key(figure) == group; }));
    }
    return made;
}

std::vector<GroupFigure> judged(const Summary& summary, const Limits& limits) {
    std::vector<GroupFigure> made;
    if (summary.figures == 0) return made;
    const auto add = [&](const char* statistic, double ours, double limit, bool passed) {
        if (limit == 0) return;
        made.push_back({.group = summary.group,
                        .statistic = statistic,
                        .ours = ours,
                        .limit = limit,
                        .figures = summary.figures,
                        .passed = passed,
                        .gates = limits.gates});
    };
    const auto below = [&](const char* statistic, double ours, double limit) {
        add(statistic, ours, limit, ours <= limit);
    };
    below("median |error| %", summary.median_error, limits.median);
    below("mean |error| %", summary.mean_error, limits.mean);
    below("worst |error| %", summary.worst_error, limits.worst);
    if (summary.figures >= 3) add("rank", summary.rank, limits.rank, summary.rank >= limits.rank);
    return made;
}

}  // namespace perfwatt
