#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "sim/report/numbers.h"
#include "sim/report/report.h"
#include "sim/report/text_table.h"
#include "sim/report/views.h"

namespace perfwatt {
namespace {

/// Colours that stay apart for the colour-blind (Okabe and Ito), one a part of a bar.
constexpr std::array<std::string_view, 9> kColours = {"#0072b2", "#56b4e9", "#d55e00",
                                                      "#e69f00", "#999999", "#cc79a7",
                                                      "#009e73", "#f0e442", "#dddddd"};

constexpr std::string_view kStyle =
    "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;"
    "color:#222;background:#fff}"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    "th,td{padding:.2rem .6rem;text-align:left;border-bottom:1px solid #ddd}"
    ".n{text-align:right;white-space:nowrap}pre{white-space:pre-wrap;color:#555}svg{max-width:100%;"
    "height:auto}"
    "svg text{font:12px system-ui,sans-serif;fill:#222}";

constexpr double kWidth = 900;
constexpr double kLabelWidth = 420;
constexpr double kValueWidth = 100;
constexpr double kRow = 24;
constexpr double kBarWidth = kWidth - kLabelWidth - kValueWidth;

std::string text_at(double x, double y, std::string_view anchor, std::string_view text) {
    return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y,
                       anchor, html_escape(text));
}

std::string svg(double height, const std::string& body, std::string_view title) {
    return fmt::format(
        "<svg viewBox=\"0 0 {:.0f} {:.0f}\" width=\"{:.0f}\" role=\"img\" "
        "aria-label=\"{}\">\n{}</svg>\n",
        kWidth, height, kWidth, html_escape(title), body);
}

struct Bar {
    std::string label;
    std::vector<double> parts;
    std::string value;
};

/// Horizontal bars, each of stacked parts; `names` are the parts' legend.
std::string bar_chart(std::string_view title, const std::vector<Bar>& bars,
                      const std::vector<std::string>& names) {
    double longest = 0;
    for (const Bar& bar : bars) {
        double sum = 0;
        for (const double part : bar.parts) sum += part;
        longest = std::max(longest, sum);
    }
    if (longest <= 0) return {};
    std::string body;
    double y = 4;
    for (const Bar& bar : bars) {
        double x = kLabelWidth;
        body += text_at(kLabelWidth - 8, y + 14, "end", bar.label);
        for (std::size_t i = 0; i < bar.parts.size(); ++i) {
            const double width = bar.parts[i] / longest * kBarWidth;
            if (width > 0)
                body += fmt::format(
                    "<rect x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" "
                    "height=\"16\" fill=\"{}\"><title>{}</title></rect>\n",
                    x, y, width, kColours[i % kColours.size()], html_escape(names[i]));
            x += width;
        }
        body += text_at(x + 6, y + 13, "start", bar.value);
        y += kRow;
    }
    double x = kLabelWidth;
    for (std::size_t i = 0; names.size() > 1 && i < names.size(); ++i) {
        if (x + 8 * static_cast<double>(names[i].size()) + 24 > kWidth) {
            x = kLabelWidth;
            y += kRow;
        }
        body += fmt::format(
            "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"12\" height=\"12\" "
            "fill=\"{}\"/>\n",
            x, y + 4, kColours[i % kColours.size()]);
        body += text_at(x + 16, y + 14, "start", names[i]);
        x += 8 * static_cast<double>(names[i].size()) + 32;
    }
    return fmt::format("<h2>{}</h2>\n", html_escape(title)) + svg(y + kRow, body, title);
}

std::string entry_label(const Entry& entry) {
    std::string label =
        fmt::format("{} {} b{}", entry.workload, marked_chip(entry.result), entry.batch);
    for (const auto& [name, value] : entry.labels) label += fmt::format(" {}={}", name, value);
    return label;
}

/// What a page's entries do not all have in common: only that tells its bars apart.
class Distinction {
  public:
    explicit Distinction(std::span<const Entry> entries) {
        for (const Entry& entry : entries) {
            const Entry& first = entries.front();
            workload_ |= entry.workload != first.workload;
            chip_ |= entry.result.chip != first.result.chip;
            batch_ |= entry.batch != first.batch;
            for (const auto& label : entry.labels)
                if (std::find(first.labels.begin(), first.labels.end(), label) ==
                    first.labels.end())
                    names_.insert(label.first);
        }
        workload_ |= !chip_ && !batch_ && names_.empty();
    }

    [[nodiscard]] std::string of(const Entry& entry) const {
        std::string label;
        const auto add = [&](const std::string& part) {
            label += (label.empty() ? "" : " ") + part;
        };
        if (workload_) add(entry.workload);
        if (chip_) add(marked_chip(entry.result));
        if (batch_) add(fmt::format("b{}", entry.batch));
        for (const auto& [name, value] : entry.labels)
            if (names_.contains(name))
                add(fmt::format("{}={}", name.substr(name.rfind('.') + 1), value));
        return shortened(label);
    }

