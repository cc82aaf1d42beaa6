#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "sim/report/numbers.h"
#include "sim/validation/render.h"
#include "sim/validation/tables.h"

namespace perfwatt {
namespace {

/// Colours that stay apart for the colour-blind (Okabe and Ito; Tol), one a subject.
constexpr std::array<std::string_view, 14> kColours = {
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#882255",
    "#117733", "#332288", "#aa4499", "#44aa99", "#999933", "#661100", "#777777"};

constexpr std::string_view kStyle =
    "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem;"
    "color:#222;background:#fff}"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:1rem 0}"
    "th,td{padding:.2rem .6rem;text-align:left;border-bottom:1px solid #ddd}"
    ".n{text-align:right;white-space:nowrap}pre{white-space:pre-wrap;color:#555}"
    "svg{max-width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:#222}";

constexpr double kSide = 560;
constexpr double kLeft = 80;
constexpr double kTop = 16;
constexpr double kLegend = 390;

struct Point {
    double measured = 0;
    double ours = 0;
    std::size_t subject = 0;
    bool hollow = false;
    std::string label;
};

struct Cloud {
    std::vector<Point> points;
    std::vector<std::string> subjects;
    bool seconds = false;
};

/// The subject's index; new ones are appended.
std::size_t index_of(std::vector<std::string>& subjects, const std::string& subject) {
    const auto at = std::find(subjects.begin(), subjects.end(), subject);
    if (at == subjects.end()) subjects.push_back(subject);
    return static_cast<std::size_t>(std::find(subjects.begin(), subjects.end(), subject) -
                                    subjects.begin());
}

/// What has no place in logarithmic axes, zero, is left out. Times are drawn as times where any
/// figure is one; figures of other kinds then do not belong in the same picture.
Cloud cloud_of(const SuiteOutcome& outcome) {
    Cloud cloud;
    cloud.seconds = std::any_of(outcome.figures.begin(), outcome.figures.end(),
                                [](const Figure& f) { return f.seconds > 0 && !f.skipped; });
    for (const Figure& f : outcome.figures) {
        const double measured = cloud.seconds ? f.seconds : std::sqrt(f.low * f.high);
        const double ours = cloud.seconds ? f.our_seconds : f.ours;
        if (f.skipped || measured <= 0 || ours <= 0) continue;
        cloud.points.push_back(
            {measured, ours, index_of(cloud.subjects, f.subject), f.role == "calibrate",
             fmt::format("{} {} {}: {} measured, {} simulated", f.subject, f.topic, f.name,
                         exact_text(f.low), exact_text(f.ours))});
    }
    return cloud;
}

std::string decade_text(double value, bool seconds) {
    return seconds ? time_text(value * 1e9) : count_text(value);
}

/// Both axes span the same whole decades, so that the diagonal is equality.
class Axes {
  public:
    Axes(const Cloud& cloud) : seconds_(cloud.seconds) {
        double least = cloud.points.front().measured;
        double most = least;
        for (const Point& point : cloud.points) {
            least = std::min({least, point.measured, point.ours});
            most = std::max({most, point.measured, point.ours});
        }
        first_ = std::floor(std::log10(least));
        last_ = std::max(std::ceil(std::log10(most)), first_ + 1);
    }

    [[nodiscard]] double x(double value) const { return kLeft + share(value) * kSide; }
    [[nodiscard]] double y(double value) const { return kTop + (1 - share(value)) * kSide; }

    [[nodiscard]] std::string drawn() const {
        std::string text;
        for (double decade = first_; decade <= last_; decade += 1) {
            const double value = std::pow(10.0, decade);
            text += fmt::format(
                "<path d=\"M{0:.1f} {1}V{2}M{3} {4:.1f}H{5}\" stroke=\"#ddd\" fill=\"none\"/>\n",
                x(value), kTop, kTop + kSide, kLeft, y(value), kLeft + kSide);
            text += fmt::format(
                "<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n"
                "<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n",
                x(value), kTop + kSide + 18, decade_text(value, seconds_), kLeft - 8, y(value) + 4,
                decade_text(value, seconds_));
        }
        return text + diagonals() + names();
    }

