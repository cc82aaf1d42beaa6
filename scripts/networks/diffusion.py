"""Stable Diffusion 1.5 and 2.1: the network of one denoising step, the decoder of images, and
ControlNet, at 512 x 512 points (a latent of 64 x 64)."""
import functools

from .layers import (act, add, branches, concat, conv, entry, group, linear, multiply, norm,
                     reshape, residual, slice_, transpose, upsample)

plain = functools.partial(conv, norm=None, bias=True)
CHANNELS = (320, 640, 1280, 1280)
SOURCE = ("Rombach et al., CVPR 2022, sizes of the published checkpoint {}; compared in "
          "published.csv")


def group_norm():
    return entry("group_norm", {"groups": 32})


def res_block(before, after, time=True, name=None, repeat=None):
    """Two convolutions, with the time of the step added between where there is one."""
    layers = [group_norm(), act("silu"), plain(after, 3, name="first")]
    if time:
        layers += [act("silu", source="time"), linear(after), reshape(after, 1, 1, name="shift"),
                   add("shift", source="first")]
    layers += [group_norm(), act("silu"), plain(after, 3)]
    return branches("add", layers, [] if before == after else [plain(after)], name=name,
                    repeat=repeat)


def text_block(channels, side, heads, name=None, depth=1):
    """Attention of places to places, of places to the text, and a gated network; `depth` times."""
    def attention(**more):
        return entry("attention", {"heads": heads, "output_bias": True} | more)

    gated = [linear(8 * channels, name="both"), slice_(4 * channels, 8 * channels, 2), act("gelu",
             name="gate"), slice_(0, 4 * channels, 2, source="both"), multiply("gate"),
             linear(channels)]
    parts = [residual(norm("layer"), attention()),
             residual(norm("layer"), attention(context="text")), residual(norm("layer"), *gated)]
    if depth > 1:
        parts = [group(parts, repeat=depth)]
    return residual(group_norm(), plain(channels), reshape(channels, side * side),
                    transpose(0, 2, 1), *parts, transpose(0, 2, 1),
                    reshape(channels, side, side), plain(channels), name=name)


def step(before, after, side, heads, name=None):
    """A residual block and, where `heads` says so, attention."""
    block = res_block(before, after)
    if not heads:
        return {"name": name} | block if name else block
    return group([block, text_block(after, side, heads)], name)


def heads_of(channels, fixed):
    return 8 if fixed else channels // 64


def encoder(fixed_heads):
    """The half that makes the latent smaller; its results are named skip0 to skip11."""
    layers, count, before = [], 0, CHANNELS[0]
    names = []
    for level, channels in enumerate(CHANNELS):
        side = 64 >> level
        for _ in range(2):
            count += 1
            names.append((f"skip{count}", channels))
            layers.append(step(before, channels, side,
                               heads_of(channels, fixed_heads) if level < 3 else 0, f"skip{count}"))
            before = channels
        if level < 3:
            count += 1
            names.append((f"skip{count}", channels))
            layers.append(plain(channels, 3, 2, name=f"skip{count}"))
    layers += [res_block(1280, 1280), text_block(1280, 8, heads_of(1280, fixed_heads)),
               res_block(1280, 1280, name="middle")]
    return layers, [("skip0", CHANNELS[0])] + names


def time_layers():
    return [linear(1280, source="step"), act("silu"), linear(1280, name="time")]


def inputs(context):
    return [{"name": "step", "shape": [320]}, {"name": "text", "shape": [77, context]}]


def unet(context=768, fixed_heads=True, controlled=False, name="stable_diffusion_1_5_unet",
         version="1.5", checkpoint="stable-diffusion-v1-5 (865 M with its buffers)"):
    layers = time_layers() + [plain(320, 3, name="skip0", source="input")]
    body, skips = encoder(fixed_heads)
    layers += body
    more = inputs(context)
    if controlled:
        for skip, channels in skips:
            side = side_of(skip)
            more.append({"name": f"{skip}_control", "shape": [channels, side, side]})
        more.append({"name": "middle_control", "shape": [1280, 8, 8]})
        layers.append(add("middle_control"))
    before = 1280
    stack = list(skips)
    for level, channels in reversed(list(enumerate(CHANNELS))):
        side = 64 >> level
        for i in range(3):
            skip, beside = stack.pop()
            layers.append(join_skip(skip, controlled))
            layers.append(step(before + beside, channels, side,
                               heads_of(channels, fixed_heads) if level < 3 else 0))
            before = channels
        if level > 0:
            layers += [upsample(), plain(channels, 3)]
    layers += [group_norm(), act("silu"), plain(4, 3)]
    what = " with the residuals of a ControlNet added" if controlled else ""
    return {"name": name, "description": f"UNet of Stable Diffusion {version}, one denoising step "
            f"of a latent of 64 x 64 (512 x 512 points){what}",
            "source": SOURCE.format(checkpoint), "input": {"shape": [4, 64, 64]}, "inputs": more,
            "layers": layers}


