#include "models/dram/address_mapping.h"

#include <fmt/format.h>

#include <array>
#include <bit>

namespace perfwatt::dram {
namespace {

constexpr std::array<std::string_view, 6> kFieldNames = {"row",        "column", "bank",
                                                         "bank_group", "rank",   "pseudo_channel"};

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> words(1);
    for (const char c : text) {
        if (c == separator) {
            words.emplace_back();
        } else if (c != ' ') {
            words.back() += c;
        }
    }
    return words;
}

int field_from(const std::string& name, const DramSpec& spec) {
    for (std::size_t i = 0; i < kFieldNames.size(); ++i) {
        if (kFieldNames[i] == name) return static_cast<int>(i);
    }
    std::vector<std::string> names(kFieldNames.begin(), kFieldNames.end());
    names.emplace_back("channel");
    throw UserError(fmt::format("memory '{}': address mapping has no field '{}'", spec.name, name),
                    did_you_mean(name, names));
}

std::array<std::int64_t, 6> sizes_of(const Organization& org) {
    return {org.rows,  org.bursts_per_row(), org.banks, org.bank_groups,
            org.ranks, org.pseudo_channels};
}

}  // namespace

void AddressMapping::add_part(const std::string& text, const DramSpec& spec,
                              std::vector<std::pair<Field, std::int64_t>>& parts) {
    const std::vector<std::string> words = split(text, ':');
    const int field = field_from(words[0], spec);
    std::int64_t size = sizes_of(spec.organization)[static_cast<std::size_t>(field)];
    if (words.size() == 2) {
        size = std::atoll(words[1].c_str());
        if (size < 1) {
            throw UserError(fmt::format(
                "memory '{}': address mapping: '{}' needs a size above zero", spec.name, text));
        }
    }
    parts.emplace_back(static_cast<Field>(field), size);
}

void AddressMapping::add_fold(const std::string& text, const DramSpec& spec) {
    const std::vector<std::string> words = split(text, '^');
    if (words.size() != 2) {
        throw UserError(
            fmt::format("memory '{}': cannot read the address hash '{}'", spec.name, text),
            "write \"bank ^ row\"");
    }
    const int target = field_from(words[0], spec);
    const int source = field_from(words[1], spec);
    const std::int64_t size = sizes_of(spec.organization)[static_cast<std::size_t>(target)];
    if (target == source || !std::has_single_bit(static_cast<std::uint64_t>(size))) {
        throw UserError(
            fmt::format("memory '{}': address hash '{}' needs two fields, the first with a power "
                        "of two of values",
                        spec.name, text));
    }
    folds_.push_back(
        {static_cast<std::uint8_t>(target), static_cast<std::uint8_t>(source), size - 1});
}

AddressMapping::AddressMapping(const DramSpec& spec, int channels)
    : channels_(channels), text_(spec.address_mapping) {
    const Organization& org = spec.organization;
    banks_ = org.banks;
    bank_groups_ = org.bank_groups;
    ranks_ = org.ranks;
    std::vector<std::string> words = split(text_, '|');
    std::vector<std::pair<Field, std::int64_t>> parts;
    std::size_t channel_after = 0;  // parts above the channel, counted from the highest
    bool channel_named = false;
    for (const std::string& word : words) {
        if (word == "channel") {
            if (channel_named) {
                throw UserError(
                    fmt::format("memory '{}': address mapping names 'channel' twice", spec.name));
            }
            channel_named = true;
            channel_after = parts.size();
        } else {
            add_part(word, spec, parts);
        }
    }
    if (!channel_named) channel_after = parts.size();
    std::array<std::int64_t, kFields> product{};
    product.fill(1);
    std::int64_t below = 1;
    for (std::size_t i = parts.size(); i-- > 0;) {
        if (i + 1 == channel_after) stride_ = below;
        const auto [field, size] = parts[i];
        Part part{.field = field, .shift = 0, .size = size, .weight = product[field]};
        powers_of_two_ = powers_of_two_ && std::has_single_bit(static_cast<std::uint64_t>(size));
        part.shift = static_cast<std::uint8_t>(std::countr_zero(static_cast<std::uint64_t>(size)));
        product[field] *= size;
        below *= size;
        if (size > 1) parts_.push_back(part);
    }
    if (channel_after == 0) stride_ = below;
    const auto sizes = sizes_of(org);
    for (std::size_t f = 0; f < kFields; ++f) {
        if (product[f] == sizes[f]) continue;
        throw UserError(
            fmt::format("memory '{}': address mapping '{}' gives {} values to '{}', which has {}",
                        spec.name, text_, product[f], kFieldNames[f], sizes[f]));
    }
    for (const std::string& hash : spec.address_hash) add_fold(hash, spec);
    find_runs();
    if (powers_of_two_ && folds_.empty()) find_slices();
}

void AddressMapping::find_slices() {
    const std::array<std::int64_t, kFields> in_bank = {
        1,
        1,
        1,
        banks_,
        std::int64_t{banks_} * bank_groups_,
        std::int64_t{banks_} * bank_groups_ * ranks_};
    const auto log2 = [](std::int64_t n) {
        return static_cast<std::uint8_t>(std::countr_zero(static_cast<std::uint64_t>(n)));
    };
    std::uint8_t below = 0;
    for (const Part& part : parts_) {
        const std::uint8_t target = std::min<std::uint8_t>(part.field, kBank);
        slices_.push_back({.target = target,
                           .down = below,
                           .up = log2(part.weight * in_bank[part.field]),
                           .mask = part.size - 1});
        below = static_cast<std::uint8_t>(below + part.shift);
    }
}

void AddressMapping::find_runs() {
    std::size_t end = 0;  // parts of a run: up to the highest column, but no row
    for (std::size_t i = 0; i < parts_.size() && parts_[i].field != kRow; ++i) {
        if (parts_[i].field == kColumn) end = i + 1;
    }
    std::int64_t banks = 1;
    for (std::size_t i = 0; i < end; ++i) {
        run_bursts_ *= parts_[i].size;
        if (parts_[i].field == kColumn) {
            if (banks == 1) run_block_ *= parts_[i].size;
        } else {
            banks *= parts_[i].size;
        }
    }
    run_banks_ = static_cast<int>(banks);
}

BurstPlace AddressMapping::place(std::int64_t rest) const {
    std::array<std::int64_t, kFields> value{};
    if (!slices_.empty()) {
        for (const Slice& slice : slices_) {
            value[slice.target] |= (rest >> slice.down & slice.mask) << slice.up;
        }
        return {
            .bank = static_cast<int>(value[kBank]), .row = value[kRow], .column = value[kColumn]};
    }
    if (powers_of_two_) {
        for (const Part& part : parts_) {
            value[part.field] += (rest & (part.size - 1)) * part.weight;
            rest >>= part.shift;
        }
    } else {
        for (const Part& part : parts_) {
            value[part.field] += rest % part.size * part.weight;
            rest /= part.size;
        }
    }
    for (const Fold& fold : folds_) value[fold.target] ^= value[fold.source] & fold.mask;
    const std::int64_t bank =
        ((value[kPseudoChannel] * ranks_ + value[kRank]) * bank_groups_ + value[kBankGroup]) *
            banks_ +
        value[kBank];
    return {.bank = static_cast<int>(bank), .row = value[kRow], .column = value[kColumn]};
}

}  // namespace perfwatt::dram
