"""Write the real model libraries: `python instances/libraries/build.py`.

Every size is a parameter count times the bytes of a parameter. SOURCES.md names the source of each figure and says
which figures are choices of this project.
"""

from __future__ import annotations

from pathlib import Path

import figures as f

from edgeopt.libraries.library import Model, ModelLibrary
from edgeopt.libraries.structures import LibraryDraft
from edgeopt.libraries.structures import frozen_blocks as frozen_prefix

SECONDS_PER_LAYER = 1e-4  # our choice: a batch's fixed time, per weighted layer of a vision model
ACCURACY_PER_FROZEN_LAYER = 0.01  # our choice
ADAPTERS_PER_BASE = 14

# Freezing depths: (name of the last frozen part, layer, number of its blocks that are frozen), shallow to deep.
FREEZING = {
    "resnet18": [("layer1", 1, 2), ("layer2", 2, 2), ("layer3", 3, 2), ("layer4", 4, 2)],
    "resnet50": [("layer1", 1, 3), ("layer2", 2, 4), ("layer3a", 3, 3), ("layer3", 3, 6), ("layer4", 4, 3)],
    "resnet152": [
        ("layer1", 1, 3),
        ("layer2", 2, 8),
        ("layer3a", 3, 12),
        ("layer3b", 3, 24),
        ("layer3", 3, 36),
        ("layer4", 4, 3),
    ],
}


def rounded(value: float) -> float:
    """Four significant digits."""
    return float(f"{value:.4g}")


def frozen_parameters(backbone: str, depth: int) -> int:
    """Parameters of the backbone from its stem to the freezing depth of this index."""
    _, layer, count = FREEZING[backbone][depth]
    network = f.RESNETS[backbone]
    return network.structure().frozen(sum(network.blocks[: layer - 1]) + count)


def frozen_blocks(draft: LibraryDraft, backbone: str, depth: int) -> list[str]:
    """Blocks of the frozen prefix: one between any two neighbouring freezing depths."""
    cuts = [(FREEZING[backbone][index][0], frozen_parameters(backbone, index)) for index in range(depth + 1)]
    return frozen_prefix(draft, backbone, cuts, 8 * f.SINGLE)


def resnet_freeze() -> ModelLibrary:
    """ResNet-18, -50 and -152, each fine-tuned for 20 tasks; the freezing depths take turns. Tree sharing."""
    draft = LibraryDraft("resnet-freeze")
    for turn, (backbone, network) in enumerate(f.RESNETS.items()):
        depths, speed = FREEZING[backbone], network.speed
        for number, (task, classes) in enumerate(f.CLASSIFICATION_TASKS.items()):
            depth = (number + turn) % len(depths)
            name = f"{backbone}-{task}"
            own = f.SINGLE * (network.parameters(classes) - frozen_parameters(backbone, depth))
            draft.model(
                name,
                Model(
                    blocks=[*frozen_blocks(draft, backbone, depth), draft.block(f"{name}/own", own)],
                    task=task,
                    accuracy=rounded(speed.top1 - ACCURACY_PER_FROZEN_LAYER * depths[depth][1]),
                    flops_per_sample=rounded(2e9 * speed.gmacs),
                    compute_fixed_s=rounded(SECONDS_PER_LAYER * network.weighted_layers),
                    compute_per_sample_s=rounded(1 / speed.images_per_s),
                    workspace_bytes_per_sample=round(f.SINGLE * speed.macts * 1e6),
                ),
            )
    return draft.library()


DETECTION_DOMAINS = {
    "road": {"vehicles": 8, "road-signs": 43, "pedestrians": 2},
    "retail": {"shelf": 110, "checkout": 60, "baskets": 12},
    "factory": {"parts": 25, "defects": 6, "safety-gear": 5},
    "farm": {"fruit": 15, "pests": 102, "cattle": 4},
}
DETECTION_BACKBONES = [("resnet18", 1), ("resnet50", 1), ("resnet50", 3), ("resnet152", 1), ("resnet152", 4)]


def resnet_detection() -> ModelLibrary:
    """Detectors: a frozen backbone prefix shared by tasks, heads shared by backbones. The two cross.

    The box head of a task and the region proposal network of a domain are trained once, on the pyramid that every
    backbone has, and used with five backbones of different freezing depths.
    """
    draft = LibraryDraft("resnet-detection")
    reached = 1e9 * f.RESNETS["resnet50"].speed.gmacs * f.RESNETS["resnet50"].speed.images_per_s
    for domain, tasks in DETECTION_DOMAINS.items():
        for task, classes in tasks.items():
            for backbone, depth in DETECTION_BACKBONES:
                network = f.RESNETS[backbone]
                name = f"{backbone}-{FREEZING[backbone][depth][0]}-{task}"
                own = network.parameters(0) - frozen_parameters(backbone, depth)
                own += f.pyramid_inner(backbone) + f.PYRAMID_OUTER + f.box_predictor(classes)
                gmacs, workspace = detection_effort(backbone)
                draft.model(
                    name,
                    Model(
                        blocks=[
                            *frozen_blocks(draft, backbone, depth),
                            draft.block(f"{domain}/region-proposal", f.SINGLE * f.REGION_PROPOSAL),
                            draft.block(f"{task}/box-head", f.SINGLE * f.BOX_HEAD),
                            draft.block(f"{name}/own", f.SINGLE * own),
                        ],
                        task=task,
                        flops_per_sample=rounded(2e9 * gmacs),
                        compute_fixed_s=rounded(SECONDS_PER_LAYER * (network.weighted_layers + 15)),
                        compute_per_sample_s=rounded(1e9 * gmacs / reached),
                        workspace_bytes_per_sample=workspace,
                    ),
                )
    return draft.library()


