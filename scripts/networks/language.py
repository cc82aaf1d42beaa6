"""Networks of tokens: language models by their sizes, and encoders with parts of their own."""
from .layers import (act, concat, conv, entry, group, linear, norm, reshape, residual, slice_,
                     transpose)


def transformer(name, description, source, **sizes):
    return {"name": name, "description": description, "source": source, "transformer": sizes}


def count(t):
    """Multiply-accumulates of phase forward (all tokens read, head on one), and parameters."""
    hidden, heads, tokens = t["hidden"], t["heads"], t["sequence"]
    size = t.get("head_dim", hidden // heads)
    wide, narrow = heads * size, t.get("kv_heads", heads) * size
    attention = 2 * hidden * wide + 2 * hidden * narrow
    matrices = 3 if t["activation"] in ("swiglu", "geglu") else 2
    experts, active = t.get("experts", 1), t.get("experts_per_token", 1)
    expert = matrices * hidden * t["ffn"]
    router = hidden * experts if experts > 1 else 0
    head = {"pooler": hidden * hidden, "none": 0}.get(
        t.get("head", "none" if t["kind"] == "encoder" else "language_model"),
        hidden * t["vocabulary"])
    macs = t["layers"] * (tokens * (attention + router + active * expert)
                          + 2 * tokens * tokens * wide) + head
    bias = t.get("bias", False)
    norm_size = hidden if t["norm"] == "rmsnorm" else 2 * hidden
    block = attention + router + experts * expert \
        + (1 if t.get("parallel") else 2) * norm_size
    if t.get("attention_bias", bias):
        block += wide + 2 * narrow + hidden
    if bias:
        block += (matrices - 1) * t["ffn"] + hidden
    parameters = t["layers"] * block + t["vocabulary"] * hidden + norm_size \
        + (t.get("max_positions", 0) + t.get("token_types", 0)) * hidden
    if head and not t.get("tied_embeddings"):
        parameters += head + (hidden if t.get("head") == "pooler" and bias else 0)
        if t.get("head_bias"):
            parameters += t["vocabulary"]
    return macs, parameters


def llama(name, title, paper, layers, hidden, heads, kv_heads, ffn, vocabulary, sequence=1024,
          **more):
    return transformer(name, f"{title}; forward is the reading of {sequence} tokens with the head "
                       "on the last one", f"sizes of the published checkpoint ({paper}); compared "
                       "in published.csv", kind="decoder", layers=layers, hidden=hidden,
                       heads=heads, **({"kv_heads": kv_heads} if kv_heads != heads else {}),
                       ffn=ffn, vocabulary=vocabulary, activation="swiglu", norm="rmsnorm",
                       positions="rotary", **more, sequence=sequence)


def decoders():
    v2, v3, v32 = "Touvron et al., arXiv 2307.09288", "arXiv 2407.21783", "Meta, September 2024"
    return [
        llama("llama2_13b", "Llama 2 13B", v2, 40, 5120, 40, 40, 13824, 32000),
        llama("llama2_70b", "Llama 2 70B", v2, 80, 8192, 64, 8, 28672, 32000),
        llama("llama3_8b", "Llama 3 8B (3.1 has the same sizes)", v3, 32, 4096, 32, 8, 14336,
              128256),
        llama("llama3_70b", "Llama 3 70B (3.1 and 3.3 have the same sizes)", v3, 80, 8192, 64, 8,
              28672, 128256),
        llama("llama3_2_1b", "Llama 3.2 1B", v32, 16, 2048, 32, 8, 8192, 128256,
              tied_embeddings=True),
        llama("llama3_2_3b", "Llama 3.2 3B", v32, 28, 3072, 24, 8, 8192, 128256,
              tied_embeddings=True),
        llama("mixtral_8x7b", "Mixtral 8x7B, two of eight experts a token", "arXiv 2401.04088", 32,
              4096, 32, 8, 14336, 32000, experts=8, experts_per_token=2),
        *[llama(f"qwen3_{name}", f"Qwen 3 {title}, without the norms of its queries and keys",
                "arXiv 2505.09388", layers, hidden, heads, kv_heads, ffn, 151936, head_dim=128,
                **more)
          for name, title, layers, hidden, heads, kv_heads, ffn, more in (
              ("4b", "4B", 36, 2560, 32, 8, 9728, {"tied_embeddings": True}),
              ("8b", "8B", 36, 4096, 32, 8, 12288, {}),
              ("32b", "32B", 64, 5120, 64, 8, 25600, {}),
              ("30b_a3b", "30B-A3B, 8 of 128 experts a token", 48, 2048, 32, 4, 768,
               {"experts": 128, "experts_per_token": 8}))],
        llama("phi_3_5_mini", "Phi-3.5 mini", "arXiv 2404.14219", 32, 3072, 32, 32, 8192, 32064),
        transformer("gpt_j_6b", "GPT-J 6B; forward is the reading of 1024 tokens with the head on "
                    "the last one; attention and feed-forward network side by side",
                    "sizes of the published checkpoint (EleutherAI, 2021); compared in "
                    "published.csv", kind="decoder", layers=28, hidden=4096, heads=16, ffn=16384,
                    vocabulary=50400, activation="gelu", norm="layernorm", positions="rotary",
                    bias=True, attention_bias=False, parallel=True, head_bias=True, sequence=1024),
        transformer("gpt2", "GPT-2, the smallest of four; forward is the reading of 1024 tokens "
                    "with the head on the last one", "Radford et al., 2019, sizes of the published "
                    "checkpoint; compared in published.csv", kind="decoder", layers=12, hidden=768,
                    heads=12, ffn=3072, vocabulary=50257, activation="gelu", norm="layernorm",
                    positions="learned", max_positions=1024, bias=True, tied_embeddings=True,
                    sequence=1024)]


def text_encoder(name, title, layers, hidden, heads):
    return transformer(name, f"text encoder of {title}, 77 tokens", "sizes of the published "
                       "checkpoint; compared in published.csv", kind="encoder", layers=layers,
                       hidden=hidden, heads=heads, ffn=4 * hidden, vocabulary=49408,
                       activation="gelu", norm="layernorm", positions="learned", max_positions=77,
                       bias=True, sequence=77)


def no_norm(size):
    return [entry("scale", {"shape": [size]}), entry("offset", {"shape": [size]})]


PROFILED = ("what quic/ai-hub-models@52c080d2 profiles (qai_hub_models/models/_shared/bert_hf/"
            "model.py): {}")


def guess_words(hidden):
    """Every token's chances of being each word, of which those of one masked token are kept."""
    return [linear(hidden, name="transform"), act("relu" if hidden == 512 else "gelu"),
            norm("layer"), linear(30522, name="words_again"), slice_(0, 1)]


def bert_base_masked(tokens=384):
    block = [residual(entry("attention", {"heads": 12, "bias": True})), norm("layer"),
             residual(linear(3072), act("gelu"), linear(768)), norm("layer")]
    layers = [entry("embedding", {"vocabulary": 30522, "hidden": 768}, "words"),
              entry("offset", {"shape": [tokens, 768]}), entry("offset", {"shape": [1, 768]}),
              norm("layer"), group(block, "block", repeat=12)] + guess_words(768)
    return {"name": "bert_base_masked", "description": f"BERT base (uncased) that guesses masked "
            f"words, {tokens} tokens: chances of all words are computed for every token; rows of "
            "positions and of token types beyond those read are left out",
            "source": PROFILED.format("AutoModelForMaskedLM of bert-base-uncased"),
            "input": {"shape": [tokens], "type": "token"}, "layers": layers}


def mobilebert(tokens=384, masked=False):
    """Blocks of width 128 inside a stream of width 512."""
    def dense(name=None, source=None, features=128):
        return linear(features, name=name, source=source)

    def small():
        return group([residual(linear(512), act("relu"), linear(128))] + no_norm(128))

    block = [
        group([dense()] + no_norm(128), "narrow", source="input"),
        group([dense()] + no_norm(128), "shared", source="input"),
        dense("keys", "shared"), dense("values", "input"), dense(source="shared"),
        entry("attend", {"heads": 4, "keys": "keys", "values": "values"}),
        dense(), entry("add", {"with": ["narrow"]}), *no_norm(128),
        {"repeat": 4} | small(),
        dense(features=512), entry("add", {"with": ["input"]}), *no_norm(512)]
    layers = [entry("embedding", {"vocabulary": 30522, "hidden": 128}, "words"),
              concat("words", "words", axis=2), linear(512),
              entry("offset", {"shape": [tokens, 512]}), entry("offset", {"shape": [1, 512]}),
              *no_norm(512), group(block, "block", repeat=24)]
    if masked:
        return {"name": "mobilebert_masked", "description": f"MobileBERT that guesses masked words, "
                f"{tokens} tokens: chances of all words are computed for every token; rows of "
                "positions and of token types beyond those read are left out",
                "source": PROFILED.format("AutoModelForMaskedLM of mobilebert-uncased"),
                "input": {"shape": [tokens], "type": "token"},
                "layers": layers + guess_words(512)}
    layers.append(linear(2, name="answer"))
    return {"name": "mobilebert", "description": f"MobileBERT for question answering, {tokens} "
            "tokens; rows of positions and of token types beyond those read are left out",
            "source": "Sun et al., ACL 2020, sizes of the published checkpoint "
            "mobilebert-uncased (24.6 M parameters); compared in published.csv",
            "input": {"shape": [tokens], "type": "token"}, "layers": layers}


def encoder_block(hidden, heads, ffn):
    return [residual(norm("layer"), entry("attention", {"heads": heads, "bias": True})),
            residual(norm("layer"), linear(ffn), act("gelu"), linear(hidden))]


def whisper_base_encoder():
    # Time runs along the columns of a single row.
    layers = [conv(512, 1, 1, 0, width=3, bias=True, norm=None, act="gelu", name="stem"),
              conv(512, 1, 2, 0, width=3, bias=True, norm=None, act="gelu")]
    layers += [reshape(512, 1500), transpose(0, 2, 1), entry("offset", {"shape": [1500, 512]}),
               group(encoder_block(512, 8, 2048), "block", repeat=6),
               norm("layer", name="encoded")]
    names = []
    for i in range(6):
        for part, bias in (("keys", False), ("values", True)):
            layers.append(linear(512, bias, f"{part}{i}", "encoded"))
            names.append(f"{part}{i}")
    return {"name": "whisper_base_encoder", "description": "encoder of Whisper base, 30 s of sound, "
            "with the keys and values that the decoder's six blocks take from it",
            "source": "Radford et al., arXiv 2212.04356, table 1 and the published checkpoint; "
            "positions are counted as parameters, keys have a bias; compared in published.csv",
            "input": {"shape": [80, 1, 3000]}, "outputs": names, "layers": layers}


def whisper_base_decoder():
    """One token with 224 before it in the cache; keys and values of the sound are given."""
    inputs, block = [], []
    for i in range(6):
        inputs += [{"name": f"past_keys{i}", "shape": [223, 512]},
                   {"name": f"past_values{i}", "shape": [223, 512]},
                   {"name": f"sound_keys{i}", "shape": [1500, 512]},
                   {"name": f"sound_values{i}", "shape": [1500, 512]}]
        block += [residual(norm("layer", name="x"),
                           linear(512, False), concat(f"past_keys{i}", axis=1, name="keys"),
                           linear(512, source="x"), concat(f"past_values{i}", axis=1,
                                                           name="values"),
                           linear(512, source="x"),
                           entry("attend", {"heads": 8, "keys": "keys", "values": "values"}),
                           linear(512)),
                  residual(norm("layer"), linear(512),
                           entry("attend", {"heads": 8, "keys": f"sound_keys{i}",
                                            "values": f"sound_values{i}"}), linear(512)),
                  residual(norm("layer"), linear(2048), act("gelu"), linear(512))]
    layers = [entry("embedding", {"vocabulary": 51865, "hidden": 512}),
              entry("offset", {"shape": [1, 512]})] + block + [norm("layer"),
                                                             linear(51865, False, "head")]
    return {"name": "whisper_base_decoder", "description": "decoder of Whisper base, one token with "
            "a cache of 224, without tying its head to the embedding",
            "source": "Radford et al., arXiv 2212.04356, table 1 and the published checkpoint",
            "input": {"shape": [1], "type": "token"}, "inputs": inputs, "layers": layers}


def beit():
    block = [residual(norm("layer", name="x"), linear(768, False, "keys"),
                      linear(768, name="values", source="x"), linear(768, source="x"),
                      entry("attend", {"heads": 12, "keys": "keys", "values": "values",
                                       "score_bias": True}),
                      linear(768), entry("scale", {"shape": [768]})),
             residual(norm("layer"), linear(3072), act("gelu"), linear(768),
                      entry("scale", {"shape": [768]}))]
    layers = [conv(768, 16, 16, 0, bias=True, norm=None, name="patches"), reshape(768, 196),
              transpose(0, 2, 1), entry("prepend", {"tokens": 1}),
              group(block, "block", repeat=12), slice_(1, 197), entry("mean", {"axis": 1}),
              norm("layer"), linear(1000, name="classifier")]
    return {"name": "beit_base_16", "description": "BEiT base, patches of 16, 224 x 224; biases of "
            "relative positions as they are added, one a pair of tokens",
            "source": "Bao et al., ICLR 2022, sizes of the published checkpoint; parameters as "
            "quic/ai-hub-models gives them (92.0 M); compared in published.csv",
            "input": {"shape": [3, 224, 224]}, "layers": layers}


# Applications of the first TPU, of which only totals are public ----------------------------------

TPU = ("Jouppi et al., ISCA 2017, table 1, gives the number of layers, of weights and of operations "
       "for each weight byte; shapes are not public: this stand-in has those totals")


def tpu_mlp(name, layers, size, batch):
    return {"name": name, "description": f"stand-in for {name[4:].upper()} of TPU v1 (batch "
            f"{batch}): {layers} fully connected layers of {size} x {size}", "source": TPU,
            "input": {"shape": [size]},
            "layers": [group([linear(size, False), act("relu")], repeat=layers)]}


def tpu_lstm0(size=1040, cells=6):
    inputs, layers = [], []
    for i in range(cells):
        inputs += [{"name": f"hidden{i}", "shape": [size]}, {"name": f"cell{i}", "shape": [size]}]
        gates = [group([linear(size, False), act(kind)], gate, source="x") for gate, kind in
                 (("keep", "sigmoid"), ("open", "sigmoid"), ("new", "tanh"), ("show", "sigmoid"))]
        layers.append(group([concat(f"hidden{i}", axis=1, name="x")] + gates[:3] + [
            entry("multiply", {"with": ["new"]}, "fresh", "open"),
            entry("multiply", {"with": [f"cell{i}"]}, source="keep"),
            entry("add", {"with": ["fresh"]}), act("tanh", name="state")] + gates[3:] + [
                entry("multiply", {"with": ["state"]})], f"step{i}"))
    return {"name": "tpu_lstm0", "description": "stand-in for LSTM0 of TPU v1 (batch 64): one step "
            f"of {cells} cells of {size}, 24 matrices", "source": TPU, "input": {"shape": [size]},
            "inputs": inputs, "layers": layers}


def tpu_cnn0():
    return {"name": "tpu_cnn0", "description": "stand-in for CNN0 of TPU v1 (batch 8): 16 "
            "convolutions of 3 x 3 and 236 channels on 19 x 19 places, as 361 uses of each weight "
            "suggest", "source": TPU, "input": {"shape": [236, 19, 19]},
            "layers": [{"repeat": 16} | conv(236, 3, norm=None, act="relu")]}


def lstm():
    return {"name": "lstm_650", "description": "language model of two LSTM layers of 650, 35 words, "
            "10 000 words known",
            "source": "Zaremba et al., arXiv 1409.2329, the medium network (20 M parameters)",
            "input": {"shape": [35], "type": "token"},
            "layers": [entry("embedding", {"vocabulary": 10000, "hidden": 650}),
                       {"repeat": 2} | entry("recurrent", {"kind": "lstm", "hidden": 650}),
                       linear(10000, name="head")]}


def all_networks():
    return decoders() + [
        text_encoder("clip_vit_l_14_text", "CLIP ViT-L/14, as Stable Diffusion 1.5 uses it", 12,
                     768, 12),
        text_encoder("openclip_vit_h_14_text", "OpenCLIP ViT-H/14, as Stable Diffusion 2.1 uses it "
                     "(all but its last block)", 23, 1024, 16),
        mobilebert(), mobilebert(masked=True), bert_base_masked(), whisper_base_encoder(), whisper_base_decoder(), beit(),
        tpu_mlp("tpu_mlp0", 5, 2000, 200), tpu_mlp("tpu_mlp1", 4, 1120, 168), tpu_lstm0(),
        tpu_cnn0(), lstm()]