def side_of(skip):
    return 64 >> (int(skip[4:]) // 3)


def join_skip(skip, controlled):
    if not controlled:
        return concat(skip)
    return branches("concat", [], [add(f"{skip}_control", source=skip)])


def controlnet():
    hint = []
    for before, after in ((16, 32), (32, 96), (96, 256)):
        hint += [plain(before, 3, act="silu"), plain(after, 3, 2, act="silu")]
    layers = time_layers() + [
        group([plain(16, 3, act="silu")] + hint + [plain(320, 3)], "hint", source="image"),
        plain(320, 3, source="input"), add("hint", name="skip0")]
    body, skips = encoder(True)
    layers += body
    outputs = []
    for skip, channels in skips + [("middle", 1280)]:
        layers.append(plain(channels, source=skip, name=f"{skip}_control"))
        outputs.append(f"{skip}_control")
    return {"name": "controlnet_canny", "description": "ControlNet of Stable Diffusion 1.5 for "
            "edges, one denoising step at 512 x 512 points",
            "source": "Zhang et al., ICCV 2023, sizes of the published checkpoint sd-controlnet-"
            "canny (361 M parameters); compared in published.csv",
            "input": {"shape": [4, 64, 64]},
            "inputs": inputs(768) + [{"name": "image", "shape": [3, 512, 512]}],
            "outputs": outputs, "layers": layers}


def vae_decoder(side=64, name="stable_diffusion_vae_decoder", of="1.5 and 2.1",
                checkpoint="stable-diffusion-v1-5 (vae)"):
    """From a latent of `side` x `side`, which its attention spells out."""
    layers = [plain(4), plain(512, 3), res_block(512, 512, False),
              residual(group_norm(), reshape(512, side * side), transpose(0, 2, 1),
                       entry("attention", {"heads": 1, "bias": True}), transpose(0, 2, 1),
                       reshape(512, side, side)),
              res_block(512, 512, False)]
    before = 512
    for level, channels in enumerate((512, 512, 256, 128)):
        layers.append(res_block(before, channels, False))
        layers.append(res_block(channels, channels, False, repeat=2))
        before = channels
        if level < 3:
            layers += [upsample(), plain(channels, 3)]
    layers += [group_norm(), act("silu"), plain(3, 3)]
    return {"name": name, "description": f"decoder of Stable Diffusion {of}, from a latent of "
            f"{side} x {side} to {8 * side} x {8 * side} points",
            "source": SOURCE.format(checkpoint), "input": {"shape": [4, side, side]},
            "layers": layers}


def xl_unet():
    """Three sizes of 128, 64 and 32; the text is read 2 and 10 times at the smaller ones."""
    sizes = ((320, 128, 0), (640, 64, 2), (1280, 32, 10))

    def part(before, after, side, depth, name=None):
        block = res_block(before, after)
        if not depth:
            return {"name": name} | block if name else block
        return group([block, text_block(after, side, after // 64, depth=depth)], name)

    layers = time_layers()[:-1] + [
        linear(1280, name="when"), linear(1280, source="labels"), act("silu"), linear(1280),
        add("when", name="time"), plain(320, 3, name="skip0", source="input")]
    skips, before = [320], 320
    for level, (channels, side, depth) in enumerate(sizes):
        for _ in range(2):
            layers.append(part(before, channels, side, depth, f"skip{len(skips)}"))
            skips.append(channels)
            before = channels
        if level < 2:
            layers.append(plain(channels, 3, 2, name=f"skip{len(skips)}"))
            skips.append(channels)
    layers += [res_block(1280, 1280), text_block(1280, 32, 20, depth=10), res_block(1280, 1280)]
    for level, (channels, side, depth) in reversed(list(enumerate(sizes))):
        for _ in range(3):
            beside = skips.pop()
            layers += [concat(f"skip{len(skips)}"), part(before + beside, channels, side, depth)]
            before = channels
        if level > 0:
            layers += [upsample(), plain(channels, 3)]
    layers += [group_norm(), act("silu"), plain(4, 3)]
    return {"name": "stable_diffusion_xl_unet", "description": "UNet of Stable Diffusion XL, one "
            "denoising step of a latent of 128 x 128 (1024 x 1024 points)",
            "source": "Podell et al., arXiv 2307.01952, sizes of the published checkpoint "
            "stable-diffusion-xl-base-1.0; compared in published.csv",
            "input": {"shape": [4, 128, 128]},
            "inputs": inputs(2048) + [{"name": "labels", "shape": [2816]}], "layers": layers}


def all_networks():
    return [xl_unet(), unet(), unet(controlled=True, name="stable_diffusion_1_5_unet_controlled"),
            unet(1024, False, name="stable_diffusion_2_1_unet", version="2.1",
                 checkpoint="stable-diffusion-2-1"), controlnet(), vae_decoder(),
            vae_decoder(128, "stable_diffusion_xl_vae_decoder", "XL",
                        "stable-diffusion-xl-base-1.0 (vae)")]