def detection_effort(backbone: str) -> tuple[float, int]:
    """GMACs and activation bytes of a detector: those on ResNet-50, plus the difference of the backbones."""
    area = (f.DETECTION_PIXELS / f.RESNETS["resnet50"].speed.pixels) ** 2
    speed, known = f.RESNETS[backbone].speed, f.RESNETS["resnet50"].speed
    gmacs = f.DETECTION_RESNET50_GMACS + area * (speed.gmacs - known.gmacs)
    return gmacs, round(f.DETECTION_RESNET50_BYTES + area * f.SINGLE * (speed.macts - known.macts) * 1e6)


LLAMA_TASKS = [
    "chat",
    "code",
    "email",
    "faq",
    "forms",
    "law",
    "maths",
    "medicine",
    "news",
    "notes",
    "search",
    "sql",
    "summary",
    "travel",
]


def language_model(base: f.Llama, blocks: list[str], task: str, image_tokens: int = 0, image_s: float = 0.0) -> Model:
    """A language model that reads a request (and an image) and answers; a batch decodes its answers together."""
    tokens = f.CONTEXT_TOKENS + f.ANSWER_TOKENS + image_tokens
    flops = 2.0 * base.parameters() * tokens
    return Model(
        blocks=blocks,
        task=task,
        flops_per_sample=rounded(flops),
        compute_fixed_s=rounded(f.ANSWER_TOKENS / f.TOKENS_PER_S),
        compute_per_sample_s=rounded(flops / f.REACHED_FLOPS + image_s),
        workspace_bytes_per_sample=base.cache_bytes_per_token() * tokens,
    )


def llama_lora() -> ModelLibrary:
    """Four Llama bases, each alone and with LoRA adapters for 13 or 14 tasks, and a fully fine-tuned one.

    Ranks and matrices of the adapters are those of published adapters, in turn. Backbone sharing.
    """
    draft = LibraryDraft("llama-lora")
    bases = {
        "llama2-7b": f.LLAMA2_7B,
        "llama2-chat-7b": f.LLAMA2_7B,
        "llama2-domain-7b": f.LLAMA2_7B,
        "llama3.1-8b-instruct": f.LLAMA31_8B,
    }
    settings = list(f.LORA_SETTINGS.items())
    for turn, (name, base) in enumerate(bases.items()):
        weights = draft.block(name, base.stored_bytes())
        draft.model(name, language_model(base, [weights], "general"))
        for number, task in enumerate(LLAMA_TASKS[: 14 if turn < 3 else 13]):
            label, setting = settings[(number + turn) % len(settings)]
            adapter = draft.block(f"{name}-{task}/lora-{label}", f.HALF * setting.parameters(base.structure()))
            draft.model(f"{name}-{task}", language_model(base, [weights, adapter], task))
    weights = draft.block("llama2-custom-7b", f.LLAMA2_7B.stored_bytes())
    draft.model("llama2-custom-7b", language_model(f.LLAMA2_7B, [weights], "custom"))
    return draft.library()


VISUAL_TASKS = ["captions", "charts", "documents", "inspection", "questions"]


def vision_language() -> ModelLibrary:
    """Two Llama bases and three vision towers in all six pairs, with adapters; also each base and each tower alone.

    A tower serves both bases, a base serves all towers: the two cross.
    """
    draft = LibraryDraft("vision-language")
    bases = {"llama2-chat-7b": f.LLAMA2_7B, "llama3.1-8b-instruct": f.LLAMA31_8B}
    settings = list(f.LORA_SETTINGS.items())
    for turn, (base_name, base) in enumerate(bases.items()):
        weights = draft.block(base_name, base.stored_bytes())
        for number, task in enumerate(LLAMA_TASKS[:9]):
            label, setting = settings[(number + turn) % len(settings)]
            adapter = draft.block(f"{base_name}-{task}/lora-{label}", f.HALF * setting.parameters(base.structure()))
            draft.model(f"{base_name}-{task}", language_model(base, [weights, adapter], task))
        for tower_name, tower in f.TOWERS.items():
            pair = f"{base_name}-{tower_name}"
            eyes = draft.block(tower_name, f.HALF * tower.parameters())
            bridge = draft.block(f"{pair}/projector", f.HALF * f.projector(tower, base))
            for task in VISUAL_TASKS:
                adapter = draft.block(
                    f"{pair}-{task}/lora-r64", f.HALF * f.LORA_SETTINGS["r64"].parameters(base.structure())
                )
                draft.model(
                    f"{pair}-{task}",
                    language_model(
                        base, [weights, eyes, bridge, adapter], task, tower.tokens, 1 / tower.speed.images_per_s
                    ),
                )
    for tower_name, tower in f.TOWERS.items():
        for task in ("birds", "food", "plants", "textures"):
            head = f.HALF * (tower.width + 1) * f.CLASSIFICATION_TASKS[task]
            draft.model(
                f"{tower_name}-{task}",
                Model(
                    blocks=[tower_name, draft.block(f"{tower_name}-{task}/head", head)],
                    task=task,
                    flops_per_sample=rounded(2e9 * tower.speed.gmacs),
                    compute_fixed_s=rounded(SECONDS_PER_LAYER * (4 * tower.depth + 2)),
                    compute_per_sample_s=rounded(1 / tower.speed.images_per_s),
                    workspace_bytes_per_sample=round(f.HALF * tower.speed.macts * 1e6),
                ),
            )
    return draft.library()


LIBRARIES = (resnet_freeze, resnet_detection, llama_lora, vision_language)


def main() -> None:
    """Write one file for each library beside this script."""
    for make in LIBRARIES:
        library = make()
        library.write(Path(__file__).parent / f"{library.name}.json")
        print(library)


if __name__ == "__main__":
    main()
