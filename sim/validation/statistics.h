#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/validation/figure.h"

namespace perfwatt {

/// How far `ours` lies beyond the nearer end of a range, in percent of that end: 0 within it.
/// A reference of 0 is met by 0 only: any other figure is then off by 100 % or more of nothing,
/// which is reported as 100.
[[nodiscard]] double error_percent(double ours, double low, double high);

/// Fills error_percent and, where it is judged, passed.
void judge(Figure& figure);

/// The middle value, or the mean of the two middle ones; 0 of none.
[[nodiscard]] double median(std::vector<double> values);

/// Spearman's rank correlation of pairs, ties at the mean of their ranks; 1 for fewer than two
/// pairs, and 0 where one side is all ties.
[[nodiscard]] double rank_correlation(const std::vector<double>& a, const std::vector<double>& b);

/// What many figures come to together. Skipped figures count only as `skipped`.
struct Summary {
    std::string group;
    int figures = 0;
    int skipped = 0;
    double median_error = 0;  ///< of |error|, percent
    double mean_error = 0;
    double worst_error = 0;
    double bias = 0;  ///< median of the signed error: below 0, ours are the smaller figures
    double rank = 1;  ///< over seconds where there are any, else over the figures
};

using FigureFilter = std::function<bool(const Figure&)>;

[[nodiscard]] Summary summarise(const std::vector<Figure>& figures, const std::string& group,
                                const FigureFilter& belongs);

/// One summary for each value of `key`, in the order of their first figures. Figures of which the
/// key is empty belong to none.
[[nodiscard]] std::vector<Summary> summaries(const std::vector<Figure>& figures,
                                             const std::function<std::string(const Figure&)>& key);

/// Limits on a group; 0: none.
struct Limits {
    double median = 0;
    double mean = 0;
    double worst = 0;
    double rank = 0;
    bool gates = true;
};

/// The targets of a group as figures, one for each limit. None where the summary has no figures:
/// what was not measured is not passed.
[[nodiscard]] std::vector<GroupFigure> judged(const Summary& summary, const Limits& limits);

}  // namespace perfwatt
