#include "models/npu/emit_parts.h"

#include <algorithm>

namespace perfwatt::npu {
namespace {

std::int64_t end_of(const Region& region) {
    return region.address + (region.rows - 1) * region.pitch_bytes + region.row_bytes;
}

/// Channel by channel: a tile is whole planes, rows of each of its planes, or parts of these rows.
Region planar_region(const Plane& plane, const PlaneTile& tile, const Region& base) {
    const bool inner = plane.layout == GroupLayout::channels;
    const std::int64_t all = inner ? plane.groups * plane.channels : plane.channels;
    const std::int64_t channel =
        inner ? tile.g.begin * plane.channels + tile.c.begin : tile.c.begin;
    const std::int64_t channels = inner ? tile.g.size * tile.c.size : tile.c.size;
    const std::int64_t images = tile.n.size * (inner ? 1 : tile.g.size);
    const std::int64_t group = inner ? 0 : tile.g.begin;
    const std::int64_t first =
        (((group * plane.batch + tile.n.begin) * all + channel) * plane.height + tile.h.begin) *
            plane.width +
        tile.w.begin;
    const auto rows_of = [&](std::int64_t run, std::int64_t rows, std::int64_t pitch) {
        Region out = base;
        out.address = base.address + first * plane.bits / 8;
        out.row_bytes = to_bytes(run, plane.bits);
        out.rows = rows;
        out.pitch_bytes = rows > 1 ? to_bytes(pitch, plane.bits) : out.row_bytes;
        return out;
    };
    const std::int64_t image = plane.height * plane.width;
    const std::int64_t positions = tile.h.size * tile.w.size;
    if (positions == image && (channels == all || images == 1))
        return rows_of(images * channels * image, 1, 0);
    if (positions == image) return rows_of(channels * image, images, all * image);
    if (tile.w.size == plane.width) return rows_of(positions, images * channels, image);
    return rows_of(tile.w.size, images * channels * tile.h.size, plane.width);
}

}  // namespace

Range part_of(std::int64_t total, std::int64_t share, int core) {
    const std::int64_t begin = std::min(total, share * core);
    return {begin, std::min(share, total - begin)};
}

std::vector<Range> ranges(Range whole, std::int64_t size) {
    std::vector<Range> found;
    for (std::int64_t at = whole.begin; at < whole.end(); at += size)
        found.push_back({at, std::min(size, whole.end() - at)});
    return found;
}

std::int64_t to_bytes(std::int64_t elements, int bits) { return (elements * bits + 7) / 8; }

Region region_of(const Plane& plane, const PlaneTile& tile, const Region& base) {
    if (plane.order == ActivationLayout::planes) return planar_region(plane, tile, base);
    const bool inner = plane.layout == GroupLayout::channels;
    const std::int64_t all_channels = inner ? plane.groups * plane.channels : plane.channels;
    const std::int64_t channel =
        inner ? tile.g.begin * plane.channels + tile.c.begin : tile.c.begin;
    const std::int64_t channels = inner ? tile.g.size * tile.c.size : tile.c.size;
    const std::int64_t groups = inner ? 1 : tile.g.size;
    const std::int64_t group = inner ? 0 : tile.g.begin;
    const std::int64_t image = plane.height * plane.width;
    const std::int64_t positions = tile.h.size * tile.w.size;

    const std::int64_t first =
        (((group * plane.batch + tile.n.begin) * plane.height + tile.h.begin) * plane.width +
         tile.w.begin) *
            all_channels +
        channel;
    Region out = base;
    out.address = base.address + first * plane.bits / 8;
    const bool whole_images = positions == image;
    if (channels == all_channels && (whole_images || groups * tile.n.size == 1)) {
        // Columns are cut only within one row, so a tile of whole channels is one run.
        out.row_bytes = to_bytes(groups * tile.n.size * positions * channels, plane.bits);
        out.rows = 1;
        if (tile.w.size < plane.width && tile.h.size > 1) {
            out.row_bytes = to_bytes(tile.w.size * channels, plane.bits);
            out.rows = tile.h.size;
            out.pitch_bytes = to_bytes(plane.width * channels, plane.bits);
            return out;
        }
        out.pitch_bytes = out.row_bytes;
        return out;
    }
    if (channels == all_channels) {  // part of each of several images
        out.row_bytes = to_bytes(positions * channels, plane.bits);
        out.rows = groups * tile.n.size;
        out.pitch_bytes = to_bytes(image * channels, plane.bits);
        return out;
    }
    out.row_bytes = to_bytes(channels, plane.bits);
    out.rows = groups * tile.n.size * positions;
    out.pitch_bytes = to_bytes(all_channels, plane.bits);
    return out;
}

Region within(Region region, const Region& base) {
    const std::int64_t limit = base.address + base.bytes();
    region.row_bytes = std::max<std::int64_t>(1, std::min(region.row_bytes, base.bytes()));
    if (region.rows > 1) region.pitch_bytes = std::max(region.pitch_bytes, region.row_bytes);
    const std::int64_t over = end_of(region) - limit;
    if (over > 0) region.address = std::max(base.address, region.address - over);
    if (end_of(region) > limit) {  // rows of a pitch that the tensor does not hold: make it one run
        region.row_bytes = std::min(region.bytes(), base.bytes());
        region.rows = 1;
        region.pitch_bytes = region.row_bytes;
        region.address = base.address;
    }
    return region;
}

Buffer on_chip_part(const Region& part, const Region& base, const Buffer& place) {
    const std::int64_t begin =
        std::clamp<std::int64_t>(part.address - base.address, 0, place.bytes);
    const std::int64_t size = std::min(end_of(part) - part.address, place.bytes - begin);
    return {.address = place.address + begin, .bytes = size};
}

Region whole(const Placement& placement, std::int64_t bytes) {
    Region region = placement.region;
    region.row_bytes = bytes;
    region.rows = 1;
    region.pitch_bytes = bytes;
    return region;
}

std::vector<CommandId> last_commands(const ProgramBuilder& program, const CoreUnits& units) {
    std::vector<CommandId> found;
    for (const UnitId unit : {units.matrix(), units.vector()}) {
        const CommandId last = program.last_command(unit);
        if (last.valid()) found.push_back(last);
    }
    std::sort(found.begin(), found.end());
    return found;
}

}  // namespace perfwatt::npu