  private:
    static std::string shortened(const std::string& label) {
        constexpr std::size_t kLongest = 58;
        if (label.size() <= kLongest) return label;
        std::size_t end = kLongest - 1;
        // Never through the middle of a UTF-8 character.
        while (end > 0 && (static_cast<unsigned char>(label[end]) & 0xC0) == 0x80) --end;
        return label.substr(0, end) + "…";
    }

    bool workload_ = false;
    bool chip_ = false;
    bool batch_ = false;
    std::set<std::string> names_;
};

template <class Enum, std::size_t kSize>
std::vector<std::string> names_of(const std::array<double, kSize>&) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < kSize; ++i) names.emplace_back(to_string(static_cast<Enum>(i)));
    return names;
}

std::string charts(std::span<const Entry> entries) {
    std::vector<Bar> perf_per_watt;
    std::vector<Bar> time;
    std::vector<Bar> energy;
    const Distinction distinction(entries);
    for (const Entry& entry : entries) {
        if (!entry.ok()) continue;
        const Result& r = entry.result;
        const std::string label = distinction.of(entry);
        perf_per_watt.push_back({label, {r.perf_per_watt}, count_text(r.perf_per_watt)});
        time.push_back({label,
                        {r.time_breakdown_ns.begin(), r.time_breakdown_ns.end()},
                        time_text(r.latency_ns)});
        energy.push_back({label,
                          {r.energy_breakdown_pj.begin(), r.energy_breakdown_pj.end()},
                          energy_text(r.energy_pj)});
    }
    return bar_chart("Performance per watt", perf_per_watt, {"perf/W"}) +
           bar_chart("Where the time goes", time, names_of<TimeCause>(TimeBreakdown{})) +
           bar_chart("Where the energy goes", energy, names_of<EnergyComponent>(EnergyBreakdown{}));
}

/// Every entry as a dot, the front as a line. Axes start at zero.
std::string scatter(std::span<const Entry> entries, const Metric& x, const Metric& y) {
    constexpr double kHeight = 420;
    constexpr double kLeft = 80;
    constexpr double kBottom = 40;
    double most_x = 0;
    double most_y = 0;
    for (const Entry& entry : entries) {
        if (!entry.ok()) continue;
        most_x = std::max(most_x, x.get(entry.result));
        most_y = std::max(most_y, y.get(entry.result));
    }
    if (most_x <= 0 || most_y <= 0) return {};
    const auto at_x = [&](const Entry& e) {
        return kLeft + x.get(e.result) / most_x * (kWidth - kLeft - 40);
    };
    const auto at_y = [&](const Entry& e) {
        return kHeight - kBottom - y.get(e.result) / most_y * (kHeight - kBottom - 20);
    };
    std::string body = fmt::format("<path d=\"M{0} 10V{1}H{2}\" fill=\"none\" stroke=\"#999\"/>\n",
                                   kLeft, kHeight - kBottom, kWidth - 20);
    body += text_at(kWidth - 20, kHeight - 12, "end",
                    fmt::format("{} (to {})", x.name, exact_text(most_x)));
    body += text_at(kLeft + 6, 20, "start", fmt::format("{} (to {})", y.name, exact_text(most_y)));
    std::string path;
    for (const std::size_t i : pareto_front(entries, x, y))
        path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", at_x(entries[i]),
                            at_y(entries[i]));
    body += fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"#d55e00\"/>\n", path);
    for (const Entry& entry : entries)
        if (entry.ok())
            body += fmt::format(
                "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" fill=\"#0072b2\">"
                "<title>{}</title></circle>\n",
                at_x(entry), at_y(entry), html_escape(entry_label(entry)));
    const std::string title = fmt::format("{} against {}", y.name, x.name);
    return fmt::format("<h2>{}</h2>\n", html_escape(title)) + svg(kHeight, body, title);
}

}  // namespace

std::string render_html(std::span<const Entry> entries, const HtmlOptions& options) {
    std::string body = fmt::format("<h1>{}</h1>\n", html_escape(options.title));
    body += entries_table(entries).html();
    body += fmt::format("<pre>{}</pre>\n", html_escape(entries_footer(entries)));
    body += charts(entries);
    if (!options.pareto_x.empty())
        body += scatter(entries, metric(options.pareto_x), metric(options.pareto_y));
    return fmt::format(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width\">\n"
        "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n{}</body>\n"
        "</html>\n",
        html_escape(options.title), kStyle, body);
}

}  // namespace perfwatt