  private:
    [[nodiscard]] double share(double value) const {
        return (std::log10(value) - first_) / (last_ - first_);
    }
    /// Equality, and 25 % to either side of it.
    [[nodiscard]] std::string diagonals() const {
        const double low = std::pow(10.0, first_);
        const double high = std::pow(10.0, last_);
        std::string text;
        for (const double ratio : {1.0, 1.25, 1 / 1.25}) {
            const double from = std::max(low, low / ratio);
            const double to = std::min(high, high / ratio);
            text += fmt::format(
                "<path d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\" stroke=\"#888\"{} fill=\"none\"/>\n",
                x(from), y(from * ratio), x(to), y(to * ratio),
                ratio == 1.0 ? "" : " stroke-dasharray=\"4 4\"");
        }
        return text;
    }
    [[nodiscard]] std::string names() const {
        return fmt::format(
            "<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">measured or published{}</text>\n"
            "<text transform=\"translate(16 {:.1f}) rotate(-90)\" text-anchor=\"middle\">"
            "simulated</text>\n",
            kLeft + kSide / 2, kTop + kSide + 40, seconds_ ? ", time of one item" : "",
            kTop + kSide / 2);
    }

    bool seconds_;
    double first_ = 0;
    double last_ = 1;
};

std::string legend_of(const Cloud& cloud) {
    std::string text;
    double y = kTop + 10;
    for (std::size_t i = 0; i < cloud.subjects.size(); ++i, y += 20) {
        text += fmt::format(
            "<circle cx=\"{0}\" cy=\"{1}\" r=\"5\" fill=\"{2}\"/><text x=\"{3}\" y=\"{4}\">{5}"
            "</text>\n",
            kLeft + kSide + 24, y, kColours[i % kColours.size()], kLeft + kSide + 36, y + 4,
            html_escape(cloud.subjects[i]));
    }
    return text + fmt::format(
                      "<text x=\"{0}\" y=\"{1}\">hollow: to calibrate on</text>\n"
                      "<text x=\"{0}\" y=\"{2}\">dashed: 25 % to either side</text>\n",
                      kLeft + kSide + 18, y + 10, y + 30);
}

std::string picture_of(const SuiteOutcome& outcome) {
    const Cloud cloud = cloud_of(outcome);
    if (cloud.points.empty()) return {};
    const Axes axes(cloud);
    std::string body = axes.drawn() + legend_of(cloud);
    for (const Point& point : cloud.points) {
        const std::string_view colour = kColours[point.subject % kColours.size()];
        body += fmt::format(
            "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" stroke=\"{}\" fill=\"{}\" "
            "fill-opacity=\"0.75\"><title>{}</title></circle>\n",
            axes.x(point.measured), axes.y(point.ours), colour, point.hollow ? "#fff" : colour,
            html_escape(point.label));
    }
    const double height =
        std::max(kTop + kSide + 52, kTop + 60 + 20 * static_cast<double>(cloud.subjects.size()));
    return fmt::format(
        "<svg viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" role=\"img\" "
        "aria-label=\"measured against simulated\">\n{2}</svg>\n",
        kLeft + kSide + kLegend, height, body);
}

}  // namespace

std::string outcomes_page(const std::vector<SuiteOutcome>& outcomes) {
    std::string body = "<h1>Measured and simulated</h1>\n";
    for (const SuiteOutcome& outcome : outcomes) {
        body += fmt::format("<h2>{}</h2>\n", html_escape(outcome.suite));
        body += picture_of(outcome);
        if (!outcome.groups.empty()) body += targets_table(outcome).html();
        body += summaries_table(outcome).html();
        body += figures_table(outcome).html();
        body += fmt::format("<pre>{}</pre>\n", html_escape(closing_words(outcome)));
    }
    return fmt::format(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width\">\n<title>perfwatt validate</title>"
        "\n<style>{}</style>\n</head>\n<body>\n{}</body>\n</html>\n",
        kStyle, body);
}

}  // namespace perfwatt
