#include "models/dram/dram_currents.h"

#include <fmt/format.h>

namespace perfwatt::dram {
namespace {

MapSchema<RailFile> rail_schema() {
    const QuantityLimits current{.min = "0 mA", .max = "10 A", .otherwise = "0 mA"};
    return MapSchema<RailFile>("rail")
        .text("name", &RailFile::name, {}, "VDD, VPP, VDDQ ...")
        .voltage("voltage", &RailFile::voltage, {.min = "0.1 V", .max = "5 V"}, "of the supply")
        .current("idd0", &RailFile::idd0, current, "one bank activated every tRC")
        .current("idd2n", &RailFile::idd2n, current, "all rows closed")
        .current("idd3n", &RailFile::idd3n, current, "rows open")
        .current("idd4r", &RailFile::idd4r, current, "reading without a gap")
        .current("idd4w", &RailFile::idd4w, current, "writing without a gap")
        .current("idd5b", &RailFile::idd5b, current, "during a refresh")
        .current("idd2p", &RailFile::idd2p, current, "in power-down")
        .current("idd3p", &RailFile::idd3p, current, "in power-down with rows open; 0: unknown")
        .current("idd6", &RailFile::idd6, current, "in self-refresh");
}

MapSchema<TypicalFile> typical_schema() {
    const RatioLimits ratio{.min = 0.05, .max = 1, .otherwise = 1};
    return MapSchema<TypicalFile>("typical")
        .ratio("idd0", &TypicalFile::idd0, ratio, "of the data sheet's")
        .ratio("idd2n", &TypicalFile::idd2n, ratio, "of the data sheet's")
        .ratio("idd3n", &TypicalFile::idd3n, ratio, "of the data sheet's")
        .ratio("idd4r", &TypicalFile::idd4r, ratio, "of the data sheet's")
        .ratio("idd4w", &TypicalFile::idd4w, ratio, "of the data sheet's")
        .ratio("idd5b", &TypicalFile::idd5b, ratio, "of the data sheet's")
        .ratio("idd2p", &TypicalFile::idd2p, ratio, "of the data sheet's")
        .ratio("idd3p", &TypicalFile::idd3p, ratio, "of the data sheet's")
        .ratio("idd6", &TypicalFile::idd6, ratio, "of the data sheet's");
}

double ns_of(const DramSpec& spec, const char* parameter) {
    return static_cast<double>(spec.ticks(parameter)) * 1e9 /
           static_cast<double>(spec.tick_clock().hertz());
}

EnergyPrices prices(const CurrentsFile& file, const TypicalFile& part, const DramSpec& spec,
                    const std::string& source) {
    const double bits_per_ns =
        static_cast<double>(file.device_width) * static_cast<double>(file.data_rate) * 1e-9;
    const double ras = ns_of(spec, "tRAS");
    const double rp = ns_of(spec, "tRP");
    const double rfc = ns_of(spec, "tRFC");
    EnergyPrices out;
    for (const RailFile& rail : file.rails) {
        // Milliamperes times volts are milliwatts; times nanoseconds, picojoules.
        const double v = rail.voltage;
        const double i2n = rail.idd2n * part.idd2n;
        const double i3n = rail.idd3n * part.idd3n;
        out.activate.value += (rail.idd0.value * part.idd0 - i3n) * v * ras;
        out.precharge.value += (rail.idd0.value * part.idd0 - i2n) * v * rp;
        out.read.value += (rail.idd4r * part.idd4r - i3n) * v / bits_per_ns;
        out.write.value += (rail.idd4w * part.idd4w - i3n) * v / bits_per_ns;
        out.refresh_all.value += (rail.idd5b * part.idd5b - i2n) * v * rfc;
        out.active_standby.value += i3n * v;
        out.precharged_standby.value += i2n * v;
        out.power_down.value += rail.idd2p * part.idd2p * v;
        out.active_power_down.value += rail.idd3p * part.idd3p * v;
        out.self_refresh.value += rail.idd6 * part.idd6 * v;
    }
    out.refresh_bank.value = out.refresh_all.value * file.refresh_bank_share;
    for (EnergyValue* value :
         {&out.activate, &out.precharge, &out.read, &out.write, &out.refresh_all, &out.refresh_bank,
          &out.active_standby, &out.precharged_standby, &out.power_down, &out.active_power_down,
          &out.self_refresh}) {
        value->source = source;
    }
    if (out.active_power_down.value == 0) out.active_power_down = estimated_active_power_down(out);
    out.read_io = {.value = file.read_io.value, .source = file.read_io.source()};
    out.write_io = {.value = file.write_io.value, .source = file.write_io.source()};
    return out;
}

}  // namespace

MapSchema<CurrentsFile> currents_schema() {
    const QuantityLimits bit{.min = "0 pJ/bit", .max = "1000 pJ/bit", .otherwise = std::nullopt};
    return MapSchema<CurrentsFile>("currents")
        .count("device_width", &CurrentsFile::device_width, {.max = 1024},
               "data pins of one device")
        .transfers("data_rate", &CurrentsFile::data_rate, {},
                   "at which the read and write currents hold")
        .energy_per_bit("read_io", &CurrentsFile::read_io, bit, "pins, what the rails leave out")
        .energy_per_bit("write_io", &CurrentsFile::write_io, bit, "pins, what the rails leave out")
        .ratio("refresh_bank_share", &CurrentsFile::refresh_bank_share,
               {.min = 0, .max = 1, .otherwise = 0}, "energy of a per-bank refresh")
        .maps("rails", &CurrentsFile::rails, rail_schema(), {.min = 1, .max = 8}, "supplies")
        .map("typical", &CurrentsFile::typical, typical_schema(), Presence::optional,
             "what devices draw, as part of the data sheet's maximum");
}

EnergyValue estimated_active_power_down(const EnergyPrices& prices) {
    return {.value = prices.power_down.value + prices.active_standby.value -
                     prices.precharged_standby.value,
            .source = "estimated: power-down, and what open rows add in standby"};
}

EnergySpec energy_from(const CurrentsFile& file, const DramSpec& spec) {
    const std::string source = file.rails.front().idd0.source();
    return {.typical = prices(file, file.typical, spec, source + "; typical part of the maxima"),
            .maximum = prices(file, TypicalFile{}, spec, source)};
}

}  // namespace perfwatt::dram
